//! The multiply-adds that measure how many operations a second a device does: the other side of its roofline.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::check::{at_most, positive};
use super::require::LONGEST_LOOP;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Chains that do not wait for each other: enough for two units of a latency of four, few enough for 16 registers.
const CHAINS: usize = 12;
/// Multiply-adds of a chain in a round.
const STEPS: usize = 4;
/// Elements that one task of the CPU kernel computes.
const CHUNK: usize = 256;

/// `y[i] = a_0 + … + a_11`, where `a_c` begins as `x[i] + c` and becomes `a_c * factor + summand` four times a round:
/// `[len] -> [len]`. Slots: `x`, `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeakMultiplyAdd {
    /// Elements.
    pub len: u32,
    /// Rounds of 48 multiply-adds an element.
    pub rounds: u32,
    /// What a chain is multiplied by; below 1 in magnitude, or it grows beyond all bounds.
    pub factor: f32,
    /// What is added to it.
    pub summand: f32,
}

impl PeakMultiplyAdd {
    /// Refuses what makes no kernel, and more rounds than an invocation may take.
    ///
    /// # Errors
    /// [`Error::Parameters`](crate::Error::Parameters).
    pub fn validate(&self) -> Result<()> {
        positive("peak_multiply_add", &[("len", self.len.into()), ("rounds", self.rounds.into())])?;
        at_most("peak_multiply_add", "the number of rounds", self.rounds.into(), LONGEST_LOOP.into())
    }
}

impl Kernel for PeakMultiplyAdd {
    fn name(&self) -> &'static str {
        "peak_multiply_add"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.len as usize), Slot::write("y", self.len as usize)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "roofline/peak_multiply_add", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.len).u32(self.rounds).f32(self.factor).f32(self.summand)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.len as usize).div_ceil(256))
    }

    fn cost(&self) -> Cost {
        let each = 2 * CHAINS as u64 * (STEPS as u64 * u64::from(self.rounds) + 1);
        Cost { operations: each * u64::from(self.len), bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let (x, y) = (x.read(), y.write());
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
            cpu.with_vectors(Chains { kernel: *self, x, y });
        });
    }
}

/// The chains of some elements, as many elements at once as a vector holds.
struct Chains<'a> {
    kernel: PeakMultiplyAdd,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Chains<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let PeakMultiplyAdd { rounds, factor, summand, .. } = self.kernel;
        let (m, s) = (simd.splat_f32s(factor), simd.splat_f32s(summand));
        let (x, x_rest) = S::as_simd_f32s(self.x);
        let (y, y_rest) = S::as_mut_simd_f32s(self.y);
        for (y, x) in y.iter_mut().zip(x) {
            let mut chains = [m; CHAINS];
            for (c, chain) in chains.iter_mut().enumerate() {
                *chain = simd.add_f32s(*x, simd.splat_f32s(c as f32));
            }
            for _ in 0..rounds {
                for _ in 0..STEPS {
                    for chain in &mut chains {
                        *chain = simd.mul_add_f32s(*chain, m, s);
                    }
                }
            }
            let [first, rest @ ..] = chains;
            *y = rest.into_iter().fold(first, |sum, chain| simd.add_f32s(sum, chain));
        }
        for (y, x) in y_rest.iter_mut().zip(x_rest) {
            let mut chains: [f32; CHAINS] = std::array::from_fn(|c| x + c as f32);
            for _ in 0..rounds as usize * STEPS {
                chains.iter_mut().for_each(|chain| *chain = chain.mul_add(factor, summand));
            }
            *y = chains.iter().sum();
        }
    }
}
