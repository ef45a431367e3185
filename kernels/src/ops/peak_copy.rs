//! The copy that measures how many bytes a second a device moves: one side of its roofline.

use rayon::prelude::*;

use super::check::{countable, positive};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Elements that one task of the CPU kernel copies.
const CHUNK: usize = 1 << 16;

/// `y = x`, four elements at once: `[4 quads] -> [4 quads]`. Slots: `x`, `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeakCopy {
    /// Groups of four elements.
    pub quads: u32,
}

impl PeakCopy {
    /// Refuses a copy of nothing, or of more than a 32-bit index counts.
    ///
    /// # Errors
    /// [`Error::Parameters`](crate::Error::Parameters).
    pub fn validate(&self) -> Result<()> {
        positive("peak_copy", &[("quads", self.quads.into())])?;
        countable("peak_copy", "x", &[4, self.quads.into()])
    }

    fn len(&self) -> usize {
        4 * self.quads as usize
    }
}

impl Kernel for PeakCopy {
    fn name(&self) -> &'static str {
        "peak_copy"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.len()), Slot::write("y", self.len())]
    }

    fn shader(&self) -> Shader {
        Shader { file: "roofline/peak_copy", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.quads)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.quads as usize).div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 0, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let (x, y) = (x.read(), y.write());
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| y.copy_from_slice(x));
    }
}
