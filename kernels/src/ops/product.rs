//! One matrix product on the CPU: blocks of C in parallel, each by the `gemm` crate or, where that does not pay, by loops.

use rayon::prelude::*;

use crate::cpu::Cpu;
use crate::ops::dot;

/// Multiply-adds below which plain loops beat the set-up of `gemm`.
const SMALL: usize = 4096;

/// The operands of a product; strides are in elements: `[row, k]` of A, `[k, column]` of B.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product<'a> {
    pub n: usize,
    pub k: usize,
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub a_strides: [usize; 2],
    pub b_strides: [usize; 2],
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
}

/// A block of C: rows `row..row + rows`, columns `column..column + columns`.
#[derive(Debug, Clone, Copy)]
struct Block {
    row: usize,
    rows: usize,
    column: usize,
    columns: usize,
}

/// The first element of C, shared between tasks that write disjoint blocks.
#[derive(Debug, Clone, Copy)]
struct Target {
    pointer: *mut f32,
    len: usize,
    n: usize,
}

// SAFETY: a Target is only an address; what it points to is written through `Target::row` and `gemm` alone, by tasks that
// own disjoint blocks (see `Product::run`).
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    /// One row of a block.
    ///
    /// # Safety
    /// The block must be within C, and no other reference to its elements may live.
    unsafe fn row<'a>(self, block: Block, row: usize) -> &'a mut [f32] {
        let first = (block.row + row) * self.n + block.column;
        debug_assert!(row < block.rows && first + block.columns <= self.len);
        // SAFETY: the row is within C and unaliased, which the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(first), block.columns) }
    }
}

impl Product<'_> {
    /// Computes C (`[m, n]`, m being its length / n) in blocks of at most `rows` x `columns`.
    pub(super) fn run(&self, cpu: &Cpu, (rows, columns): (usize, usize), c: &mut [f32]) {
        let (m, n) = (c.len() / self.n, self.n);
        let target = Target { pointer: c.as_mut_ptr(), len: c.len(), n };
        let across = n.div_ceil(columns);
        let blocks = m.div_ceil(rows) * across;
        let one = |index: usize| {
            let (row, column) = (index / across * rows, index % across * columns);
            let block = Block { row, rows: rows.min(m - row), column, columns: columns.min(n - column) };
            // SAFETY: `c` is borrowed mutably for the whole of `run`, and the blocks of different indices are disjoint parts
            // of it.
            unsafe { self.block(cpu, block, target) };
        };
        if blocks == 1 {
            one(0);
        } else {
            (0..blocks).into_par_iter().for_each(one);
        }
    }

    /// # Safety
    /// The block must be within the target, and no other reference to its elements may live.
    unsafe fn block(&self, cpu: &Cpu, block: Block, target: Target) {
        let [a_row, a_depth] = self.a_strides;
        if block.rows == 1 && a_depth == 1 || block.rows * block.columns * self.k <= SMALL {
            for i in 0..block.rows {
                // SAFETY: promised by the caller; one row is referenced at a time.
                let c = unsafe { target.row(block, i) };
                self.row(cpu, block.row + i, block.column, c);
            }
            return;
        }
        let a = &self.a[block.row * a_row..];
        let [b_depth, b_column] = self.b_strides;
        let b = &self.b[block.column * b_column..];
        debug_assert!((block.rows - 1) * a_row + (self.k - 1) * a_depth < a.len());
        debug_assert!((self.k - 1) * b_depth + (block.columns - 1) * b_column < b.len());
        debug_assert!((block.row + block.rows - 1) * target.n + block.column + block.columns <= target.len);
        // SAFETY: the pointers and strides reach elements of the block of C, which the caller promises to be its own, and of
        // A and B: their slices hold all rows and columns of the block, as asserted.
        unsafe {
            gemm::gemm(
                block.rows,
                block.columns,
                self.k,
                target.pointer.add(block.row * target.n + block.column),
                1,
                target.n as isize,
                false,
                a.as_ptr(),
                a_depth as isize,
                a_row as isize,
                b.as_ptr(),
                b_column as isize,
                b_depth as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        if self.bias.is_none() && !self.relu {
            return;
        }
        for i in 0..block.rows {
            // SAFETY: promised by the caller; gemm is done and one row is referenced at a time.
            let c = unsafe { target.row(block, i) };
            cpu.vectorised(
                #[inline(always)]
                || self.finish(block.column, c),
            );
        }
    }

    /// Part of row `i` of C, from `column` on.
    fn row(&self, cpu: &Cpu, i: usize, column: usize, c: &mut [f32]) {
        let [a_row, a_depth] = self.a_strides;
        let a = &self.a[i * a_row..];
        let [b_depth, b_column] = self.b_strides;
        cpu.vectorised(
            #[inline(always)]
            || {
                if b_column == 1 {
                    c.fill(0.0);
                    let columns = c.len();
                    let row = |depth: usize| &self.b[depth * b_depth + column..][..columns];
                    let whole = self.k / 4 * 4;
                    for depth in (0..whole).step_by(4) {
                        let a: [f32; 4] = std::array::from_fn(|i| a[(depth + i) * a_depth]);
                        let [b0, b1, b2, b3] = [row(depth), row(depth + 1), row(depth + 2), row(depth + 3)];
                        for (j, c) in c.iter_mut().enumerate() {
                            let sum = a[1].mul_add(b1[j], a[0].mul_add(b0[j], *c));
                            *c = a[3].mul_add(b3[j], a[2].mul_add(b2[j], sum));
                        }
                    }
                    for depth in whole..self.k {
                        let (a, b) = (a[depth * a_depth], row(depth));
                        for (c, b) in c.iter_mut().zip(b) {
                            *c = a.mul_add(*b, *c);
                        }
                    }
                } else {
                    for (j, c) in c.iter_mut().enumerate() {
                        let b = &self.b[(column + j) * b_column..];
                        *c = if a_depth == 1 && b_depth == 1 {
                            dot::leaf(&a[..self.k], &b[..self.k])
                        } else {
                            (0..self.k).fold(0.0, |sum, depth| a[depth * a_depth].mul_add(b[depth * b_depth], sum))
                        };
                    }
                }
                self.finish(column, c);
            },
        );
    }

    /// Adds the bias and cuts at 0.
    #[inline(always)]
    fn finish(&self, column: usize, c: &mut [f32]) {
        if let Some(bias) = self.bias {
            for (c, bias) in c.iter_mut().zip(&bias[column..]) {
                *c += bias;
            }
        }
        if self.relu {
            for c in c {
                *c = c.max(0.0);
            }
        }
    }
}
