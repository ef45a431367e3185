//! Rows added strictly in order: gradients of many architectures folded into one.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, linear_grid};
use crate::ops::check::{ITERATIONS, at_most, countable, positive};

const CHUNK: usize = 4096;

/// `y[p] = ((initial[p] + scale * x[0,p]) + scale * x[1,p]) + …`: `[rows, len] -> [len]`, strictly in order, from 0 without
/// `initial`; `x` may be the sum of two tensors. Slots (`initial` `[len]`), `x`, (`second`), `y`.
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
    /// Whether the tensor in the slot `second` is added to `x` before.
    pub second: bool,
    /// Where the rows lie in their tensors.
    pub layout: RowLayout,
}

/// Where rows lie: element `p` of row `r` is element `offset + r row + p element` of its tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLayout {
    /// The first element.
    pub offset: u32,
    /// Elements from a row to the next.
    pub row: u32,
    /// Elements from one of a row to the next.
    pub element: u32,
}

impl RowLayout {
    /// Rows of `len` elements, one after another.
    pub fn rows_of(len: usize) -> Self {
        Self { offset: 0, row: u32::try_from(len).unwrap_or(u32::MAX), element: 1 }
    }

    /// Elements up to the last of `rows` rows of `len` elements.
    fn reach(self, rows: u32, len: usize) -> usize {
        self.offset as usize + (rows as usize - 1) * self.row as usize + (len - 1) * self.element as usize + 1
    }
}

impl FoldRows {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements or rows than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        positive("fold_rows", &[("rows", self.rows.into()), ("len", self.len as u64)])?;
        countable("fold_rows", "x", &[self.rows.into(), self.len as u64])?;
        countable("fold_rows", "x", &[self.layout.reach(self.rows, self.len) as u64])?;
        at_most("fold_rows", "rows", self.rows.into(), ITERATIONS)
    }

    fn fold(&self, cpu: &Cpu, initial: Option<&[f32]>, [x, second]: [Option<&[f32]>; 2], y: &mut [f32]) {
        let RowLayout { offset, row: row_step, element } = self.layout;
        let [offset, row_step, element] = [offset, row_step, element].map(|step| step as usize);
        let scale = self.scale;
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
                        let first = offset + row * row_step + start * element;
                        let [x, second] = [x, second].map(|x| x.map_or(&[][..], |x| &x[first..]));
                        match (element, second.is_empty()) {
                            (1, true) => y.iter_mut().zip(x).for_each(|(y, x)| *y += scale * x),
                            (1, false) => {
                                y.iter_mut()
                                    .zip(x.iter().zip(second))
                                    .for_each(|(y, (x, second))| *y += scale * (x + second));
                            }
                            (_, true) => y.iter_mut().zip(x.iter().step_by(element)).for_each(|(y, x)| *y += scale * x),
                            (_, false) => {
                                for (p, y) in y.iter_mut().enumerate() {
                                    *y += scale * (x[p * element] + second[p * element]);
                                }
                            }
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
        let x = self.layout.reach(self.rows, self.len);
        let mut slots = Vec::new();
        if self.initial {
            slots.push(Slot::read("initial", self.len));
        }
        slots.push(Slot::read("x", x).or_half());
        if self.second {
            slots.push(Slot::read("second", x).or_half());
        }
        slots.push(Slot::write("y", self.len));
        slots
    }

    fn shader(&self) -> Shader {
        Shader {
            file: "reduce/fold_rows",
            constants: vec![("INITIAL", u32::from(self.initial)), ("SECOND", u32::from(self.second))],
        }
    }

    fn parameters(&self) -> Words {
        let RowLayout { offset, row, element } = self.layout;
        Words::new().u32(self.rows).u32(self.len as u32).f32(self.scale).u32(offset).u32(row).u32(element)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(256))
    }

    fn cost(&self) -> Cost {
        let (elements, len) = (u64::from(self.rows) * self.len as u64, self.len as u64);
        let (second, initial) = (u64::from(self.second), u64::from(self.initial));
        Cost { operations: (2 + second) * elements, bytes: 4 * ((1 + second) * elements + (1 + initial) * len) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let initial = if self.initial { views.next() } else { None }.map(View::read);
        let x = views.next().map(View::read);
        let second = if self.second { views.next() } else { None }.map(View::read);
        if let Some(y) = views.next() {
            self.fold(cpu, initial, [x, second], y.write());
        }
    }
}
