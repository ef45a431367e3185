//! Attention, forward.

use std::sync::Arc;

use rayon::prelude::*;

use super::tile::{Accumulate, BLOCK, Scores, Visible, pack};
use super::{Attention, HeadGate, Shared, TILE};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Form, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::functions::exponential;

/// Operations of the attention that variants are timed with, at most, where one sequence does not take more.
const SAMPLE: u64 = 1 << 27;
/// Queries of a workgroup of the variant by subgroups.
const SUBGROUP_TILE: u32 = 16;

/// `o = softmax(scale q k^T) v` and the logarithm of each row's sum of exponentials. Slots `q` `[A, N, Tq, H D]`, `k`, `v`
/// `[A, N, Tk, H D]`, (`lengths` `[N]`), (`weights`), `o`, `lse` `[A, N, H, Tq]`.
///
/// Of a head that the gate skips nothing is written. A query that sees no key gets 0, and the largest number as its `lse`: no score
/// has a probability beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionForward(
    /// The attention.
    pub Attention,
);

/// The operands of a forward pass.
struct Operands<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    lengths: Option<&'a [u32]>,
    weights: Option<&'a [f32]>,
}

/// What is known of the lanes' softmax so far.
struct Softmax {
    largest: [f32; BLOCK],
    sum: [f32; BLOCK],
}

impl Softmax {
    /// Makes probabilities of scores, up to the sum that is still to come, and returns what the earlier ones are to be multiplied by.
    #[inline(always)]
    fn take(&mut self, scores: &mut [f32]) -> [f32; BLOCK] {
        let mut largest = self.largest;
        for scores in scores.as_chunks::<BLOCK>().0 {
            for (largest, score) in largest.iter_mut().zip(scores) {
                *largest = largest.max(*score);
            }
        }
        let factors = std::array::from_fn(|lane| exponential(self.largest[lane] - largest[lane]));
        let mut sums: [f32; BLOCK] = std::array::from_fn(|lane| self.sum[lane] * factors[lane]);
        for scores in scores.as_chunks_mut::<BLOCK>().0 {
            for (lane, score) in scores.iter_mut().enumerate() {
                *score = exponential(*score - largest[lane]);
                sums[lane] += *score;
            }
        }
        *self = Self { largest, sum: sums };
        factors
    }
}

impl AttentionForward {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`Attention::validate`].
    pub fn validate(&self) -> Result<()> {
        self.0.validate()
    }

    /// Groups of 32 queries that a workgroup of the shader owns: two where that leaves few of them empty, and where the results of so
    /// many fit into the registers of an invocation.
    fn units(&self) -> u32 {
        if self.0.queries > TILE && self.0.head_size <= 64 { 2 } else { 1 }
    }

    fn constants(&self) -> Vec<(&'static str, u32)> {
        let gate = u32::from(self.0.gate_slot().is_some());
        vec![("DIM", self.0.class()), ("LENGTHS", self.0.lengths.into()), ("GATE", gate)]
    }

    fn task(&self, cpu: &Cpu, task: usize, operands: &Operands<'_>, [o, lse]: [Shared; 2]) {
        let attention = &self.0;
        let [queries, keys, heads, depth] =
            [attention.queries, attention.keys, attention.heads, attention.head_size].map(|extent| extent as usize);
        let blocks = queries.div_ceil(BLOCK);
        // The blocks that see most keys begin.
        let (pair, first) = (task / blocks, (blocks - 1 - task % blocks) * BLOCK);
        let (sequence, h) = (pair / heads, pair % heads);
        let (a, n) = (sequence / attention.batch as usize, sequence % attention.batch as usize);
        if attention.skips(operands.weights, a, h) {
            return;
        }
        let (lanes, stride) = (BLOCK.min(queries - first), attention.width());
        let there = attention.keys_of(operands.lengths, n);
        // Key j is seen by the queries from j - diagonal on.
        let diagonal = keys as isize - queries as isize;
        let seen =
            if attention.causal { there.min(((first + lanes) as isize + diagonal).max(0) as usize) } else { there };
        let q = &operands.q[(sequence * queries + first) * stride + h * depth..];
        let [k, v] = [operands.k, operands.v].map(|x| &x[sequence * keys * stride + h * depth..]);
        cpu.with_scratch(self.scratch(), |scratch| {
            let (packed, scratch) = scratch.split_at_mut(depth * BLOCK);
            let (scores, result) = scratch.split_at_mut(BLOCK * BLOCK);
            let result = &mut result[..lanes * depth];
            pack(cpu, q, stride, lanes, depth, attention.scale, packed);
            result.fill(0.0);
            let mut softmax = Softmax { largest: [f32::MIN; BLOCK], sum: [0.0; BLOCK] };
            for key in (0..seen).step_by(BLOCK) {
                let count = BLOCK.min(seen - key);
                let visible = match attention.causal {
                    true => Visible::From(key as isize - diagonal - first as isize),
                    false => Visible::All,
                };
                let (k, v) = (&k[key * stride..], &v[key * stride..]);
                let scores = &mut scores[..count * BLOCK];
                cpu.with_vectors(Scores { rows: k, stride, count, depth, packed, lanes, visible, scores });
                cpu.vectorised(
                    #[inline(always)]
                    || {
                        for (row, scores) in scores.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
                            scores[..visible.lanes(row, lanes).start].fill(f32::NEG_INFINITY);
                        }
                        let factors = softmax.take(scores);
                        if key > 0 {
                            for (result, factor) in result.chunks_exact_mut(depth).zip(&factors) {
                                result.iter_mut().for_each(|x| *x *= factor);
                            }
                        }
                    },
                );
                cpu.with_vectors(Accumulate { factors: scores, rows: v, stride, count, depth, lanes, visible, result });
            }
            // SAFETY: `run` borrows the tensors mutably, and each task writes the queries of its own block and head.
            let lse = unsafe { lse.range(pair * queries + first, lanes) };
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (lane, (result, lse)) in result.chunks_exact(depth).zip(lse.iter_mut()).enumerate() {
                        let sum = softmax.sum[lane];
                        let share = if sum > 0.0 { 1.0 / sum } else { 0.0 };
                        *lse = if sum > 0.0 { softmax.largest[lane] + sum.ln() } else { f32::MAX };
                        // SAFETY: as above.
                        let o = unsafe { o.range((sequence * queries + first + lane) * stride + h * depth, depth) };
                        o.iter_mut().zip(result).for_each(|(o, x)| *o = x * share);
                    }
                },
            );
        });
    }
}

