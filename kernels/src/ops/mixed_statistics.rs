//! Statistics of the convolutions of a mixed edge.

use rayon::prelude::*;

use super::batch_norm::moments;
use super::mixed_edge::{CHOICES, MixedEdge};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Mean and biased variance of every channel of `z1` and `z3`, the results of the convolutions: `[A, N, C, H, W]` each
/// `-> [2, A, C, 2]`, `z1` first. Slots `z1`, `z3`, `weights` `[A, 5]`, `statistics`. What belongs to a skipped operation stays as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct MixedStatistics(
    /// The edge.
    pub MixedEdge,
);

impl MixedStatistics {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`MixedEdge::validate`].
    pub fn validate(&self) -> Result<()> {
        self.0.validate()
    }
}

impl Kernel for MixedStatistics {
    fn name(&self) -> &'static str {
        "mixed_statistics"
    }

    fn slots(&self) -> Vec<Slot> {
        let planes = self.0.planes();
        vec![
            Slot::read("z1", planes.len()).or_half(),
            Slot::read("z3", planes.len()).or_half(),
            Slot::read("weights", self.0.weights()),
            Slot::write("statistics", 4 * planes.rows()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "mixed_edge/mixed_statistics", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(2 * self.0.planes().rows())
    }

    fn cost(&self) -> Cost {
        Cost { operations: 10 * self.0.planes().len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [z1, z3, weights, statistics] = views.split();
        let (z1, z3, weights, planes) = (z1.read(), z3.read(), weights.read(), self.0.planes());
        let group = planes.neighbours();
        let groups =
            statistics.write()[..4 * planes.rows()].par_chunks_mut(2 * group).with_min_len(planes.few_groups());
        groups.enumerate().for_each(|(index, statistics)| {
            let (operation, row) = (index * group / planes.rows(), index * group % planes.rows());
            if !self.0.evaluates(weights[row / planes.channels * CHOICES + 2 + operation]) {
                return;
            }
            cpu.vectorised(
                #[inline(always)]
                || moments(planes, row, if operation == 0 { z1 } else { z3 }, statistics),
            );
        });
    }
}
