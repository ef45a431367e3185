//! The product of each channel with a factor of its own.

use parnas_kernels::ops::{Binary, BinaryOperation, Dot};

use crate::graph::{Graph, Result, Tensor};

impl Graph {
    /// `factors[a, n, c] * x[a, n, c, h, w]`. [`Graph::multiply`] after a reshape would do; but here the gradient of a factor is one
    /// inner product, not a product of the size of `x` that is summed afterwards.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn scale_channels(&mut self, x: Tensor, factors: Tensor) -> Result<Tensor> {
        let &[a, n, c, h, w] = self.shape(x) else {
            return Err(self.shape_error("scale_channels", "x is [A, N, C, H, W]", &[x, factors]));
        };
        if self.shape(factors) != [a, n, c] {
            return Err(self.shape_error("scale_channels", format!("the factors are [{a}, {n}, {c}]"), &[x, factors]));
        }
        let kernel = self.channel_product(x, factors)?;
        let y = self.kernel(kernel, &[factors, x], vec![a, n, c, h, w]);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; 2];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            if upstream.wanted[0] {
                let kernel = Dot { outer: (a * n * c) as u32, axis: (h * w) as u32 };
                gradients[0] = Some(graph.kernel(kernel, &[g, x], vec![a, n, c]));
            }
            if upstream.wanted[1] {
                let kernel = graph.channel_product(g, factors)?;
                gradients[1] = Some(graph.kernel(kernel, &[factors, g], vec![a, n, c, h, w]));
            }
            Ok(gradients)
        });
        Ok(y)
    }

    fn channel_product(&self, x: Tensor, factors: Tensor) -> Result<Binary> {
        let (channels, spatial) = (self.len(factors), self.len(x) / self.len(factors).max(1));
        let kernel = Binary::new(BinaryOperation::Multiply, &[channels, 1], &[channels, spatial]);
        Ok(kernel?.0)
    }
}
