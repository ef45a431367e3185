//! MO-ASHA: asynchronous successive halving with several objectives.
//!
//! Schmucker et al., "Multi-objective asynchronous successive halving", 2021. Random architectures are trained for the least number
//! of epochs; whenever one is among the best part of its rung, by layer and crowding, it is trained for the next number.

use super::draw::Draw;
use super::ranking::best_first;
use super::{Optimiser, Question};
use crate::space::{Architecture, SearchSpace};

/// One architecture in so many is promoted from a rung: the setting of the MODNAS comparison.
pub const REDUCTION: usize = 3;

/// Asynchronous successive halving.
pub struct MoAsha<'a> {
    draw: Draw<'a>,
    /// The epochs of each rung; the last one is the full training.
    epochs: Vec<Option<u32>>,
    reduction: usize,
    rungs: Vec<Vec<Entry>>,
}

struct Entry {
    architecture: Architecture,
    values: Vec<f64>,
    promoted: bool,
}

impl<'a> MoAsha<'a> {
    /// Successive halving on `space` over rungs of `epochs`, ascending, and the full training above them. One in `reduction`, at
    /// least 2, is promoted.
    pub fn new(space: &'a dyn SearchSpace, epochs: &[u32], reduction: usize, seed: u64) -> Self {
        let epochs: Vec<Option<u32>> = epochs.iter().copied().map(Some).chain([None]).collect();
        let rungs = epochs.iter().map(|_| Vec::new()).collect();
        Self { draw: Draw::new(space, seed), epochs, reduction: reduction.max(2), rungs }
    }

    /// The best architecture of a rung that may go on and did not.
    fn promote(&mut self, rung: usize) -> Option<Architecture> {
        let entries = &mut self.rungs[rung];
        let usable: Vec<usize> =
            (0..entries.len()).filter(|&i| entries[i].values.iter().all(|v| !v.is_nan())).collect();
        let values: Vec<&[f64]> = usable.iter().map(|&i| entries[i].values.as_slice()).collect();
        let best = best_first(&values).into_iter().map(|position| usable[position]);
        let next = best.take(entries.len() / self.reduction).find(|&i| !entries[i].promoted)?;
        entries[next].promoted = true;
        Some(entries[next].architecture.clone())
    }
}

impl Optimiser for MoAsha<'_> {
    fn ask(&mut self) -> Option<Question> {
        for rung in (0..self.epochs.len() - 1).rev() {
            if let Some(architecture) = self.promote(rung) {
                return Some(Question { architecture, epochs: self.epochs[rung + 1] });
            }
        }
        let architecture = self.draw.random()?;
        Some(Question { architecture, epochs: self.epochs[0] })
    }

    fn tell(&mut self, question: &Question, values: &[f64]) {
        if let Some(rung) = self.epochs.iter().position(|epochs| *epochs == question.epochs) {
            let (architecture, values) = (question.architecture.clone(), values.to_vec());
            self.rungs[rung].push(Entry { architecture, values, promoted: false });
        }
    }
}
