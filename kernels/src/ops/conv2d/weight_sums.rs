//! The CPU kernel behind the gradient of the weights: inner products of an output's gradient with a moved input.
//!
//! Four channels of the output and three taps are kept in registers, a vector of partial sums each, while all pixels of some
//! images pass by.

use pulp::{Simd, WithSimd};

use super::planes::Planes;

/// Channels of the output that one pass computes.
const ROWS: usize = 4;
/// Taps that one pass computes.
const TAPS: usize = 3;

/// The gradient of the weights `[rows, depth, taps]` of one group, of some images.
#[derive(Debug)]
pub(super) struct WeightSums<'a> {
    /// Where the planes' taps are.
    pub planes: &'a Planes,
    /// Images.
    pub images: usize,
    /// Input planes `[images, depth]`, with slack behind.
    pub source: &'a [f32],
    /// Channels of the input.
    pub depth: usize,
    /// The output's gradient `[images, rows, row]` at the planes' pitch, zeros between the rows and behind.
    pub dy: &'a [f32],
    /// Channels of the output.
    pub rows: usize,
    /// Elements of a channel of `dy`.
    pub row: usize,
    /// The result.
    pub result: &'a mut [f32],
}

impl WeightSums<'_> {
    #[inline(always)]
    fn block<S: Simd, const M: usize, const T: usize>(
        &mut self,
        simd: S,
        first_row: usize,
        channel: usize,
        tap: usize,
        offsets: [usize; T],
    ) {
        let lanes = S::F32_LANES;
        let vectors = self.planes.positions().div_ceil(lanes);
        let mut sums = [[simd.splat_f32s(0.0); T]; M];
        for image in 0..self.images {
            let x = &self.source[(image * self.depth + channel) * self.planes.plane..];
            let x: [&[f32]; T] = std::array::from_fn(|t| &x[offsets[t]..][..vectors * lanes]);
            let dy = &self.dy[(image * self.rows + first_row) * self.row..];
            let dy: [&[f32]; M] = std::array::from_fn(|m| &dy[m * self.row..][..vectors * lanes]);
            for at in (0..vectors * lanes).step_by(lanes) {
                let x: [S::f32s; T] = std::array::from_fn(|t| simd.partial_load_f32s(&x[t][at..][..lanes]));
                for (sums, dy) in sums.iter_mut().zip(&dy) {
                    let dy = simd.partial_load_f32s(&dy[at..][..lanes]);
                    for (sum, x) in sums.iter_mut().zip(&x) {
                        *sum = simd.mul_add_f32s(dy, *x, *sum);
                    }
                }
            }
        }
        let taps = self.planes.taps();
        for (m, sums) in sums.iter().enumerate() {
            for (t, sum) in sums.iter().enumerate() {
                self.result[((first_row + m) * self.depth + channel) * taps + tap + t] = simd.reduce_sum_f32s(*sum);
            }
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const M: usize>(&mut self, simd: S, first_row: usize) {
        let kernel = self.planes.taps().isqrt();
        let offset = |tap: usize| self.planes.offset(tap / kernel, tap % kernel);
        for channel in 0..self.depth {
            let mut tap = 0;
            while tap + TAPS <= kernel * kernel {
                let offsets = std::array::from_fn(|t| offset(tap + t));
                self.block::<S, M, TAPS>(simd, first_row, channel, tap, offsets);
                tap += TAPS;
            }
            while tap < kernel * kernel {
                self.block::<S, M, 1>(simd, first_row, channel, tap, [offset(tap)]);
                tap += 1;
            }
        }
    }
}

impl WithSimd for WeightSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut row = 0;
        while row + ROWS <= self.rows {
            self.rows::<S, ROWS>(simd, row);
            row += ROWS;
        }
        while row < self.rows {
            self.rows::<S, 1>(simd, row);
            row += 1;
        }
    }
}
