//! Two-dimensional convolution for several architectures at once.

use parnas_kernels::ops::{Conv2d, Conv2dForward, Conv2dInputGradient, Conv2dWeightGradient, Elastic, Gate};

use crate::graph::{Graph, Result, Tensor};

/// What a convolution is beside its tensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convolution {
    /// Steps between outputs.
    pub stride: u32,
    /// Zeros around the input.
    pub padding: u32,
    /// Steps between taps.
    pub dilation: u32,
    /// Groups of channels.
    pub groups: u32,
    /// Whether the input passes through ReLU first.
    pub relu_input: bool,
    /// Whether the weight is a larger kernel of which the 1x1 centre tap alone is used.
    pub centre_tap: bool,
    /// Architecture weights `[A, width]` and the choice that opens the gate: other architectures are skipped, and their
    /// outputs are garbage that no one may read.
    pub gate: Option<(Tensor, Gate)>,
    /// Whether the gate holds for the forward pass too, or only for the gradients.
    pub gate_forward: bool,
    /// How many channels of the input, from 0 on, each architecture reads, whole numbers `[A]`; of one group.
    pub input_extents: Option<Tensor>,
    /// How many channels of the output each architecture computes, whole numbers `[A]`; the others are 0. Of one group, or of a
    /// depthwise convolution, whose input it bounds too.
    pub output_extents: Option<Tensor>,
    /// How far from the centre each architecture's taps go, whole numbers `[A]`; of a depthwise convolution.
    pub reach: Option<Tensor>,
}

impl Default for Convolution {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
            relu_input: false,
            centre_tap: false,
            gate: None,
            gate_forward: true,
            input_extents: None,
            output_extents: None,
            reach: None,
        }
    }
}

impl Graph {
    /// Convolution: `x` `[A, N, Ci, H, W]`, `w` `[A, Co, Ci / groups, k, k]` (shared by [`Graph::share`], or one an
    /// architecture) `-> [A, N, Co, Ho, Wo]`.
    ///
    /// # Errors
    /// Where the shapes do not fit, or the kernel is larger than the padded input.
    pub fn conv2d(&mut self, x: Tensor, w: Tensor, options: Convolution) -> Result<Tensor> {
        let (&[a, n, ci, h, width], &[aw, co, cig, k, k2]) = (self.shape(x), self.shape(w)) else {
            return Err(self.shape_error("conv2d", "x is [A, N, Ci, H, W] and w is [A, Co, Ci/groups, k, k]", &[x, w]));
        };
        if a != aw || k != k2 || cig * options.groups as usize != ci {
            return Err(self.shape_error("conv2d", format!("with {} groups they do not fit", options.groups), &[x, w]));
        }
        let bounds = [options.input_extents, options.output_extents, options.reach];
        if let Some(bound) = bounds.into_iter().flatten().find(|bound| self.shape(*bound) != [a]) {
            return Err(self.shape_error("conv2d", format!("extents and reach are [{a}]"), &[x, w, bound]));
        }
        let [input, output, reach] = bounds.map(|bound| bound.is_some());
        let gate = options.gate.map(|(_, gate)| gate);
        let convolution = Conv2d {
            architectures: a as u32,
            batch: n as u32,
            in_channels: ci as u32,
            out_channels: co as u32,
            height: h as u32,
            width: width as u32,
            kernel: if options.centre_tap { 1 } else { k as u32 },
            stride: options.stride,
            padding: options.padding,
            dilation: options.dilation,
            groups: options.groups,
            shared_weight: self.is_shared(w),
            relu_input: options.relu_input,
            gate,
            centre_of: if options.centre_tap { k as u32 } else { 0 },
            elastic: Elastic { input, output, reach },
        };
        convolution.validate().map_err(|error| self.shape_error("conv2d", error.to_string(), &[x, w]))?;
        let shape = vec![a, n, co, convolution.output_height() as usize, convolution.output_width() as usize];
        let gate_tensor = options.gate.map(|(tensor, _)| tensor);
        let forward = Conv2d { gate: gate.filter(|_| options.gate_forward), ..convolution };
        let forward_gate = gate_tensor.filter(|_| options.gate_forward);
        let inputs: Vec<Tensor> = [x, w].into_iter().chain(forward_gate).chain(bounds.into_iter().flatten()).collect();
        let y = self.kernel(Conv2dForward(forward), &inputs, shape);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            if upstream.wanted[0] {
                let known = upstream.known[0].take();
                let kernel = Conv2dInputGradient { convolution, accumulate: known.is_some() };
                let mask = options.relu_input.then_some(x);
                let bounds = bounds.into_iter().flatten();
                let inputs: Vec<Tensor> =
                    [g, w].into_iter().chain(mask).chain(gate_tensor).chain(bounds).chain(known).collect();
                let shape = graph.shape(x).to_vec();
                gradients[0] = Some(graph.kernel(kernel, &inputs, shape));
            }
            if upstream.wanted[1] {
                let inputs: Vec<Tensor> =
                    [x, g].into_iter().chain(gate_tensor).chain(bounds.into_iter().flatten()).collect();
                let shape = graph.shape(w).to_vec();
                let dw = graph.push("conv2d_weight_gradient", &inputs, shape, move |plan, label, inputs, outputs| {
                    let (gate, bounds) = inputs[2..].split_at(usize::from(convolution.gate.is_some()));
                    let gradient = Conv2dWeightGradient { convolution };
                    let gate = gate.first().copied();
                    gradient.push_elastic(plan, label, inputs[0], inputs[1], gate, bounds, outputs[0])
                });
                gradients[1] = Some(dw);
            }
            Ok(gradients)
        });
        Ok(y)
    }
}
