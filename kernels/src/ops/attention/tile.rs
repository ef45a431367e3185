//! The dense parts of the CPU kernels of attention: two register tiles.
//!
//! A block of up to 64 rows of one side (queries, or keys) is packed so that a vector holds one element of neighbouring rows: these
//! are the *lanes*. The rows of the other side pass by as they lie in memory. [`Scores`] gives a score for each of them and each
//! lane; the softmax then runs along vectors without a step across lanes. [`Accumulate`] takes the scores as factors of
//! the passing rows and sums them into a row for each lane.

use pulp::{Simd, WithSimd};

use crate::cpu::Cpu;

/// Lanes of a block, and passing rows that are taken at once.
pub(super) const BLOCK: usize = 64;
/// Rows of a register tile.
const ROWS: usize = 4;

/// Which lanes a passing row meets, in a block of `lanes`; `first` is a diagonal, that of passing row 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Visible {
    /// All.
    All,
    /// Passing row `j` meets the lanes from `first + j` on: lanes are queries.
    From(isize),
    /// Passing row `j` meets the lanes before `first + j`: lanes are keys.
    Until(isize),
}

impl Visible {
    /// The lanes that passing row `row` meets.
    #[inline(always)]
    pub(super) fn lanes(self, row: usize, lanes: usize) -> std::ops::Range<usize> {
        let held = |first: isize| (first + row as isize).clamp(0, lanes as isize) as usize;
        match self {
            Self::All => 0..lanes,
            Self::From(first) => held(first)..lanes,
            Self::Until(first) => 0..held(first),
        }
    }

    /// The passing rows, of `rows`, that meet any of the lanes `lane..lane + count`.
    #[inline(always)]
    fn rows(self, lane: usize, count: usize, rows: usize) -> std::ops::Range<usize> {
        let held = |row: isize| row.clamp(0, rows as isize) as usize;
        match self {
            Self::All => 0..rows,
            Self::From(first) => 0..held((lane + count) as isize - first),
            Self::Until(first) => held(lane as isize + 1 - first)..rows,
        }
    }
}

/// Packs `count` rows of `depth` elements, `stride` apart, times `factor`: `[depth, BLOCK]`. Lanes without a row become 0.
pub(super) fn pack(cpu: &Cpu, x: &[f32], stride: usize, count: usize, depth: usize, factor: f32, packed: &mut [f32]) {
    cpu.vectorised(
        #[inline(always)]
        || {
            let whole = count / 4 * 4;
            for lane in (0..whole).step_by(4) {
                let rows: [&[[f32; 4]]; 4] =
                    std::array::from_fn(|i| &x[(lane + i) * stride..].as_chunks::<4>().0[..depth / 4]);
                let packed = packed.as_chunks_mut::<BLOCK>().0.as_chunks_mut::<4>().0;
                for (quad, packed) in packed[..depth / 4].iter_mut().enumerate() {
                    let block = rows.map(|row| row[quad]);
                    for (d, packed) in packed.iter_mut().enumerate() {
                        let column = block.map(|row| factor * row[d]);
                        packed[lane..lane + 4].copy_from_slice(&column);
                    }
                }
            }
            for (d, packed) in packed.chunks_exact_mut(BLOCK).take(depth).enumerate() {
                for lane in whole..count {
                    packed[lane] = factor * x[lane * stride + d];
                }
                packed[count..].fill(0.0);
            }
        },
    );
}

/// `scores[j, lane] = sum_d rows[j, d] packed[d, lane]` where row and lane meet, and anything elsewhere: `[count, BLOCK]`.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    /// The passing rows, `stride` apart.
    pub rows: &'a [f32],
    pub stride: usize,
    pub count: usize,
    pub depth: usize,
    /// The packed block, of which `lanes` hold rows.
    pub packed: &'a [f32],
    pub lanes: usize,
    pub visible: Visible,
    pub scores: &'a mut [f32],
}

impl Scores<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, lane: usize) {
        let depth = self.depth;
        let rows: [&[f32]; R] = std::array::from_fn(|r| &self.rows[(row + r) * self.stride..][..depth]);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for (d, packed) in self.packed.as_chunks::<BLOCK>().0[..depth].iter().enumerate() {
            let x = vectors_of::<S, V>(&packed[lane..]);
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let y = simd.splat_f32s(row[d]);
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = simd.mul_add_f32s(y, *x, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            store_vectors::<S, V>(&mut self.scores[(row + r) * BLOCK + lane..], sums);
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let lanes = S::F32_LANES;
        let (first, last) = (self.visible.lanes(row, self.lanes), self.visible.lanes(row + R - 1, self.lanes));
        let (mut vector, end) = (first.start.min(last.start) / lanes, first.end.max(last.end).div_ceil(lanes));
        while vector < end {
            match (end - vector).min(vectors::<S>()) {
                4 => self.tile::<S, R, 4>(simd, row, vector * lanes),
                3 => self.tile::<S, R, 3>(simd, row, vector * lanes),
                2 => self.tile::<S, R, 2>(simd, row, vector * lanes),
                _ => self.tile::<S, R, 1>(simd, row, vector * lanes),
            }
            vector += vectors::<S>();
        }
    }
}

impl WithSimd for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = self.count / ROWS * ROWS;
        for row in (0..whole).step_by(ROWS) {
            self.rows::<S, ROWS>(simd, row);
        }
        for row in whole..self.count {
            self.rows::<S, 1>(simd, row);
        }
    }
}

