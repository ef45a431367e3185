//! What the gradients of attention need of each row.

use rayon::prelude::*;

use super::Attention;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::dot;

/// Gathers what the gradients need of each head and query: the head's weight, then `lse` of all queries, then of all queries the
/// inner product of output and upstream gradient. Slots `o`, `dy` `[A, N, Tq, H D]`, `lse` `[A, N, H, Tq]`, (`weights`), `rows`
/// `[A, N, H, 1 + 2 Tq]`.
///
/// One buffer of these, and no other to tell which heads were skipped, because the gradients would need more buffers than every
/// adapter grants. Of a skipped head the weight alone is written.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionRows {
    /// The attention.
    pub attention: Attention,
    /// Whether the heads of weight 0 were computed too, and are wanted for the gradient of their weights.
    pub evaluate_all: bool,
}

impl AttentionRows {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`Attention::validate`].
    pub fn validate(&self) -> Result<()> {
        self.attention.validate()
    }
}

impl Kernel for AttentionRows {
    fn name(&self) -> &'static str {
        "attention_rows"
    }

    fn slots(&self) -> Vec<Slot> {
        let queries = self.attention.of_queries();
        let lse = Slot::read("lse", self.attention.query_rows());
        let first = [Slot::read("o", queries), Slot::read("dy", queries), lse];
        let rows = Slot::write("rows", self.attention.of_rows());
        first.into_iter().chain(self.attention.gate_slot()).chain([rows]).collect()
    }

    fn shader(&self) -> Shader {
        let gate = u32::from(self.attention.gate_slot().is_some());
        Shader { file: "attention/attention_rows", constants: vec![("GATE", gate)] }
    }

    fn parameters(&self) -> Words {
        self.attention.parameters().u32(self.evaluate_all.into())
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.attention.query_rows().div_ceil(64))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * self.attention.of_queries() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let attention = &self.attention;
        let mut views = views.each();
        let mut next = || views.next().expect("a view for each slot");
        let (o, dy, lse) = (next().read(), next().read(), next().read());
        let weights = attention.gate_slot().map(|_| next().read());
        let rows = &mut next().write()[..attention.of_rows()];
        let [queries, heads, depth] =
            [attention.queries, attention.heads, attention.head_size].map(|extent| extent as usize);
        rows.par_chunks_mut(attention.row_block()).enumerate().for_each(|(pair, rows)| {
            let (sequence, h) = (pair / heads, pair % heads);
            let weight = attention.weight(weights, sequence / attention.batch as usize, h);
            rows[0] = weight;
            if weight == 0.0 && !self.evaluate_all {
                return;
            }
            let (kept, products) = rows[1..].split_at_mut(queries);
            kept.copy_from_slice(&lse[pair * queries..][..queries]);
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (i, product) in products.iter_mut().enumerate() {
                        let first = (sequence * queries + i) * attention.width() + h * depth;
                        *product = dot::leaf(&o[first..][..depth], &dy[first..][..depth]);
                    }
                },
            );
        });
    }
}