impl Kernel for AttentionForward {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn slots(&self) -> Vec<Slot> {
        let keys = self.0.of_keys();
        let first = [Slot::read("q", self.0.of_queries()), Slot::read("k", keys), Slot::read("v", keys)];
        let last = [Slot::write("o", self.0.of_queries()), Slot::write("lse", self.0.query_rows())];
        first.into_iter().chain(self.0.lengths_slot()).chain(self.0.gate_slot()).chain(last).collect()
    }

    fn shader(&self) -> Shader {
        let mut constants = self.constants();
        constants.push(("ROWS", self.units()));
        Shader { file: "attention/attention", constants }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        self.0.tile_grid(self.0.queries, TILE * self.units())
    }

    fn variants(&self) -> Vec<Variant> {
        let plain = Variant::plain(self.shader(), self.grid());
        let shader = Shader { file: "attention/attention_subgroup", constants: self.constants() };
        let grid = self.0.tile_grid(self.0.queries, SUBGROUP_TILE);
        vec![plain, Variant { name: "subgroup 16", shader, grid, form: Form::Subgroup(8) }]
    }

    fn tuning(&self) -> Option<Tuning> {
        let Attention { queries, keys, head_size, causal, .. } = self.0;
        let causally = if causal { " causal" } else { "" };
        let class = format!("attention {queries}x{keys} heads of {head_size}{causally}");
        // All heads and all keys of one architecture, of as many sequences as are worth timing.
        let one = Attention { architectures: 1, batch: 1, lengths: false, gate: HeadGate::None, ..self.0 };
        let operations = Self(one).cost().operations;
        let batch = (SAMPLE / operations.max(1)).clamp(1, self.0.batch.into()) as u32;
        Some(Tuning { class, sample: Arc::new(Self(Attention { batch, ..one })) })
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.0.pairs() * (4 * u64::from(self.0.head_size) + 5), bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        2 * self.0.head_size as usize * BLOCK + BLOCK * BLOCK
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let mut next = || views.next().expect("a view for each slot");
        let (q, k, v) = (next().read(), next().read(), next().read());
        let lengths = self.0.lengths.then(|| next().read_u32());
        let weights = self.0.gate_slot().map(|_| next().read());
        let [o, lse] = [next().write(), next().write()].map(Shared::new);
        let operands = Operands { q, k, v, lengths, weights };
        let tasks = self.0.sequences() * self.0.heads as usize * (self.0.queries as usize).div_ceil(BLOCK);
        (0..tasks).into_par_iter().for_each(|task| self.task(cpu, task, &operands, [o, lse]));
    }
}
