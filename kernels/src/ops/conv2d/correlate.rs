//! The CPU kernel behind the forward pass and the gradient of the input: rows of outputs from planes of the source.
//!
//! Four channels of the result and some vectors of neighbouring outputs are kept in registers while all channels and taps of the
//! source pass by: each source vector is loaded once for four channels, each weight once for those vectors. There are six of them
//! where the machine has 32 registers, three where it has 16.

use pulp::{Simd, WithSimd};

use super::planes::Planes;

/// Channels of the result that one pass computes.
pub(super) const ROWS: usize = 4;

/// Some channels of the result of one image: `rows` (4 or 1) from `planes` of `depth` channels.
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
    /// `V` vectors of outputs from position `first` on.
    #[inline(always)]
    fn columns<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, first: usize) {
        let lanes = S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        let [rows, columns] = self.planes.distances();
        let last = self.depth.saturating_sub(1) * self.planes.plane + first + self.planes.reach();
        assert!(self.depth == 0 || last + V * lanes <= self.source.len());
        assert!(self.depth * self.planes.taps() * M <= self.weights.len());
        let mut weights = self.weights.as_ptr();
        for channel in 0..self.depth {
            // SAFETY: `first` vectors behind the farthest tap of the last channel are within the source, as asserted; checked each
            // by each, the bounds take a quarter of the time.
            let source = unsafe { self.source.as_ptr().add(channel * self.planes.plane + first) };
            for row in rows {
                for column in columns {
                    let x: [S::f32s; V] = std::array::from_fn(|v| {
                        // SAFETY: as above; nothing is asked of the alignment.
                        unsafe { source.add(row + column + v * lanes).cast::<S::f32s>().read_unaligned() }
                    });
                    for (m, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: there are M weights a channel and tap, as asserted.
                        let weight = simd.splat_f32s(unsafe { *weights.add(m) });
                        for (sum, x) in sums.iter_mut().zip(&x) {
                            *sum = simd.mul_add_f32s(weight, *x, *sum);
                        }
                    }
                    // SAFETY: as above; one past the last is an address still.
                    weights = unsafe { weights.add(M) };
                }
            }
        }
        let row = self.result.len() / self.rows;
        for (m, sums) in sums.iter().enumerate() {
            let result = S::as_mut_simd_f32s(&mut self.result[m * row + first..][..V * lanes]).0;
            for (result, sum) in result.iter_mut().zip(sums) {
                *result = *sum;
            }
        }
    }

    /// The outputs from position `first` to the last, fewer than a vector, one by one.
    #[inline(always)]
    fn rest<const M: usize>(&mut self, first: usize) {
        let row = self.result.len() / self.rows;
        for position in first..self.planes.positions() {
            let mut sums = [0.0f32; M];
            let mut weights = self.weights.as_chunks::<M>().0.iter();
            let [rows, columns] = self.planes.distances();
            for channel in 0..self.depth {
                for row in rows {
                    for (column, weights) in columns.iter().zip(&mut weights) {
                        let x = self.source[channel * self.planes.plane + position + row + column];
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum = weight.mul_add(x, *sum);
                        }
                    }
                }
            }
            for (m, sum) in sums.iter().enumerate() {
                self.result[m * row + position] = *sum;
            }
        }
    }

    #[inline(always)]
    fn all<S: Simd, const M: usize>(&mut self, simd: S) {
        let lanes = S::F32_LANES;
        let positions = self.planes.positions();
        let vectors = if self.exact { positions / lanes } else { positions.div_ceil(lanes) };
        // Tiles as equal as can be: one of few vectors waits for its own sums.
        let most = if S::REGISTER_COUNT >= 32 || M == 1 { 6 } else { 3 };
        let mut done = 0;
        while done < vectors {
            let left = vectors - done;
            let tile = left.div_ceil(left.div_ceil(most));
            let first = done * lanes;
            match tile {
                6 => self.columns::<S, M, 6>(simd, first),
                5 => self.columns::<S, M, 5>(simd, first),
                4 => self.columns::<S, M, 4>(simd, first),
                3 => self.columns::<S, M, 3>(simd, first),
                2 => self.columns::<S, M, 2>(simd, first),
                _ => self.columns::<S, M, 1>(simd, first),
            }
            done += tile;
        }
        self.rest::<M>(vectors * lanes);
    }
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if self.rows == ROWS {
            self.all::<S, ROWS>(simd);
        } else {
            self.all::<S, 1>(simd);
        }
    }
}
