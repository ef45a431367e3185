//! The gradient of attention with respect to its queries.

use rayon::prelude::*;

use super::tile::{Accumulate, BLOCK, Scores, Visible, pack};
use super::{Attention, Shared, TILE};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};
use crate::ops::functions::exponential;

/// `dq[i] = weight scale sum_j p[i,j] (dy[i] . v[j] - delta[i]) k[j]`, with `p` made again from the scores and `lse`, `delta` the inner
/// product of output and upstream gradient. Slots `q`, `k`, `v`, `dy`, `rows` (of [`super::AttentionRows`]), (`lengths`), `dq`.
///
/// Skipped heads and queries that see no key get 0, or keep what they have.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionQueryGradient {
    /// The attention.
    pub attention: Attention,
    /// Whether the gradient is added to what `dq` holds.
    pub accumulate: bool,
}

impl AttentionQueryGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`Attention::validate`].
    pub fn validate(&self) -> Result<()> {
        self.attention.validate()
    }

    fn task(&self, cpu: &Cpu, task: usize, inputs: [&[f32]; 5], lengths: Option<&[u32]>, dq: Shared) {
        let attention = &self.attention;
        let [queries, keys, heads, depth] =
            [attention.queries, attention.keys, attention.heads, attention.head_size].map(|extent| extent as usize);
        let blocks = queries.div_ceil(BLOCK);
        let (pair, first) = (task / blocks, (blocks - 1 - task % blocks) * BLOCK);
        let (sequence, h) = (pair / heads, pair % heads);
        let (lanes, stride) = (BLOCK.min(queries - first), attention.width());
        let there = attention.keys_of(lengths, sequence % attention.batch as usize);
        let diagonal = keys as isize - queries as isize;
        let seen =
            if attention.causal { there.min(((first + lanes) as isize + diagonal).max(0) as usize) } else { there };
        let rows = &inputs[4][pair * attention.row_block()..][..attention.row_block()];
        let weight = rows[0];
        if weight == 0.0 && self.accumulate {
            return;
        }
        let mut lse = [f32::MAX; BLOCK];
        let mut delta = [0.0; BLOCK];
        lse[..lanes].copy_from_slice(&rows[1 + first..][..lanes]);
        delta[..lanes].copy_from_slice(&rows[1 + queries + first..][..lanes]);
        let [q, dy] = [inputs[0], inputs[3]].map(|x| &x[(sequence * queries + first) * stride + h * depth..]);
        let [k, v] = [inputs[1], inputs[2]].map(|x| &x[sequence * keys * stride + h * depth..]);
        cpu.with_scratch(self.scratch(), |scratch| {
            let (packed_q, scratch) = scratch.split_at_mut(depth * BLOCK);
            let (packed_dy, scratch) = scratch.split_at_mut(depth * BLOCK);
            let (scores, scratch) = scratch.split_at_mut(BLOCK * BLOCK);
            let (products, result) = scratch.split_at_mut(BLOCK * BLOCK);
            let result = &mut result[..lanes * depth];
            result.fill(0.0);
            if weight != 0.0 {
                pack(cpu, q, stride, lanes, depth, attention.scale, packed_q);
                pack(cpu, dy, stride, lanes, depth, 1.0, packed_dy);
                for key in (0..seen).step_by(BLOCK) {
                    let count = BLOCK.min(seen - key);
                    let visible = match attention.causal {
                        true => Visible::From(key as isize - diagonal - first as isize),
                        false => Visible::All,
                    };
                    let (k, v) = (&k[key * stride..], &v[key * stride..]);
                    let (scores, products) = (&mut scores[..count * BLOCK], &mut products[..count * BLOCK]);
                    cpu.with_vectors(Scores {
                        rows: k,
                        stride,
                        count,
                        depth,
                        packed: packed_q,
                        lanes,
                        visible,
                        scores,
                    });
                    let scores_of_v =
                        Scores { rows: v, stride, count, depth, packed: packed_dy, lanes, visible, scores: products };
                    cpu.with_vectors(scores_of_v);
                    cpu.vectorised(
                        #[inline(always)]
                        || {
                            let (scores, products) =
                                (scores.as_chunks_mut::<BLOCK>().0, products.as_chunks::<BLOCK>().0);
                            for (row, (scores, products)) in scores.iter_mut().zip(products).enumerate() {
                                for lane in 0..BLOCK {
                                    let p = exponential(scores[lane] - lse[lane]);
                                    scores[lane] = p * (products[lane] - delta[lane]);
                                }
                                scores[..visible.lanes(row, lanes).start].fill(0.0);
                            }
                        },
                    );
                    let factors = &*scores;
                    cpu.with_vectors(Accumulate { factors, rows: k, stride, count, depth, lanes, visible, result });
                }
            }
            let factor = weight * attention.scale;
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (lane, result) in result.chunks_exact(depth).enumerate() {
                        // SAFETY: `run` borrows the tensor mutably, and each task writes the queries of its own block and head.
                        let dq = unsafe { dq.range((sequence * queries + first + lane) * stride + h * depth, depth) };
                        store(self.accumulate, factor, result, dq);
                    }
                },
            );
        });
    }
}

/// Writes or adds `factor * x`.
#[inline(always)]
pub(super) fn store(accumulate: bool, factor: f32, x: &[f32], y: &mut [f32]) {
    let pairs = y.iter_mut().zip(x);
    match accumulate {
        true => pairs.for_each(|(y, x)| *y += factor * x),
        false => pairs.for_each(|(y, x)| *y = factor * x),
    }
}

impl Kernel for AttentionQueryGradient {
    fn name(&self) -> &'static str {
        "attention_query_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let result = Slot::write("dq", self.attention.of_queries());
        self.attention.gradient_slots().into_iter().chain([result]).collect()
    }

    fn shader(&self) -> Shader {
        let constants = vec![("DIM", self.attention.class()), ("LENGTHS", self.attention.lengths.into())];
        Shader { file: "attention/attention_query_gradient", constants }
    }

    fn parameters(&self) -> Words {
        self.attention.parameters().u32(self.accumulate.into())
    }

    fn grid(&self) -> [u32; 3] {
        self.attention.tile_grid(self.attention.queries, TILE)
    }

    fn cost(&self) -> Cost {
        let operations = self.attention.pairs() * (6 * u64::from(self.attention.head_size) + 5);
        Cost { operations, bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        3 * self.attention.head_size as usize * BLOCK + 2 * BLOCK * BLOCK
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let attention = &self.attention;
        let mut views = views.each();
        let mut next = || views.next().expect("a view for each slot");
        let inputs = std::array::from_fn(|_| next().read());
        let lengths = attention.lengths.then(|| next().read_u32());
        let dq = Shared::new(next().write());
        let tasks = attention.sequences() * attention.heads as usize * (attention.queries as usize).div_ceil(BLOCK);
        (0..tasks).into_par_iter().for_each(|task| self.task(cpu, task, inputs, lengths, dq));
    }
}
