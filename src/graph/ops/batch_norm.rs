//! Batch normalisation with statistics of each architecture's own.

use parnas_kernels::ops::{
    Affine, BatchNormalise, BatchNormaliseGradient, BatchNormaliseSums, BatchStatistics, RunningStatistics,
};

use crate::graph::{Graph, Persistent, Result, Tensor};

/// Where the statistics of a normalisation come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// Of this batch.
    Batch,
    /// Given: mean and biased variance `[A, C, 2]`, recalibrated or running ones. They carry no gradient.
    Fixed(Tensor),
}

/// What a batch normalisation is beside its input.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: f32,
    /// Scale and shift, each `[C]` shared by [`Graph::share`], or `[A, C]`.
    pub affine: Option<(Tensor, Tensor)>,
    /// Whether the result passes through ReLU.
    pub relu: bool,
    /// Where the statistics come from.
    pub statistics: Statistics,
}

/// The sums that a normalisation's gradient needs.
fn sums_of(normalise: &BatchNormalise) -> BatchNormaliseSums {
    let BatchNormalise { architectures, batch, channels, spatial, epsilon, affine, relu, .. } = *normalise;
    BatchNormaliseSums { architectures, batch, channels, spatial, epsilon, affine, relu }
}

/// A normalisation's gradient with respect to its input.
fn gradient_of(normalise: &BatchNormalise, fixed_statistics: bool) -> BatchNormaliseGradient {
    let BatchNormalise { architectures, batch, channels, spatial, epsilon, affine, relu, .. } = *normalise;
    BatchNormaliseGradient { architectures, batch, channels, spatial, epsilon, affine, relu, fixed_statistics }
}

impl Graph {
    /// Mean and biased variance of each architecture and channel: `[A, N, C, H, W] -> [A, C, 2]`. Their gradient is part of
    /// the normalisation's.
    ///
    /// # Errors
    /// Where `x` has not five axes.
    pub fn batch_statistics(&mut self, x: Tensor) -> Result<Tensor> {
        let &[a, n, c, h, w] = self.shape(x) else {
            return Err(self.shape_error("batch_statistics", "x is [A, N, C, H, W]", &[x]));
        };
        let kernel =
            BatchStatistics { architectures: a as u32, batch: n as u32, channels: c as u32, spatial: (h * w) as u32 };
        Ok(self.kernel(kernel, &[x], vec![a, c, 2]))
    }

    /// Moves running statistics `[A, C, 2]` towards those of a batch of `elements` values a channel; the running variance is
    /// the unbiased one.
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn running_statistics(
        &mut self,
        statistics: Tensor,
        running: &Persistent,
        elements: usize,
        momentum: f32,
    ) -> Result<()> {
        let running = self.input(running);
        let (&[a, c, 2], true) = (self.shape(statistics), self.shape(statistics) == self.shape(running)) else {
            return Err(self.shape_error("running_statistics", "both are [A, C, 2]", &[statistics, running]));
        };
        let kernel = RunningStatistics {
            architectures: a as u32,
            channels: c as u32,
            batch_elements: elements as u32,
            momentum,
        };
        self.effect(kernel, &[statistics], &[running]);
        Ok(())
    }

    /// Batch normalisation of `x` `[A, N, C, H, W]`; returns the result and the statistics that it used.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn batch_norm(&mut self, x: Tensor, options: BatchNorm) -> Result<(Tensor, Tensor)> {
        let &[a, n, c, h, w] = self.shape(x) else {
            return Err(self.shape_error("batch_norm", "x is [A, N, C, H, W]", &[x]));
        };
        let statistics = match options.statistics {
            Statistics::Batch => self.batch_statistics(x)?,
            Statistics::Fixed(statistics) => statistics,
        };
        if self.shape(statistics) != [a, c, 2] {
            return Err(self.shape_error("batch_norm", format!("the statistics are [{a}, {c}, 2]"), &[x, statistics]));
        }
        let mut tensors = Vec::new();
        let affine = match options.affine {
            None => Affine::None,
            Some((scale, shift)) => {
                tensors = vec![scale, shift];
                if tensors.iter().any(|tensor| self.shape(*tensor) != [a, c]) {
                    return Err(self.shape_error(
                        "batch_norm",
                        format!("scale and shift are [{a}, {c}]"),
                        &[x, scale, shift],
                    ));
                }
                if self.is_shared(scale) { Affine::Shared } else { Affine::PerArchitecture }
            }
        };
        let base = BatchNormalise {
            architectures: a as u32,
            batch: n as u32,
            channels: c as u32,
            spatial: (h * w) as u32,
            epsilon: options.epsilon,
            affine,
            relu: options.relu,
            summand: false,
        };
        let fixed_statistics = matches!(options.statistics, Statistics::Fixed(_));
        let shape = self.shape(x).to_vec();
        let inputs: Vec<Tensor> = [x, statistics].into_iter().chain(tensors.iter().copied()).collect();
        let y = self.kernel(base.clone(), &inputs, shape);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            let mut inputs = vec![g, x, statistics];
            inputs.extend(&tensors);
            let sums = graph.kernel(sums_of(&base), &inputs, vec![a, c, 2]);
            if upstream.wanted[0] {
                let mut inputs = vec![g, x, statistics, sums];
                inputs.extend(&tensors);
                let kernel = gradient_of(&base, fixed_statistics);
                let shape = graph.shape(x).to_vec();
                gradients[0] = Some(graph.kernel(kernel, &inputs, shape));
            }
            // The scale's gradient is the second sum, the shift's the first.
            for (place, column) in [(2, 1), (3, 0)] {
                if upstream.wanted.get(place) == Some(&true) {
                    let slice = graph.slice(sums, 2, column, 1)?;
                    gradients[place] = Some(graph.reshape(slice, &[a, c])?);
                }
            }
            Ok(gradients)
        });
        Ok((y, statistics))
    }
}
