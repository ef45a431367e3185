//! Attention of many heads, and of an elastic number of heads: truncated, or partitioned.

use parnas_kernels::ops::{
    Attention, AttentionForward, AttentionKeyValueGradient, AttentionMix, AttentionQueryGradient, AttentionRows,
    AttentionWeightGradient, Gate, HeadGate, Unselected,
};
use parnas_kernels::plan::{Operand, PlanBuilder};
use parnas_kernels::{Kernel, Result as KernelResult};

use crate::graph::{Graph, Result, Tensor, Upstream};

/// What attention is beside its queries, keys and values.
#[derive(Debug, Clone, Copy)]
pub struct AttentionOptions {
    /// Heads, `H`; of [`Graph::partitioned_attention`] the choices say it.
    pub heads: usize,
    /// The factor of the scores; 1 over the root of the head size where there is none.
    pub scale: Option<f32>,
    /// Whether query `i` sees the keys up to `i + Tk - Tq` only.
    pub causal: bool,
    /// The number of keys that each sequence has, `[N]`, whole numbers: what is behind them is padding.
    pub lengths: Option<Tensor>,
    /// The weights of the heads, `[A, H]`: each head's output times its own. Heads of weight 0 are skipped on the device.
    pub head_scale: Option<Tensor>,
    /// The gradient of weights that are 0; those of heads are published nowhere but as 0.
    pub unselected: Unselected,
}

impl Default for AttentionOptions {
    fn default() -> Self {
        Self {
            heads: 1,
            scale: None,
            causal: false,
            lengths: None,
            head_scale: None,
            unselected: Unselected::Published,
        }
    }
}

impl AttentionOptions {
    /// Whether heads and choices of weight 0 are computed too.
    fn evaluate_all(&self) -> bool {
        self.unselected == Unselected::Exact
    }
}

/// A choice of heads: its attention, and what the forward pass keeps.
#[derive(Debug, Clone, Copy)]
struct Part {
    attention: Attention,
    evaluate_all: bool,
    o: Tensor,
    lse: Tensor,
}

impl Part {
    /// The attention of the forward pass: without a gate where everything is computed.
    fn forward(attention: Attention, evaluate_all: bool) -> AttentionForward {
        let gate = if evaluate_all { HeadGate::None } else { attention.gate };
        AttentionForward(Attention { gate, ..attention })
    }
}

impl Graph {
    /// `softmax(scale q k^T) v` of each head, `[A, N, Tq, H D] x [A, N, Tk, H D] -> [A, N, Tq, H D]`: heads lie side by side, as a
    /// projection leaves them, and `k` and `v` may come from another sequence than `q`. A query that sees no key gets 0.
    ///
    /// With `head_scale`, an elastic number of heads of one size (*truncating*): with the sum of the weights of the head counts that
    /// cover a head as its weight, a one-hot choice leaves exactly the first heads. The gradient of a head's weight is the inner
    /// product of the upstream gradient with the head's output.
    ///
    /// # Errors
    /// Where the shapes do not fit, or the head size is no multiple of 4 or above 128.
    pub fn attention(&mut self, q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions) -> Result<Tensor> {
        let gate = if options.head_scale.is_some() { HeadGate::PerHead } else { HeadGate::None };
        let attention = self.attention_of("attention", [q, k, v], options.heads, gate, &options)?;
        let weights = match options.head_scale {
            Some(weights) if self.shape(weights) != [attention.architectures as usize, options.heads] => {
                let message = format!("the weights of heads are [{}, {}]", attention.architectures, options.heads);
                return Err(self.shape_error("attention", message, &[weights]));
            }
            weights => weights,
        };
        self.weighted_attention("attention", [q, k, v], &[attention], weights, &options)
    }

