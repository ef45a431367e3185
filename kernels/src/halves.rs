//! Tensors of a plan stored as halves: f16 in memory, f32 in every computation.
//!
//! A host says of which tensors it may be so ([`PlanBuilder::allow_halves`]): activations and their gradients, never sums,
//! statistics or parameters. A kernel says so of its bindings ([`Slot::or_half`](crate::Slot::or_half)). When a plan is finished,
//! after fusion and before memory is placed, [`settle`] decides: a tensor becomes halves where everything that reads or writes it
//! can take it so. What is stored is rounded to the nearest half, ties to even; beyond 65,504 that is infinity, which a scaled
//! loss watches for ([`LossScale`](crate::ops::UpdateLossScale)).
//!
//! How halves lie is the executor's matter: as `f16` on a device that has it, two in a word on others
//! ([`parnas_shaders::Form`]); the CPU executor widens them before a launch and narrows them behind it.
//!
//! [`PlanBuilder::allow_halves`]: crate::PlanBuilder::allow_halves

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::launch::Access;
use crate::plan::{Launch, Operand, Transient};

/// Elements that one task of a conversion takes.
const TASK: usize = 32_768;

/// Words of memory that `len` halves take.
pub(crate) fn words(len: usize) -> usize {
    len.div_ceil(2)
}

/// Marks those of the `allowed` tensors that become halves.
pub(crate) fn settle(launches: &[Launch], transients: &mut [Transient], allowed: &[bool]) {
    for (transient, allowed) in transients.iter_mut().zip(allowed) {
        transient.halves = *allowed;
    }
    for launch in launches {
        for (slot, operand) in launch.kernel.slots().iter().zip(&launch.operands) {
            let Operand::Transient(index) = operand else { continue };
            let transient = &mut transients[*index];
            // What stores an odd number of packed halves writes the half behind the last one too.
            let ends = slot.access == Access::Read || slot.len.is_multiple_of(2) || slot.len == transient.len;
            transient.halves &= slot.halves && ends;
        }
    }
}

/// `halves` as numbers of full length.
pub(crate) fn widen(halves: &[f16], numbers: &mut [f32]) {
    let parts = numbers.par_chunks_mut(TASK).zip(halves.par_chunks(TASK));
    parts.for_each(|(numbers, halves)| halves.convert_to_f32_slice(numbers));
}

/// `numbers` as halves, each the nearest, ties to even.
pub(crate) fn narrow(numbers: &[f32], halves: &mut [f16]) {
    let parts = halves.par_chunks_mut(TASK).zip(numbers.par_chunks(TASK));
    parts.for_each(|(halves, numbers)| halves.convert_from_f32_slice(numbers));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_nearest_halves() {
        let cases = [
            (1.0, 1.0),
            // Half a step above 1 is a tie, which goes to the even neighbour.
            (1.0 + 1.0 / 2048.0, 1.0),
            (1.0 + 3.0 / 2048.0, 1.0 + 2.0 / 1024.0),
            (-1.0 - 1.01 / 2048.0, -1.0 - 1.0 / 1024.0),
            (65_504.0, 65_504.0),
            (65_519.9, 65_504.0),
            (65_520.0, f32::INFINITY),
            (-1e30, f32::NEG_INFINITY),
            // The smallest half, and what is nearer to 0.
            (6e-8, 5.960_464_5e-8),
            (2.980_232_2e-8, 0.0),
            (2.980_233e-8, 5.960_464_5e-8),
        ];
        let numbers: Vec<f32> = cases.iter().map(|(number, _)| *number).collect();
        let mut halves = vec![f16::ZERO; cases.len()];
        narrow(&numbers, &mut halves);
        let mut back = vec![0.0; cases.len()];
        widen(&halves, &mut back);
        for ((number, expected), got) in cases.into_iter().zip(back) {
            assert_eq!(got, expected, "{number}");
        }
        narrow(&[f32::NAN], &mut halves[..1]);
        assert!(halves[0].is_nan());
    }

    #[test]
    fn halves_take_half_the_words() {
        assert_eq!([0, 1, 2, 3, 127].map(words), [0, 1, 1, 2, 64]);
    }
}
