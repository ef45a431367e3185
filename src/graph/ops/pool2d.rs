//! Pooling.

use parnas_kernels::ops::{Pool2d, Pool2dForward, Pool2dGradient, PoolKind};

use crate::graph::{Graph, Result, Tensor};

impl Graph {
    /// Pooling over the last two axes: `[.., H, W] -> [.., Ho, Wo]`.
    ///
    /// # Errors
    /// Where there are fewer than two axes or the window is larger than the padded input.
    pub fn pool2d(&mut self, x: Tensor, kind: PoolKind, kernel: u32, stride: u32, padding: u32) -> Result<Tensor> {
        let mut shape = self.shape(x).to_vec();
        let axes = shape.len();
        if axes < 2 {
            return Err(self.shape_error("pool2d", "it has two axes or more", &[x]));
        }
        let planes: usize = shape[..axes - 2].iter().product();
        let (height, width) = (shape[axes - 2] as u32, shape[axes - 1] as u32);
        let pool = Pool2d { kind, planes: planes as u32, height, width, kernel, stride, padding };
        pool.validate().map_err(|error| self.shape_error("pool2d", error.to_string(), &[x]))?;
        shape[axes - 2] = pool.output_height() as usize;
        shape[axes - 1] = pool.output_width() as usize;
        let y = self.kernel(Pool2dForward(pool), &[x], shape);
        self.differentiate_unary(move |graph, gradient| {
            let input = matches!(kind, PoolKind::Maximum).then_some(x);
            let inputs: Vec<Tensor> = input.into_iter().chain([gradient]).collect();
            let shape = graph.shape(x).to_vec();
            Ok(graph.kernel(Pool2dGradient(pool), &inputs, shape))
        });
        Ok(y)
    }
}