/// `result[lane, d] += sum_j factors[j, lane] rows[j, d]` over the rows that the lane meets: `[lanes, depth]`. Factors are 0 where a
/// lane does not meet a row that its neighbours meet.
#[derive(Debug)]
pub(super) struct Accumulate<'a> {
    /// `[count, BLOCK]`.
    pub factors: &'a [f32],
    /// The passing rows, `stride` apart.
    pub rows: &'a [f32],
    pub stride: usize,
    pub count: usize,
    pub depth: usize,
    pub lanes: usize,
    pub visible: Visible,
    pub result: &'a mut [f32],
}

impl Accumulate<'_> {
    /// `R` lanes and `V` vectors of elements.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, lane: usize, first: usize) {
        let depth = self.depth;
        let mut sums: [[S::f32s; V]; R] =
            std::array::from_fn(|r| *vectors_of::<S, V>(&self.result[(lane + r) * depth + first..]));
        let range = self.visible.rows(lane, R, self.count);
        let factors = &self.factors.as_chunks::<BLOCK>().0[range.clone()];
        let rows = self.rows[range.start * self.stride..].chunks(self.stride);
        for (factors, row) in factors.iter().zip(rows) {
            let x = vectors_of::<S, V>(&row[first..]);
            for (sums, factor) in sums.iter_mut().zip(&factors[lane..lane + R]) {
                let factor = simd.splat_f32s(*factor);
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = simd.mul_add_f32s(factor, *x, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            store_vectors::<S, V>(&mut self.result[(lane + r) * depth + first..], sums);
        }
    }

    /// The elements from `first` on, fewer than a vector.
    #[inline(always)]
    fn rest(&mut self, lane: usize, first: usize) {
        let result = &mut self.result[lane * self.depth..][first..self.depth];
        for row in self.visible.rows(lane, 1, self.count) {
            let factor = self.factors[row * BLOCK + lane];
            let row = &self.rows[row * self.stride..][first..self.depth];
            for (sum, x) in result.iter_mut().zip(row) {
                *sum = factor.mul_add(*x, *sum);
            }
        }
    }

    #[inline(always)]
    fn lanes<S: Simd, const R: usize>(&mut self, simd: S, lane: usize) {
        let lanes = S::F32_LANES;
        let whole = self.depth / lanes;
        let mut vector = 0;
        while vector < whole {
            let first = vector * lanes;
            match (whole - vector).min(vectors::<S>()) {
                4 => self.tile::<S, R, 4>(simd, lane, first),
                3 => self.tile::<S, R, 3>(simd, lane, first),
                2 => self.tile::<S, R, 2>(simd, lane, first),
                _ => self.tile::<S, R, 1>(simd, lane, first),
            }
            vector += vectors::<S>();
        }
        if whole * lanes < self.depth {
            (lane..lane + R).for_each(|lane| self.rest(lane, whole * lanes));
        }
    }
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = self.lanes / ROWS * ROWS;
        for lane in (0..whole).step_by(ROWS) {
            self.lanes::<S, ROWS>(simd, lane);
        }
        for lane in whole..self.lanes {
            self.lanes::<S, 1>(simd, lane);
        }
    }
}

/// Vectors of a register tile: with four rows, what the registers hold beside the operands.
#[inline(always)]
fn vectors<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 4 } else { 2 }
}

/// The first `V` vectors of `x`. As a partial load each would go through a table of jumps.
#[inline(always)]
fn vectors_of<S: Simd, const V: usize>(x: &[f32]) -> &[S::f32s; V] {
    S::as_simd_f32s(x).0.first_chunk().expect("a tile lies within its block")
}

/// Writes vectors to the beginning of `x`.
#[inline(always)]
fn store_vectors<S: Simd, const V: usize>(x: &mut [f32], vectors: &[S::f32s; V]) {
    S::as_mut_simd_f32s(x).0[..V].copy_from_slice(vectors);
}
