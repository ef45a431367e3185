//! The mixed edge of NAS-Bench-201: the weighted sum of its five operations, for many architectures at once.

use parnas_kernels::ops::{
    Gate, MixedCombine, MixedEdge, MixedInputGradient, MixedNormaliseGradient, MixedStatistics, MixedSums,
    MixedWeightGradient, Unselected,
};

use super::{Convolution, Statistics};
use crate::graph::{Graph, Result, Tensor};

/// Choices of an edge, in the order none, skip, convolution 1x1, convolution 3x3, average pooling 3x3.
const CHOICES: usize = 5;

/// What a mixed edge is beside its tensors.
#[derive(Debug, Clone, Copy)]
pub struct MixedOptions {
    /// Added to the variances.
    pub epsilon: f32,
    /// The gradient of entries that the forward pass did not take.
    pub unselected: Unselected,
    /// Where the statistics of the convolutions come from: this batch, or `[2, A, C, 2]`.
    pub statistics: Statistics,
}

impl Graph {
    /// `previous + sum_k weights[a, k] op_k(x)`: `x` `[A, N, C, H, W]`, `weights` `[A, 5]`, `conv3` `[A, C, C, 3, 3]`, `conv1`
    /// `[A, C, C, 1, 1]` or, entangled, the centre tap of `conv3`. Returns the sum and the statistics `[2, A, C, 2]`.
    ///
    /// The convolutions are ReLU-convolution-normalisation without affine parameters. Where a weight is exactly zero its
    /// operation is skipped on the device, so that one-hot weights run the selected operation alone and softmax weights the
    /// whole relaxed sum. With [`Unselected::Exact`] every operation is evaluated, for the gradient of the weights.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn mixed_edge(
        &mut self,
        x: Tensor,
        weights: Tensor,
        conv3: Tensor,
        conv1: Option<Tensor>,
        previous: Option<Tensor>,
        options: MixedOptions,
    ) -> Result<(Tensor, Tensor)> {
        let (&[a, n, c, h, w], [aw, CHOICES]) = (self.shape(x), self.shape(weights)) else {
            return Err(self.shape_error(
                "mixed_edge",
                "x is [A, N, C, H, W] and the weights are [A, 5]",
                &[x, weights],
            ));
        };
        if *aw != a || previous.is_some_and(|previous| self.shape(previous) != self.shape(x)) {
            return Err(self.shape_error("mixed_edge", "the architectures or the summands differ", &[x, weights]));
        }
        let edge = MixedEdge {
            architectures: a as u32,
            batch: n as u32,
            channels: c as u32,
            height: h as u32,
            width: w as u32,
            epsilon: options.epsilon,
            evaluate_all: options.unselected == Unselected::Exact,
        };
        let gate = |choice| Some((weights, Gate { width: CHOICES as u32, choice }));
        let convolution = Convolution { relu_input: true, gate_forward: !edge.evaluate_all, ..Convolution::default() };
        let one = Convolution { centre_tap: conv1.is_none(), gate: gate(2), ..convolution };
        let z1 = self.conv2d(x, conv1.unwrap_or(conv3), one)?;
        let z3 = self.conv2d(x, conv3, Convolution { padding: 1, gate: gate(3), ..convolution })?;
        let statistics = match options.statistics {
            Statistics::Batch => self.kernel(MixedStatistics(edge), &[z1, z3, weights], vec![2, a, c, 2]),
            Statistics::Fixed(statistics) if self.shape(statistics) == [2, a, c, 2] => statistics,
            Statistics::Fixed(statistics) => {
                return Err(self.shape_error(
                    "mixed_edge",
                    format!("the statistics are [2, {a}, {c}, 2]"),
                    &[statistics],
                ));
            }
        };
        let fixed = matches!(options.statistics, Statistics::Fixed(_));
        let inputs: Vec<Tensor> = [x, z1, z3, statistics, weights].into_iter().chain(previous).collect();
        let shape = self.shape(x).to_vec();
        let kernel = MixedCombine { edge, accumulate: previous.is_some() };
        let y = self.kernel(kernel, &inputs, shape);
        if fixed {
            // Evaluation only: its gradient would need the normalisation's with fixed statistics.
            return Ok((y, statistics));
        }
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            let shape = graph.shape(x).to_vec();
            let inputs = [g, x, z1, z3, statistics, weights];
            let sums = graph.kernel(MixedSums(edge), &inputs, vec![a, c, CHOICES]);
            if upstream.wanted[0] {
                let known = upstream.known[0].take();
                let kernel = MixedInputGradient { edge, accumulate: known.is_some() };
                let inputs: Vec<Tensor> = [g, weights].into_iter().chain(known).collect();
                gradients[0] = Some(graph.kernel(kernel, &inputs, shape.clone()));
            }
            if upstream.wanted[1] || upstream.wanted[2] {
                let inputs = [g, z1, z3, statistics, sums, weights];
                let both = graph.kernel_outputs(MixedNormaliseGradient(edge), &inputs, vec![shape.clone(), shape]);
                (gradients[1], gradients[2]) = (Some(both[0]), Some(both[1]));
            }
            if upstream.wanted[4] {
                let kernel = MixedWeightGradient { edge, unselected: options.unselected };
                gradients[4] = Some(graph.kernel(kernel, &[sums, weights], vec![a, CHOICES]));
            }
            if upstream.wanted.get(5) == Some(&true) {
                gradients[5] = Some(g);
            }
            Ok(gradients)
        });
        Ok((y, statistics))
    }
}
