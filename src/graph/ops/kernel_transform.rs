//! Elastic kernels of depthwise convolutions, by learned transforms.

use parnas_kernels::ops::{
    KernelTransform, KernelTransformChoiceGradient, KernelTransformMatrixGradient, KernelTransformWeightGradient,
    Unselected,
};

use crate::graph::{Graph, Result, Tensor};

/// The depthwise kernels of each architecture.
#[derive(Debug, Clone, Copy)]
pub struct ElasticKernel {
    /// The weights `[A, C, 1, 7, 7]`, smaller kernels in the middle of zeros.
    pub weight: Tensor,
    /// How far each architecture's kernel goes from its centre, whole numbers `[A]`. It has no gradient.
    pub reach: Tensor,
}

impl Graph {
    /// The depthwise kernels 3, 5, 7 that architectures choose by `weights` `[A, 3]`, out of one kernel `w` `[A, C, 1, 7, 7]` and the
    /// transforms `m5` `[A, 25, 25]` and `m3` `[A, 9, 9]`, all shared by [`Graph::share`].
    ///
    /// As in once-for-all (Cai et al., ICLR 2020; `DynamicSeparableConv2d` of mit-han-lab/once-for-all) the transforms chain:
    /// kernel 5 is the centre of kernel 7, row by row as a vector, times `m5`; kernel 3 the centre of that kernel 5 times `m3`.
    /// Relaxed weights give the weighted sum of the kernels, which is that of the convolutions. With [`Unselected::Exact`] every
    /// tap is computed for the gradient of weights that are 0; otherwise that is 0.
    ///
    /// # Errors
    /// Where the shapes do not fit, or kernel and transforms are not shared.
    pub fn kernel_transform(
        &mut self,
        weights: Tensor,
        w: Tensor,
        [m5, m3]: [Tensor; 2],
        unselected: Unselected,
    ) -> Result<ElasticKernel> {
        const NAME: &str = "kernel_transform";
        let inputs = [weights, w, m5, m3];
        let (&[a, 3], &[_, c, 1, 7, 7]) = (self.shape(weights), self.shape(w)) else {
            return Err(self.shape_error(NAME, "the weights are [A, 3] and w is [A, C, 1, 7, 7]", &inputs));
        };
        let shapes = [(w, vec![a, c, 1, 7, 7]), (m5, vec![a, 25, 25]), (m3, vec![a, 9, 9])];
        if shapes.iter().any(|(tensor, shape)| self.shape(*tensor) != shape || !self.is_shared(*tensor)) {
            return Err(self.shape_error(NAME, "kernel, [25, 25] and [9, 9] are shared by all architectures", &inputs));
        }
        let kernel = KernelTransform {
            architectures: a as u32,
            channels: c as u32,
            evaluate_all: unselected == Unselected::Exact,
        };
        kernel.validate().map_err(|error| self.shape_error(NAME, error.to_string(), &inputs))?;
        let outputs = self.kernel_outputs(kernel, &inputs, vec![vec![a, c, 1, 7, 7], vec![c, 34], vec![a]]);
        let made = outputs[1];
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; 4];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            if upstream.wanted[0] {
                let kernel = KernelTransformChoiceGradient(kernel);
                gradients[0] = Some(graph.kernel(kernel, &[g, weights, w, made], vec![a, 3]));
            }
            if upstream.wanted[1..].contains(&true) {
                let shapes = vec![vec![a, c, 1, 7, 7], vec![a, c, 34]];
                let inputs = [g, weights, m5, m3];
                let kernels = graph.kernel_outputs(KernelTransformWeightGradient(kernel), &inputs, shapes);
                gradients[1] = Some(kernels[0]);
                let shapes = vec![vec![a, 25, 25], vec![a, 9, 9]];
                let inputs = [w, made, kernels[1]];
                let matrices = graph.kernel_outputs(KernelTransformMatrixGradient(kernel), &inputs, shapes);
                (gradients[2], gradients[3]) = (Some(matrices[0]), Some(matrices[1]));
            }
            Ok(gradients)
        });
        Ok(ElasticKernel { weight: outputs[0], reach: outputs[2] })
    }
}
