//! Which channels architectures of different widths take, and the mask over them.

use parnas_kernels::ops::{ChannelMask, ChannelMaskGradient, Coverage, CoverageGradient, Gate, Unselected};

use super::shape::around;
use crate::graph::{Graph, Result, Tensor};

/// The channels that each architecture takes of one largest width `W`.
#[derive(Debug, Clone, Copy)]
pub struct ElasticWidth {
    /// What each channel is scaled by, `[A, W]`: the sum of the weights of the widths that cover it.
    pub mask: Tensor,
    /// Where loops over channels end, whole numbers `[A]`. It has no gradient.
    pub extents: Tensor,
    /// Whether the gradient of entries of the mask that are 0 is wanted: all channels are computed for it.
    pub exact: bool,
}

/// What a coverage is beside its weights.
#[derive(Debug, Clone, Copy)]
pub struct CoverageOptions {
    /// The gradient of weights that are 0: with [`Unselected::Exact`] all channels are computed, and it is their own; otherwise
    /// channels beyond the widest width of a weight are skipped, and it is 0.
    pub unselected: Unselected,
    /// Architecture weights (or a mask over layers) `[A, width]`, and the entry that is 0 for architectures without this layer:
    /// theirs are no channels, so that the layer does no work. The mask is as without.
    pub gate: Option<(Tensor, Gate)>,
}

impl Graph {
    /// The coverage of channels by one decision over `widths`: weights `[A, K]` `-> [A, W]`, `W` the largest width. Candidates
    /// share the channels from 0 on, so that width `w` covers `c < w`.
    ///
    /// A decision over depths is one over the number of layers: layer `l` runs for architectures with `mask[a,l]` above 0
    /// ([`Graph::gate_layer`]).
    ///
    /// # Errors
    /// Where the weights are not one a width, or the widths none that a kernel takes.
    pub fn coverage(&mut self, weights: Tensor, widths: &[u32], options: CoverageOptions) -> Result<ElasticWidth> {
        let &[a, choices] = self.shape(weights) else {
            return Err(self.shape_error("coverage", "the weights are [A, K]", &[weights]));
        };
        if choices != widths.len() {
            return Err(self.shape_error("coverage", format!("there are {} widths", widths.len()), &[weights]));
        }
        if let Some((gate, choice)) = options.gate {
            let fits = self.shape(gate) == [a, choice.width as usize] && choice.choice < choice.width;
            if !fits {
                let message = format!("the gate is [{a}, {}] and has the choice {}", choice.width, choice.choice);
                return Err(self.shape_error("coverage", message, &[weights, gate]));
            }
        }
        let kernel = Coverage {
            architectures: a as u32,
            widths: widths.to_vec(),
            gate: options.gate.map(|(_, gate)| gate),
            evaluate_all: options.unselected == Unselected::Exact,
        };
        kernel.validate().map_err(|error| self.shape_error("coverage", error.to_string(), &[weights]))?;
        let inputs: Vec<Tensor> = [weights].into_iter().chain(options.gate.map(|(gate, _)| gate)).collect();
        let outputs = vec![vec![a, kernel.width() as usize], vec![a]];
        let exact = kernel.evaluate_all;
        let outputs = self.kernel_outputs(kernel.clone(), &inputs, outputs);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            if let (Some(dmask), true) = (upstream.outputs[0], upstream.wanted[0]) {
                let kernel = CoverageGradient(kernel.clone());
                gradients[0] = Some(graph.kernel(kernel, &[dmask, weights], vec![a, choices]));
            }
            Ok(gradients)
        });
        Ok(ElasticWidth { mask: outputs[0], extents: outputs[1], exact })
    }

    /// `x` `[A, ...]` with the channels along `axis` scaled by `mask` `[A, channels]`; where the mask is 0 the result is 0 whatever
    /// `x` is. It belongs behind a normalisation.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn mask_channels(&mut self, x: Tensor, mask: Tensor, axis: usize) -> Result<Tensor> {
        let shape = self.shape(x).to_vec();
        if axis == 0 || axis >= shape.len() || self.shape(mask) != [shape[0], shape[axis]] || self.is_shared(x) {
            let message = format!("the mask has an entry for each channel along axis {axis}");
            return Err(self.shape_error("mask_channels", message, &[x, mask]));
        }
        let (outer, channels, inner) = around(&shape, axis);
        let kernel = ChannelMask {
            architectures: shape[0] as u32,
            outer: (outer / shape[0]) as u32,
            channels: channels as u32,
            inner: inner as u32,
        };
        kernel.validate().map_err(|error| self.shape_error("mask_channels", error.to_string(), &[x, mask]))?;
        let y = self.kernel(kernel, &[x, mask], shape.clone());
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; 2];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            if upstream.wanted[0] {
                gradients[0] = Some(graph.kernel(kernel, &[g, mask], shape.clone()));
            }
            if upstream.wanted[1] {
                let gradient = ChannelMaskGradient { mask: kernel, shared: false, accumulate: false, quotient: false };
                gradients[1] = Some(graph.kernel(gradient, &[g, x], vec![shape[0], channels]));
            }
            Ok(gradients)
        });
        Ok(y)
    }

    /// `x` `[A, ...]`, what layer number `layer` adds to its input, scaled by the layer's entry of the mask over depths: 0, whatever
    /// `x` is, for architectures that end before it.
    ///
    /// # Errors
    /// Where there is no such layer, or the architectures differ.
    pub fn gate_layer(&mut self, x: Tensor, depth: ElasticWidth, layer: usize) -> Result<Tensor> {
        let shape = self.shape(x).to_vec();
        let a = shape.first().copied().unwrap_or(0);
        let rows = self.reshape(x, &[a, 1, self.len(x) / a.max(1)])?;
        let mask = self.slice(depth.mask, 1, layer, 1)?;
        let y = self.mask_channels(rows, mask, 1)?;
        self.reshape(y, &shape)
    }
}