    /// `sum_c weights[a, c] attention_c(q, k, v)`: choice `c` splits the same projections into `heads[c]` heads, each with the scale of
    /// its own head size (*partitioning*), `weights` `[A, choices]`. Choices of weight 0 are skipped on the device, so that one-hot
    /// weights run the chosen attention alone; with [`Unselected::Exact`] all are computed, for the gradient of the weights.
    ///
    /// # Errors
    /// Where the shapes do not fit, there is no choice, or a head size is no multiple of 4 or above 128.
    pub fn partitioned_attention(
        &mut self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        weights: Tensor,
        heads: &[usize],
        options: AttentionOptions,
    ) -> Result<Tensor> {
        let name = "partitioned_attention";
        if options.head_scale.is_some() {
            return Err(self.shape_error(name, "its heads have no weights of their own", &[q, k, v]));
        }
        let architectures = self.shape(q).first().copied().unwrap_or(0);
        if heads.is_empty() || self.shape(weights) != [architectures, heads.len()] {
            let message = format!("the weights are [{architectures}, {}], of one choice at least", heads.len());
            return Err(self.shape_error(name, message, &[weights]));
        }
        let mut parts = Vec::new();
        for (choice, count) in heads.iter().enumerate() {
            let gate = HeadGate::Choice(Gate { width: heads.len() as u32, choice: choice as u32 });
            parts.push(self.attention_of(name, [q, k, v], *count, gate, &options)?);
        }
        self.weighted_attention(name, [q, k, v], &parts, Some(weights), &options)
    }

    /// The parameters of an attention of `heads` heads, its shapes checked.
    fn attention_of(
        &self,
        name: &'static str,
        tensors: [Tensor; 3],
        heads: usize,
        gate: HeadGate,
        options: &AttentionOptions,
    ) -> Result<Attention> {
        let [q, k, v] = tensors.map(|tensor| self.shape(tensor));
        let (&[a, n, queries, width], &[ak, nk, keys, width_k]) = (q, k) else {
            return Err(self.shape_error(name, "q is [A, N, Tq, H D], k and v are [A, N, Tk, H D]", &tensors));
        };
        if [a, n, width] != [ak, nk, width_k] || k != v {
            return Err(self.shape_error(name, "k and v have the shape of q but for the number of rows", &tensors));
        }
        if heads == 0 || width % heads != 0 {
            return Err(self.shape_error(name, format!("the rows are a multiple of {heads} heads"), &tensors));
        }
        if let Some(lengths) = options.lengths.filter(|lengths| self.shape(*lengths) != [n]) {
            return Err(self.shape_error(name, format!("the lengths are [{n}]"), &[lengths]));
        }
        let attention = Attention {
            architectures: a as u32,
            batch: n as u32,
            heads: heads as u32,
            queries: queries as u32,
            keys: keys as u32,
            head_size: (width / heads) as u32,
            scale: options.scale.unwrap_or(1.0 / ((width / heads) as f32).sqrt()),
            causal: options.causal,
            lengths: options.lengths.is_some(),
            gate,
        };
        attention.validate()?;
        Ok(attention)
    }

    /// The weighted sum of attentions, or one attention without a weight, as one node.
    fn weighted_attention(
        &mut self,
        name: &'static str,
        [q, k, v]: [Tensor; 3],
        attentions: &[Attention],
        weights: Option<Tensor>,
        options: &AttentionOptions,
    ) -> Result<Tensor> {
        let evaluate_all = options.evaluate_all();
        let shape = self.shape(q).to_vec();
        let lengths = options.lengths;
        let inputs: Vec<Tensor> = [q, k, v].into_iter().chain(lengths).chain(weights).collect();
        // The outputs of each attention and its logarithms, then, where there are weights, their sum.
        let mut outputs = Vec::new();
        for attention in attentions {
            let lse = [attention.architectures, attention.batch, attention.heads, attention.queries];
            outputs.extend([shape.clone(), lse.map(|extent| extent as usize).to_vec()]);
        }
        outputs.extend(weights.map(|_| shape));
        let all = attentions.to_vec();
        let outputs = self.push_outputs(name, &inputs, outputs, move |plan, label, inputs, outputs| {
            let weights = weights.map(|_| inputs[inputs.len() - 1]);
            for (index, attention) in all.iter().enumerate() {
                let kernel = Part::forward(*attention, evaluate_all);
                let gate = weights.filter(|_| kernel.0.gate != HeadGate::None);
                let lengths = lengths.map(|_| inputs[3]);
                let (o, lse) = (outputs[2 * index], outputs[2 * index + 1]);
                let first = inputs[..3].iter().copied();
                let operands: Vec<Operand> = first.chain(lengths).chain(gate).chain([o, lse]).collect();
                plan.launch(label, kernel, &operands)?;
                if let Some(weights) = weights {
                    let kernel = AttentionMix { attention: *attention, accumulate: index > 0 };
                    plan.launch(label, kernel, &[o, weights, outputs[2 * all.len()]])?;
                }
            }
            Ok(())
        });
        let kept = outputs.chunks_exact(2).zip(attentions);
        let parts: Vec<Part> = kept
            .map(|(outputs, attention)| Part { attention: *attention, evaluate_all, o: outputs[0], lse: outputs[1] })
            .collect();
        let y = if weights.is_some() { outputs.len() - 1 } else { 0 };
        self.differentiate(move |graph, upstream| {
            graph.attention_gradients([q, k, v], &parts, lengths, weights, upstream, y)
        });
        Ok(outputs[y])
    }

