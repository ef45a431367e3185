//! Rows of a table by index.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, linear_grid};
use crate::ops::check::{countable, positive};

/// Elements of one task.
const TASK: usize = 8192;

/// `y[r] = table[indices[r]]`, zeros where the index is no row of the table. Slots `table` `[table_rows, width]`, `indices` u32
/// `[rows]`, `y` `[rows, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    /// Rows that are gathered.
    pub rows: u32,
    /// Elements of a row.
    pub width: u32,
    /// Rows of the table.
    pub table_rows: u32,
}

impl Gather {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index counts.
    pub fn validate(&self) -> Result<()> {
        let [rows, width, table_rows] = [self.rows, self.width, self.table_rows].map(u64::from);
        positive("gather", &[("rows", rows), ("width", width), ("table_rows", table_rows)])?;
        countable("gather", "table", &[table_rows, width])?;
        countable("gather", "y", &[rows, width])
    }

    fn len(&self) -> usize {
        self.rows as usize * self.width as usize
    }
}

impl Kernel for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("table", self.table_rows as usize * self.width as usize),
            Slot::read("indices", self.rows as usize),
            Slot::write("y", self.len()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "gather/gather", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.len() as u32).u32(self.width).u32(self.table_rows)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        // Of the table only the rows that are gathered move.
        Cost { operations: 0, bytes: 4 * (u64::from(self.rows) + 2 * self.len() as u64) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [table, indices, y] = views.split();
        let (table, indices) = (table.read(), &indices.read_u32()[..self.rows as usize]);
        let width = self.width as usize;
        let rows = y.write()[..self.len()].par_chunks_mut(width).with_min_len((TASK / width).max(1));
        rows.zip(indices).for_each(|(y, index)| {
            if *index < self.table_rows {
                y.copy_from_slice(&table[*index as usize * width..][..width]);
            } else {
                y.fill(0.0);
            }
        });
    }
}
