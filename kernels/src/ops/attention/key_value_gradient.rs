//! The gradients of attention with respect to its keys and values.

use rayon::prelude::*;

use super::query_gradient::store;
use super::tile::{Accumulate, BLOCK, Scores, Visible, pack};
use super::{Attention, Shared, TILE};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};
use crate::ops::functions::exponential;

/// `dv[j] = weight sum_i p[i,j] dy[i]` and `dk[j] = weight scale sum_i p[i,j] (dy[i] . v[j] - delta[i]) q[i]`, as in
/// [`super::AttentionQueryGradient`]. Slots `q`, `k`, `v`, `dy`, `rows` (of [`super::AttentionRows`]), (`lengths`), `dk`, `dv`.
///
/// Keys that no query sees, and those of skipped heads, get 0, or keep what they have.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionKeyValueGradient {
    /// The attention.
    pub attention: Attention,
    /// Whether the gradients are added to what `dk` and `dv` hold.
    pub accumulate: bool,
}

impl AttentionKeyValueGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`Attention::validate`].
    pub fn validate(&self) -> Result<()> {
        self.attention.validate()
    }

    fn task(&self, cpu: &Cpu, task: usize, inputs: [&[f32]; 5], lengths: Option<&[u32]>, [dk, dv]: [Shared; 2]) {
        let attention = &self.attention;
        let [queries, keys, heads, depth] =
            [attention.queries, attention.keys, attention.heads, attention.head_size].map(|extent| extent as usize);
        let blocks = keys.div_ceil(BLOCK);
        let (pair, first) = (task / blocks, task % blocks * BLOCK);
        let (sequence, h) = (pair / heads, pair % heads);
        let (rows, stride) = (BLOCK.min(keys - first), attention.width());
        let there = attention.keys_of(lengths, sequence % attention.batch as usize);
        // Keys of the block that are there.
        let lanes = rows.min(there.saturating_sub(first));
        // Query i sees the keys up to i + diagonal.
        let diagonal = keys as isize - queries as isize;
        let first_query = if attention.causal { (first as isize - diagonal).max(0) as usize } else { 0 };
        let kept = &inputs[4][pair * attention.row_block()..][..attention.row_block()];
        let (weight, (lse, delta)) = (kept[0], kept[1..].split_at(queries));
        if weight == 0.0 && self.accumulate {
            return;
        }
        let [q, dy] = [inputs[0], inputs[3]].map(|x| &x[sequence * queries * stride + h * depth..]);
        let [k, v] = [inputs[1], inputs[2]].map(|x| &x[(sequence * keys + first) * stride + h * depth..]);
        cpu.with_scratch(self.scratch(), |scratch| {
            let (packed_k, scratch) = scratch.split_at_mut(depth * BLOCK);
            let (packed_v, scratch) = scratch.split_at_mut(depth * BLOCK);
            let (scores, scratch) = scratch.split_at_mut(BLOCK * BLOCK);
            let (products, scratch) = scratch.split_at_mut(BLOCK * BLOCK);
            let (sum_k, sum_v) = scratch[..2 * BLOCK * depth].split_at_mut(BLOCK * depth);
            sum_k[..rows * depth].fill(0.0);
            sum_v[..rows * depth].fill(0.0);
            if weight != 0.0 && lanes > 0 {
                pack(cpu, k, stride, lanes, depth, attention.scale, packed_k);
                pack(cpu, v, stride, lanes, depth, 1.0, packed_v);
                for query in (first_query..queries).step_by(BLOCK) {
                    let count = BLOCK.min(queries - query);
                    let visible = match attention.causal {
                        true => Visible::Until(query as isize + diagonal + 1 - first as isize),
                        false => Visible::All,
                    };
                    let (q, dy) = (&q[query * stride..], &dy[query * stride..]);
                    let (lse, delta) = (&lse[query..][..count], &delta[query..][..count]);
                    let (scores, products) = (&mut scores[..count * BLOCK], &mut products[..count * BLOCK]);
                    cpu.with_vectors(Scores {
                        rows: q,
                        stride,
                        count,
                        depth,
                        packed: packed_k,
                        lanes,
                        visible,
                        scores,
                    });
                    let scores_of_dy =
                        Scores { rows: dy, stride, count, depth, packed: packed_v, lanes, visible, scores: products };
                    cpu.with_vectors(scores_of_dy);
                    cpu.vectorised(
                        #[inline(always)]
                        || {
                            let both = scores.as_chunks_mut::<BLOCK>().0.iter_mut();
                            let both = both.zip(products.as_chunks_mut::<BLOCK>().0).zip(lse.iter().zip(delta));
                            for (row, ((scores, products), (lse, delta))) in both.enumerate() {
                                for (score, product) in scores.iter_mut().zip(products.iter_mut()) {
                                    *score = exponential(*score - lse);
                                    *product = *score * (*product - delta);
                                }
                                let end = visible.lanes(row, lanes).end;
                                scores[end..lanes].fill(0.0);
                                products[end..lanes].fill(0.0);
                            }
                        },
                    );
                    let sums = [(&*scores, dy, &mut *sum_v), (&*products, q, &mut *sum_k)];
                    for (factors, rows, result) in sums {
                        cpu.with_vectors(Accumulate { factors, rows, stride, count, depth, lanes, visible, result });
                    }
                }
            }
            for (sum, factor, result) in [(&*sum_k, weight * attention.scale, dk), (&*sum_v, weight, dv)] {
                cpu.vectorised(
                    #[inline(always)]
                    || {
                        for (lane, sum) in sum.chunks_exact(depth).take(rows).enumerate() {
                            let place = (sequence * keys + first + lane) * stride + h * depth;
                            // SAFETY: `run` borrows the tensors mutably, and each task writes the keys of its own block and head.
                            store(self.accumulate, factor, sum, unsafe { result.range(place, depth) });
                        }
                    },
                );
            }
        });
    }
}

impl Kernel for AttentionKeyValueGradient {
    fn name(&self) -> &'static str {
        "attention_key_value_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let results = ["dk", "dv"].map(|name| Slot::write(name, self.attention.of_keys()));
        self.attention.gradient_slots().into_iter().chain(results).collect()
    }

    fn shader(&self) -> Shader {
        let constants = vec![("DIM", self.attention.class()), ("LENGTHS", self.attention.lengths.into())];
        Shader { file: "attention/attention_key_value_gradient", constants }
    }

    fn parameters(&self) -> Words {
        self.attention.parameters().u32(self.accumulate.into())
    }

    fn grid(&self) -> [u32; 3] {
        self.attention.tile_grid(self.attention.keys, TILE)
    }

    fn cost(&self) -> Cost {
        let operations = self.attention.pairs() * (8 * u64::from(self.attention.head_size) + 6);
        Cost { operations, bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        4 * self.attention.head_size as usize * BLOCK + 2 * BLOCK * BLOCK
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let attention = &self.attention;
        let mut views = views.each();
        let mut next = || views.next().expect("a view for each slot");
        let inputs = std::array::from_fn(|_| next().read());
        let lengths = attention.lengths.then(|| next().read_u32());
        let results = [next().write(), next().write()].map(Shared::new);
        let tasks = attention.sequences() * attention.heads as usize * (attention.keys as usize).div_ceil(BLOCK);
        (0..tasks).into_par_iter().for_each(|task| self.task(cpu, task, inputs, lengths, results));
    }
}
