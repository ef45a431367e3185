//! The row of a table that a preference points to.

use parnas_kernels::cpu::{Cpu, Views};
use parnas_kernels::launch::{bytes_of, linear_grid};
use parnas_kernels::{Cost, Kernel, Shader, Slot, Words};

/// `index[i] = round(preferences[i * stride] * (entries - 1))`, a whole number, halves to even.
///
/// The published code rounds in one space and truncates in others; truncation never reaches the last row.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowIndex {
    pub rows: u32,
    pub stride: u32,
    pub entries: u32,
}

impl Kernel for RowIndex {
    fn name(&self) -> &'static str {
        "row_index"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("preferences", (self.rows * self.stride) as usize), Slot::write("index", self.rows as usize)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "gather/row_index", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.stride).u32(self.entries)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.rows as usize).div_ceil(64))
    }

    fn cost(&self) -> Cost {
        Cost { operations: u64::from(self.rows), bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _: &Cpu, views: Views<'_>) {
        let [preferences, index] = views.split();
        let preferences = preferences.read();
        let last = (self.entries - 1) as f32;
        for (row, index) in index.write_u32().iter_mut().enumerate() {
            let value = (preferences[row * self.stride as usize] * last).round_ties_even();
            *index = value.clamp(0.0, last) as u32;
        }
    }
}
