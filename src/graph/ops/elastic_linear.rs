//! A linear layer of weights that architectures of different widths share.

use parnas_kernels::ops::{
    Activation, ChannelMask, ChannelMaskGradient, ElasticLinear, ElasticLinearForward, ElasticLinearInputGradient,
    ElasticLinearWeightGradient, ElasticOutput, Function, UnaryGradient,
};

use super::ElasticWidth;
use crate::graph::{Graph, Result, Tensor};

/// What an elastic linear layer is beside its input and weights.
#[derive(Debug, Clone, Copy, Default)]
pub struct ElasticLinearOptions {
    /// A bias `[A, O]` shared by [`Graph::share`].
    pub bias: Option<Tensor>,
    /// How many inputs each architecture reads, whole numbers `[A]`: the extents of what made them.
    pub input_extents: Option<Tensor>,
    /// Which outputs each architecture computes; all of them without.
    pub output: Option<ElasticWidth>,
    /// What follows.
    pub activation: Activation,
}

impl Graph {
    /// `y[a,n,o] = f(mask[a,o] (sum_i x[a,n,i] w[o,i] + bias[o]))`: `x` `[A, N, I]`, `w` `[A, O, I]` shared by [`Graph::share`]
    /// `-> [A, N, O]`, `f` being the activation.
    ///
    /// Sums end at the extents of the inputs, outputs beyond those of the output are 0 and skipped. At every vertex of the simplex
    /// it is the linear layer of the sliced weight, in outputs and gradients.
    ///
    /// The gradient of the mask is that of the result, summed over the rows and divided by the mask. Where entries that are 0 need
    /// theirs ([`ElasticWidth::exact`]) it is the inner product of the gradient of the effective weights with the weights and bias.
    ///
    /// # Errors
    /// Where the shapes do not fit, or weight or bias are not shared.
    pub fn elastic_linear(&mut self, x: Tensor, w: Tensor, options: ElasticLinearOptions) -> Result<Tensor> {
        const NAME: &str = "elastic_linear";
        let (&[a, n, i], &[aw, o, iw]) = (self.shape(x), self.shape(w)) else {
            return Err(self.shape_error(NAME, "x is [A, N, I] and w is [A, O, I]", &[x, w]));
        };
        if a != aw || i != iw || !self.is_shared(w) {
            return Err(self.shape_error(NAME, "w is [A, O, I], shared by the architectures of x", &[x, w]));
        }
        if let Some(bias) = options.bias.filter(|bias| self.shape(*bias) != [a, o] || !self.is_shared(*bias)) {
            return Err(self.shape_error(NAME, format!("the bias is [{a}, {o}], shared"), &[x, w, bias]));
        }
        if let Some(extents) = options.input_extents.filter(|extents| self.shape(*extents) != [a]) {
            return Err(self.shape_error(NAME, format!("the extents are [{a}]"), &[x, w, extents]));
        }
        if let Some(width) = options.output.filter(|width| self.shape(width.mask) != [a, o]) {
            return Err(self.shape_error(NAME, format!("the mask is [{a}, {o}]"), &[x, w, width.mask]));
        }
        let layer = ElasticLinear {
            architectures: a as u32,
            rows: n as u32,
            inputs: i as u32,
            outputs: o as u32,
            bias: options.bias.is_some(),
            elastic_input: options.input_extents.is_some(),
            output: if options.output.is_some() { ElasticOutput::Mask } else { ElasticOutput::Full },
            activation: options.activation,
        };
        layer.validate().map_err(|error| self.shape_error(NAME, error.to_string(), &[x, w]))?;
        let mask = options.output.map(|width| width.mask);
        let bounds: Vec<Tensor> =
            options.input_extents.into_iter().chain(options.output.map(|width| width.extents)).collect();
        let inputs: Vec<Tensor> =
            [x, w].into_iter().chain(options.bias).chain(bounds.iter().copied()).chain(mask).collect();
        let (place_of_bias, place_of_mask) = (2, inputs.len() - 1);
        let y = self.kernel(ElasticLinearForward(layer), &inputs, vec![a, n, o]);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            let Some(mut g) = upstream.outputs[0] else { return Ok(gradients) };
            if options.activation == Activation::Relu {
                // relu'(its input) is 1 exactly where its output is positive.
                let kernel = UnaryGradient { function: Function::Relu, len: graph.len(y) };
                g = graph.kernel(kernel, &[y, g], vec![a, n, o]);
            }
            let bounded = |first: [Tensor; 2], mask: Option<Tensor>| -> Vec<Tensor> {
                first.into_iter().chain(bounds.iter().copied()).chain(mask).collect()
            };
            if upstream.wanted[0] {
                let kernel = ElasticLinearInputGradient(layer);
                gradients[0] = Some(graph.kernel(kernel, &bounded([g, w], mask), vec![a, n, i]));
            }
            let of_mask = mask.filter(|_| upstream.wanted[place_of_mask]);
            let exact = options.output.is_some_and(|width| width.exact);
            let of_effective = of_mask.filter(|_| exact);
            let of_bias = options.bias.filter(|_| of_effective.is_some() || upstream.wanted[place_of_bias]);
            let sums = of_bias.map(|_| graph.sum(g, 1)).transpose()?;
            if let Some(mask) = of_effective {
                let effective = ElasticLinear { output: ElasticOutput::Extents, ..layer };
                let kernel = ElasticLinearWeightGradient(effective);
                let effective = graph.kernel(kernel, &bounded([g, x], None), vec![a, o, i]);
                let (wide, narrow) = (rows_of(a, o, i), rows_of(a, o, 1));
                let gradient = ChannelMaskGradient { mask: wide, shared: true, accumulate: false, quotient: false };
                let mut of_mask = graph.kernel(gradient, &[effective, w], vec![a, o]);
                if let (Some(bias), Some(sums)) = (options.bias, sums) {
                    let gradient = ChannelMaskGradient { mask: narrow, accumulate: true, ..gradient };
                    of_mask = graph.kernel(gradient, &[sums, bias, of_mask], vec![a, o]);
                }
                gradients[place_of_mask] = Some(of_mask);
                if upstream.wanted[1] {
                    gradients[1] = Some(graph.kernel(wide, &[effective, mask], vec![a, o, i]));
                }
            } else if upstream.wanted[1] {
                let kernel = ElasticLinearWeightGradient(layer);
                gradients[1] = Some(graph.kernel(kernel, &bounded([g, x], mask), vec![a, o, i]));
            }
            if let Some(mask) = of_mask.filter(|_| !exact) {
                let places = ChannelMask { outer: n as u32, ..rows_of(a, o, 1) };
                let kernel = ChannelMaskGradient { mask: places, shared: false, accumulate: false, quotient: true };
                gradients[place_of_mask] = Some(graph.kernel(kernel, &[g, y, mask], vec![a, o]));
            }
            if let (Some(sums), true) = (sums, options.bias.is_some() && upstream.wanted[place_of_bias]) {
                gradients[place_of_bias] = Some(match mask {
                    Some(mask) => graph.kernel(rows_of(a, o, 1), &[sums, mask], vec![a, o]),
                    None => sums,
                });
            }
            Ok(gradients)
        });
        Ok(y)
    }
}

/// The mask over the rows of matrices `[A, rows, columns]`.
fn rows_of(architectures: usize, rows: usize, columns: usize) -> ChannelMask {
    ChannelMask { architectures: architectures as u32, outer: 1, channels: rows as u32, inner: columns as u32 }
}
