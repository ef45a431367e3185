//! The Gram matrix of a few long vectors.

use rayon::prelude::*;

use super::require::{require, require_len};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};
use crate::plan::{Operand, PlanBuilder};

/// The most vectors: what the shared memory of [`super::MinNorm`] holds.
pub(super) const ROWS: u32 = 32;

/// Ranges of columns that the matrix is summed over, at most.
const RANGES: usize = 256;

/// `gram[i, j] = <g_i, g_j> (+ previous[i, j])` for the rows of `g` `[rows, len]`, in two launches: a fixed tree.
///
/// The gradients of several devices with respect to one tensor are its rows; with `accumulate` the sum over tensors is
/// the matrix that [`super::MinNorm`] reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gram {
    /// Vectors, at most 32.
    pub rows: u32,
    /// Elements of a vector.
    pub len: usize,
    /// Whether an earlier matrix is added.
    pub accumulate: bool,
}

impl Gram {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where there is no vector or more than 32, or they have no elements or too many.
    pub fn validate(&self) -> Result<()> {
        require(self.rows > 0 && self.rows <= ROWS, "gram", "there must be between 1 and 32 rows")?;
        require_len(self.len.saturating_mul(self.rows as usize), "gram")
    }

    /// Appends the launches. `g` is `[rows, len]`, `previous` `[rows, rows]` is given where `accumulate` holds, `gram` is
    /// `[rows, rows]`.
    ///
    /// # Errors
    /// As [`Gram::validate`], where `previous` is missing or not asked for, or an operand does not fit.
    pub fn push(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        g: Operand,
        previous: Option<Operand>,
        gram: Operand,
    ) -> Result<()> {
        self.validate()?;
        let columns = self.len.div_ceil(RANGES).next_multiple_of(64).max(1024);
        let pass = GramPass { rows: self.rows as usize, len: self.len, columns };
        let fold = GramFold { entries: pass.rows * pass.rows, count: pass.ranges(), accumulate: self.accumulate };
        let partials = plan.transient(format!("{label} partials"), fold.entries * fold.count);
        plan.launch(label, pass, &[g, partials])?;
        match previous {
            Some(previous) => plan.launch(label, fold, &[partials, previous, gram]),
            None => plan.launch(label, fold, &[partials, gram]),
        }
    }
}

/// The matrix of every range of columns.
#[derive(Debug, Clone)]
struct GramPass {
    rows: usize,
    len: usize,
    columns: usize,
}

impl GramPass {
    fn ranges(&self) -> usize {
        self.len.div_ceil(self.columns)
    }
}

/// <a, b_j> for four rows at once, so that a load of `a` serves four products.
#[inline(always)]
fn four_products(a: &[f32], b: [&[f32]; 4]) -> [f32; 4] {
    let mut sums = [[0.0f32; 16]; 4];
    let (blocks, rest) = a.as_chunks::<16>();
    let b_blocks = b.map(|b| b.as_chunks::<16>());
    for (k, a) in blocks.iter().enumerate() {
        for (sums, (b, _)) in sums.iter_mut().zip(b_blocks) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(&b[k]) {
                *sum = a.mul_add(*b, *sum);
            }
        }
    }
    for (sums, (_, b)) in sums.iter_mut().zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(rest).zip(b) {
            *sum = a.mul_add(*b, *sum);
        }
    }
    sums.map(|sums| sums.iter().sum())
}

impl Kernel for GramPass {
    fn name(&self) -> &'static str {
        "gram"
    }

    fn slots(&self) -> Vec<Slot> {
        let partials = self.ranges() * self.rows * self.rows;
        vec![Slot::read("g", self.rows * self.len), Slot::write("partials", partials)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "pareto/gram", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows as u32).u32(self.len as u32).u32(self.columns as u32)
    }

    fn grid(&self) -> [u32; 3] {
        let blocks = self.rows.div_ceil(4) as u32;
        [self.ranges() as u32, blocks, blocks]
    }

    fn cost(&self) -> Cost {
        let pairs = (self.rows * (self.rows + 1) / 2) as u64;
        Cost { operations: 2 * pairs * self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [g, partials] = views.split();
        let (g, rows) = (g.read(), self.rows);
        let matrices = partials.write().par_chunks_mut(rows * rows).take(self.ranges());
        matrices.enumerate().for_each(|(range, matrix)| {
            let first = range * self.columns;
            let count = self.columns.min(self.len - first);
            // Rows past the end are the last row again and are not stored.
            let row = |i: usize| &g[i.min(rows - 1) * self.len + first..][..count];
            cpu.vectorised(
                #[inline(always)]
                || {
                    for i in 0..rows {
                        for j in (0..=i).step_by(4) {
                            let products = four_products(row(i), [row(j), row(j + 1), row(j + 2), row(j + 3)]);
                            for (j, product) in (j..=i).zip(products) {
                                matrix[i * rows + j] = product;
                                matrix[j * rows + i] = product;
                            }
                        }
                    }
                },
            );
        });
    }
}

/// The sum of those matrices.
#[derive(Debug, Clone)]
struct GramFold {
    entries: usize,
    count: usize,
    accumulate: bool,
}

impl Kernel for GramFold {
    fn name(&self) -> &'static str {
        "gram_fold"
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::read("partials", self.entries * self.count)];
        if self.accumulate {
            slots.push(Slot::read("previous", self.entries));
        }
        slots.push(Slot::write("gram", self.entries));
        slots
    }

    fn shader(&self) -> Shader {
        Shader { file: "pareto/gram_fold", constants: vec![("ACCUMULATE", u32::from(self.accumulate))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.entries as u32).u32(self.count as u32)
    }

    fn grid(&self) -> [u32; 3] {
        [self.entries.div_ceil(64) as u32, 1, 1]
    }

    fn cost(&self) -> Cost {
        Cost { operations: (self.entries * self.count) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let (partials, previous, gram) = if self.accumulate {
            let [partials, previous, gram] = views.split();
            (partials.read(), Some(previous.read()), gram.write())
        } else {
            let [partials, gram] = views.split();
            (partials.read(), None, gram.write())
        };
        let gram = &mut gram[..self.entries];
        gram.fill(0.0);
        for partial in partials.chunks_exact(self.entries).take(self.count) {
            gram.iter_mut().zip(partial).for_each(|(sum, partial)| *sum += partial);
        }
        if let Some(previous) = previous {
            gram.iter_mut().zip(previous).for_each(|(sum, previous)| *sum += previous);
        }
    }
}
