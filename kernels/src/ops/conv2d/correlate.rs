//! The CPU kernel behind the forward pass and the gradient of the input: rows of outputs from planes of the source.
//!
//! Some channels of the result and some vectors of neighbouring outputs are kept in registers while all channels and taps of the
//! source pass by: each source vector is loaded once for those channels, each weight once for those vectors. These are eight channels
//! and three vectors where the machine has 32 registers, four and three where it has 16.

use pulp::{Simd, WithSimd};

use super::planes::Planes;

/// Channels of the result that one pass computes, at most.
pub(super) const ROWS: usize = 8;
/// Channels that one pass computes where there are fewer, or fewer registers.
const FEW_ROWS: usize = 4;

/// Channels that the next pass computes of `left`.
pub(super) fn block_rows(left: usize) -> usize {
    [ROWS, FEW_ROWS].into_iter().find(|rows| left >= *rows).unwrap_or(1)
}

/// Some channels of the result of one image: `rows` (8, 4 or 1) from `planes` of `depth` channels.
#[derive(Debug)]
pub(super) struct Correlate<'a> {
    /// Where the planes' taps are.
    pub planes: &'a Planes,
    /// Planes of the source, one a channel, with slack behind unless `exact`.
    pub source: &'a [f32],
    /// Channels of the source.
    pub depth: usize,
    /// Weights `[depth, taps, rows]`.
    pub weights: &'a [f32],
    /// Channels of the result at once.
    pub rows: usize,
    /// Results `[rows, positions]` at the planes' pitch, with slack behind each unless `exact`.
    pub result: &'a mut [f32],
    /// Whether nothing may be touched behind the last position.
    pub exact: bool,
}

impl Correlate<'_> {
    /// `V` vectors of outputs of `M` channels from `row` and position `first` on.
    #[inline(always)]
    fn columns<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, row: usize, first: usize) {
        let lanes = S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        let [rows, columns] = self.planes.distances();
        let last = self.depth.saturating_sub(1) * self.planes.plane + first + self.planes.reach();
        assert!(self.depth == 0 || last + V * lanes <= self.source.len());
        assert!(row + M <= self.rows && self.depth * self.planes.taps() * self.rows <= self.weights.len());
        let mut weights = self.weights.as_ptr();
        for channel in 0..self.depth {
            // SAFETY: `first` vectors behind the farthest tap of the last channel are within the source, as asserted; checked each
            // by each, the bounds take a quarter of the time.
            let source = unsafe { self.source.as_ptr().add(channel * self.planes.plane + first) };
            for tap_row in rows {
                for column in columns {
                    let x: [S::f32s; V] = std::array::from_fn(|v| {
                        // SAFETY: as above; nothing is asked of the alignment.
                        unsafe { source.add(tap_row + column + v * lanes).cast::<S::f32s>().read_unaligned() }
                    });
                    for (m, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: there are as many weights a channel and tap as rows, as asserted.
                        let weight = simd.splat_f32s(unsafe { *weights.add(row + m) });
                        for (sum, x) in sums.iter_mut().zip(&x) {
                            *sum = simd.mul_add_f32s(weight, *x, *sum);
                        }
                    }
                    // SAFETY: as above; one past the last is an address still.
                    weights = unsafe { weights.add(self.rows) };
                }
            }
        }
        let len = self.result.len() / self.rows;
        for (m, sums) in sums.iter().enumerate() {
            let result = S::as_mut_simd_f32s(&mut self.result[(row + m) * len + first..][..V * lanes]).0;
            for (result, sum) in result.iter_mut().zip(sums) {
                *result = *sum;
            }
        }
    }

    /// The outputs from position `first` to the last, fewer than a vector, one by one.
    #[inline(always)]
    fn rest<const M: usize>(&mut self, row: usize, first: usize) {
        let len = self.result.len() / self.rows;
        for position in first..self.planes.positions() {
            let mut sums = [0.0f32; M];
            let mut weights = self.weights.chunks_exact(self.rows);
            let [rows, columns] = self.planes.distances();
            for channel in 0..self.depth {
                for tap_row in rows {
                    for (column, weights) in columns.iter().zip(&mut weights) {
                        let x = self.source[channel * self.planes.plane + position + tap_row + column];
                        for (sum, weight) in sums.iter_mut().zip(&weights[row..]) {
                            *sum = weight.mul_add(x, *sum);
                        }
                    }
                }
            }
            for (m, sum) in sums.iter().enumerate() {
                self.result[(row + m) * len + position] = *sum;
            }
        }
    }

    /// All outputs of `M` channels from `row` on, `most` vectors at once.
    #[inline(always)]
    fn all<S: Simd, const M: usize>(&mut self, simd: S, row: usize, most: usize) {
        let lanes = S::F32_LANES;
        let positions = self.planes.positions();
        let vectors = if self.exact { positions / lanes } else { positions.div_ceil(lanes) };
        // Tiles as equal as can be: one of few vectors waits for its own sums.
        let mut done = 0;
        while done < vectors {
            let left = vectors - done;
            let tile = left.div_ceil(left.div_ceil(most));
            let first = done * lanes;
            match tile {
                6 if M < ROWS => self.columns::<S, M, 6>(simd, row, first),
                5 if M < ROWS => self.columns::<S, M, 5>(simd, row, first),
                4 if M < ROWS => self.columns::<S, M, 4>(simd, row, first),
                3 => self.columns::<S, M, 3>(simd, row, first),
                2 => self.columns::<S, M, 2>(simd, row, first),
                _ => self.columns::<S, M, 1>(simd, row, first),
            }
            done += tile;
        }
        self.rest::<M>(row, vectors * lanes);
    }
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let many = S::REGISTER_COUNT >= 32;
        match self.rows {
            ROWS if many => self.all::<S, ROWS>(simd, 0, 3),
            ROWS | FEW_ROWS => {
                for row in (0..self.rows).step_by(FEW_ROWS) {
                    self.all::<S, FEW_ROWS>(simd, row, if many { 6 } else { 3 });
                }
            }
            _ => self.all::<S, 1>(simd, 0, 6),
        }
    }
}
