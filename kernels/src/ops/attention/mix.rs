//! Attention outputs times the weights of their heads or of their choice, summed over choices.

use rayon::prelude::*;

use super::{Attention, HeadGate};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::require::require;

/// `y = weight o`, or `y += weight o`, each head with its weight of the gate. Slots `o` `[A, N, Tq, H D]`, `weights`, `y`. Of a head of
/// weight 0 `o` is not read: it was skipped.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionMix {
    /// The attention, with a gate.
    pub attention: Attention,
    /// Whether the product is added to what `y` holds.
    pub accumulate: bool,
}

impl AttentionMix {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`Attention::validate`], and where there is no gate.
    pub fn validate(&self) -> Result<()> {
        self.attention.validate()?;
        require(self.attention.gate != HeadGate::None, "attention_mix", "there are weights")
    }
}

impl Kernel for AttentionMix {
    fn name(&self) -> &'static str {
        "attention_mix"
    }

    fn slots(&self) -> Vec<Slot> {
        let len = self.attention.of_queries();
        vec![Slot::read("o", len), Slot::read("weights", self.attention.weights()), Slot::write("y", len)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "attention/attention_mix", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.attention.parameters().u32(self.accumulate.into())
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.attention.of_queries() / 4).div_ceil(256))
    }

    fn cost(&self) -> Cost {
        let each = 1 + u64::from(self.accumulate);
        Cost { operations: each * self.attention.of_queries() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let attention = &self.attention;
        let [o, weights, y] = views.split();
        let (o, weights, y) = (o.read(), Some(weights.read()), &mut y.write()[..attention.of_queries()]);
        let sequence = attention.queries as usize * attention.width();
        let depth = attention.head_size as usize;
        y.par_chunks_mut(sequence).zip(o.par_chunks(sequence)).enumerate().for_each(|(index, (y, o))| {
            let a = index / attention.batch as usize;
            cpu.vectorised(
                #[inline(always)]
                || {
                    let rows = y.chunks_exact_mut(attention.width()).zip(o.chunks_exact(attention.width()));
                    for (y, o) in rows {
                        for (h, (y, o)) in y.chunks_exact_mut(depth).zip(o.chunks_exact(depth)).enumerate() {
                            let weight = attention.weight(weights, a, h);
                            match (weight == 0.0, self.accumulate) {
                                (true, true) => {}
                                (true, false) => y.fill(0.0),
                                (false, true) => y.iter_mut().zip(o).for_each(|(y, o)| *y += weight * o),
                                (false, false) => y.iter_mut().zip(o).for_each(|(y, o)| *y = weight * o),
                            }
                        }
                    }
                },
            );
        });
    }
}
