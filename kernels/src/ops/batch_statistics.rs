//! Mean and variance of every channel of every architecture.

use rayon::prelude::*;

use super::batch_norm::{Planes, moments};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Mean and biased variance over batch and space: x `[A, N, C, S] -> [A, C, 2]`. Slots `x`, `statistics`.
///
/// The values are centred before they are squared: a mean that is large beside the deviation does not cancel. The order of
/// summation depends on `N` and `S` alone.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchStatistics {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Images of an architecture, `N`.
    pub batch: u32,
    /// Channels, `C`.
    pub channels: u32,
    /// Elements of a plane, `S`.
    pub spatial: u32,
}

impl BatchStatistics {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        self.planes().validate("batch_statistics")
    }

    fn planes(&self) -> Planes {
        Planes::new([self.architectures, self.batch, self.channels, self.spatial])
    }
}

impl Kernel for BatchStatistics {
    fn name(&self) -> &'static str {
        "batch_statistics"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.planes().len()).or_half(), Slot::write("statistics", 2 * self.planes().rows())]
    }

    fn shader(&self) -> Shader {
        Shader { file: "norm/batch_statistics", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.architectures).u32(self.batch).u32(self.channels).u32(self.spatial)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.planes().rows())
    }

    fn cost(&self) -> Cost {
        Cost { operations: 5 * self.planes().len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, statistics] = views.split();
        let (x, planes) = (x.read(), self.planes());
        let group = planes.neighbours();
        let groups =
            statistics.write()[..2 * planes.rows()].par_chunks_mut(2 * group).with_min_len(planes.few_groups());
        groups.enumerate().for_each(|(index, statistics)| {
            cpu.vectorised(
                #[inline(always)]
                || moments(planes, index * group, x, statistics),
            );
        });
    }
}