    /// The backward rule: output `y` of the node is the one that has a gradient.
    fn attention_gradients(
        &mut self,
        [q, k, v]: [Tensor; 3],
        parts: &[Part],
        lengths: Option<Tensor>,
        weights: Option<Tensor>,
        upstream: &Upstream,
        y: usize,
    ) -> Result<Vec<Option<Tensor>>> {
        let mut gradients = vec![None; upstream.wanted.len()];
        let Some(dy) = upstream.outputs[y] else { return Ok(gradients) };
        let mut rows = Vec::new();
        for Part { attention, evaluate_all, o, lse } in parts.iter().copied() {
            let [a, n, h, t] = [attention.architectures, attention.batch, attention.heads, attention.queries];
            let kernel = AttentionRows { attention, evaluate_all };
            let inputs: Vec<Tensor> = [o, dy, lse].into_iter().chain(weights).collect();
            rows.push(self.kernel(kernel, &inputs, [a, n, h, 2 * t + 1].map(|extent| extent as usize).to_vec()));
        }
        let attentions: Vec<Attention> = parts.iter().map(|part| part.attention).collect();
        // Rows of the parts last: each launch takes its own.
        let inputs: Vec<Tensor> = [q, k, v, dy].into_iter().chain(lengths).chain(rows.iter().copied()).collect();
        if upstream.wanted[0] {
            let shape = self.shape(q).to_vec();
            let (name, attentions) = ("attention_query_gradient", attentions.clone());
            let kernel = |attention, accumulate| AttentionQueryGradient { attention, accumulate };
            let push = push_parts(attentions, kernel);
            gradients[0] = Some(self.push_outputs(name, &inputs, vec![shape], push)[0]);
        }
        if upstream.wanted[1] || upstream.wanted[2] {
            let shape = self.shape(k).to_vec();
            let (name, attentions) = ("attention_key_value_gradient", attentions.clone());
            let kernel = |attention, accumulate| AttentionKeyValueGradient { attention, accumulate };
            let push = push_parts(attentions, kernel);
            let both = self.push_outputs(name, &inputs, vec![shape.clone(), shape], push);
            (gradients[1], gradients[2]) = (Some(both[0]), Some(both[1]));
        }
        if let (Some(weights), Some(true)) = (weights, upstream.wanted.last()) {
            let shape = self.shape(weights).to_vec();
            let evaluate_all = parts[0].evaluate_all;
            let dw = self.push("attention_weight_gradient", &rows, shape, move |plan, label, inputs, outputs| {
                for (attention, rows) in attentions.iter().copied().zip(inputs) {
                    plan.launch(label, AttentionWeightGradient { attention, evaluate_all }, &[*rows, outputs[0]])?;
                }
                Ok(())
            });
            gradients[upstream.wanted.len() - 1] = Some(dw);
        }
        Ok(gradients)
    }
}

/// The launches of a gradient, one an attention, each adding to what the ones before it wrote.
fn push_parts<K: Kernel>(
    attentions: Vec<Attention>,
    kernel: impl Fn(Attention, bool) -> K + Send + Sync + 'static,
) -> impl Fn(&mut PlanBuilder<'_>, &str, &[Operand], &[Operand]) -> KernelResult<()> + Send + Sync + 'static {
    move |plan, label, inputs, outputs| {
        let (first, rows) = inputs.split_at(inputs.len() - attentions.len());
        for (index, (attention, rows)) in attentions.iter().zip(rows).enumerate() {
            let lengths = first.get(4).copied();
            let operands = first[..4].iter().copied().chain([*rows]).chain(lengths).chain(outputs.iter().copied());
            plan.launch(label, kernel(*attention, index > 0), &operands.collect::<Vec<Operand>>())?;
        }
        Ok(())
    }
}
