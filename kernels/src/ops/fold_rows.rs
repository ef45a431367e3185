//! Rows added strictly in order: gradients of many architectures folded into one.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most, countable, positive};

const CHUNK: usize = 4096;

/// `y[p] = ((initial[p] + scale * x[0,p]) + scale * x[1,p]) + …`: `[rows, len] -> [len]`, strictly in order, from 0 without
/// `initial`. Slots (`initial` `[len]`), `x`, `y`.
///
/// Folding some rows, and then the rest on top of the result, gives the bits of folding all at once: so gradients may be
/// accumulated in any number of chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldRows {
    /// Rows.
    pub rows: u32,
    /// Elements of a row.
    pub len: usize,
    /// The factor of every row.
    pub scale: f32,
    /// Whether the sum starts from the slot `initial`, else from 0.
    pub initial: bool,
}

impl FoldRows {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements or rows than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        positive("fold_rows", &[("rows", self.rows.into()), ("len", self.len as u64)])?;
        countable("fold_rows", "x", &[self.rows.into(), self.len as u64])?;
        at_most("fold_rows", "rows", self.rows.into(), ITERATIONS)
    }

    fn fold(&self, cpu: &Cpu, initial: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
        y[..self.len].par_chunks_mut(CHUNK).enumerate().for_each(|(index, y)| {
            let start = index * CHUNK;
            cpu.vectorised(
                #[inline(always)]
                || {
                    match initial {
                        Some(initial) => y.copy_from_slice(&initial[start..][..y.len()]),
                        None => y.fill(0.0),
                    }
                    for row in 0..self.rows as usize {
                        for (y, x) in y.iter_mut().zip(&x[row * self.len + start..]) {
                            *y += self.scale * x;
                        }
                    }
                },
            );
        });
    }
}

impl Kernel for FoldRows {
    fn name(&self) -> &'static str {
        "fold_rows"
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::read("x", self.rows as usize * self.len), Slot::write("y", self.len)];
        if self.initial {
            slots.insert(0, Slot::read("initial", self.len));
        }
        slots
    }

    fn shader(&self) -> Shader {
        Shader { file: "reduce/fold_rows", constants: vec![("INITIAL", u32::from(self.initial))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.len as u32).f32(self.scale)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * u64::from(self.rows) * self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        if self.initial {
            let [initial, x, y] = views.split();
            self.fold(cpu, Some(initial.read()), x.read(), y.write());
        } else {
            let [x, y] = views.split();
            self.fold(cpu, None, x.read(), y.write());
        }
    }
}
