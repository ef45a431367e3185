//! The gradient of a table whose rows were gathered.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{at_most, countable, positive};

/// Elements of one task.
const TASK: usize = 8192;
/// Tasks at most, where the gradient is one table: each reads all indices.
const TASKS: usize = 64;
/// Rows whose 256-th parts stay below the rounds of loops that every driver grants (`Rounds` in `gather/gather_gradient.wgsl`).
const ROWS: u64 = 256 * 896;

/// The gradient of [`crate::ops::Gather`] for its table: `dtable[t]` is the sum of `g[r]` over the rows with `indices[r] = t`, in the
/// order of `r`. With `apart`, each row has a table of its own, `dtable[r,t] = g[r]` where `indices[r] = t`, else zeros.
///
/// Slots `indices` u32 `[rows]`, `g` `[rows, width]`, `dtable` `[table_rows, width]` or, apart, `[rows, table_rows, width]`. An
/// index that is no row of the table adds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatherGradient {
    /// Rows that were gathered.
    pub rows: u32,
    /// Elements of a row.
    pub width: u32,
    /// Rows of the table.
    pub table_rows: u32,
    /// Whether each row's gradient has a table of its own.
    pub apart: bool,
}

impl GatherGradient {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements or rows than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        let [rows, width, table_rows] = [self.rows, self.width, self.table_rows].map(u64::from);
        positive("gather_gradient", &[("rows", rows), ("width", width), ("table_rows", table_rows)])?;
        countable("gather_gradient", "g", &[rows, width])?;
        if self.apart {
            return countable("gather_gradient", "dtable", &[rows, table_rows, width]);
        }
        countable("gather_gradient", "dtable", &[table_rows, width])?;
        at_most("gather_gradient", "rows", rows, ROWS)
    }

    fn table(&self) -> usize {
        self.table_rows as usize * self.width as usize
    }

    fn len(&self) -> usize {
        self.table() * if self.apart { self.rows as usize } else { 1 }
    }

    fn run_apart(&self, indices: &[u32], g: &[f32], dtable: &mut [f32]) {
        let (table, width) = (self.table(), self.width as usize);
        let tables = dtable.par_chunks_mut(table).with_min_len((TASK / table).max(1));
        tables.zip(indices).zip(g.par_chunks(width)).for_each(|((dtable, index), g)| {
            dtable.fill(0.0);
            if *index < self.table_rows {
                dtable[*index as usize * width..][..width].copy_from_slice(g);
            }
        });
    }

    fn run_summed(&self, cpu: &Cpu, indices: &[u32], g: &[f32], dtable: &mut [f32]) {
        let width = self.width as usize;
        let entries = (self.table_rows as usize).div_ceil(TASKS).max(TASK / width).max(1);
        dtable.par_chunks_mut(entries * width).enumerate().for_each(|(block, dtable)| {
            let first = block * entries;
            cpu.vectorised(
                #[inline(always)]
                || {
                    dtable.fill(0.0);
                    for (index, g) in indices.iter().zip(g.chunks_exact(width)) {
                        let own = (*index as usize).checked_sub(first).map(|entry| entry * width);
                        if let Some(own) = own.filter(|own| *own < dtable.len()) {
                            for (sum, g) in dtable[own..][..width].iter_mut().zip(g) {
                                *sum += g;
                            }
                        }
                    }
                },
            );
        });
    }
}

impl Kernel for GatherGradient {
    fn name(&self) -> &'static str {
        "gather_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("indices", self.rows as usize),
            Slot::read("g", self.rows as usize * self.width as usize),
            Slot::write("dtable", self.len()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "gather/gather_gradient", constants: vec![("APART", u32::from(self.apart))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.width).u32(self.table_rows)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(if self.apart {
            self.len().div_ceil(256)
        } else {
            self.table_rows as usize * self.width.div_ceil(256) as usize
        })
    }

    fn cost(&self) -> Cost {
        let sums = if self.apart { 0 } else { u64::from(self.rows) * u64::from(self.width) };
        Cost { operations: sums, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [indices, g, dtable] = views.split();
        let rows = self.rows as usize;
        let (indices, g) = (&indices.read_u32()[..rows], &g.read()[..rows * self.width as usize]);
        let dtable = &mut dtable.write()[..self.len()];
        if self.apart {
            self.run_apart(indices, g, dtable);
        } else {
            self.run_summed(cpu, indices, g, dtable);
        }
    }
}
