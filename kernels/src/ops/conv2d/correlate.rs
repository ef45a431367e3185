//! The CPU kernel behind the forward pass and the gradient of the input: rows of outputs from planes in scratch memory.
//!
//! Four channels of the result and three vectors of neighbouring outputs are kept in registers while all channels and taps of the
//! source pass by: each source vector is loaded once for four channels, each weight once for three vectors.

use pulp::{Simd, WithSimd};

use super::planes::Planes;

/// Channels of the result that one pass computes.
pub(super) const ROWS: usize = 4;
/// Vectors of outputs that one pass computes.
const VECTORS: usize = 3;

/// Some channels of the result of one image: `rows` (4 or 1) from `planes` of `depth` channels.
#[derive(Debug)]
pub(super) struct Correlate<'a> {
    /// Where the planes' taps are.
    pub planes: &'a Planes,
    /// Planes of the source, one a channel, with slack behind.
    pub source: &'a [f32],
    /// Channels of the source.
    pub depth: usize,
    /// Weights `[depth, taps, rows]`.
    pub weights: &'a [f32],
    /// Channels of the result at once.
    pub rows: usize,
    /// Results `[rows, positions and slack]`, at the planes' pitch.
    pub result: &'a mut [f32],
}

impl Correlate<'_> {
    #[inline(always)]
    fn columns<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, first: usize) {
        let lanes = S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        let mut weights = self.weights.as_chunks::<M>().0.iter();
        for channel in 0..self.depth {
            let base = channel * self.planes.plane + first;
            self.planes.each_tap(|offset| {
                let source = &self.source[base + offset..][..V * lanes];
                let x: [S::f32s; V] = std::array::from_fn(|v| simd.partial_load_f32s(&source[v * lanes..][..lanes]));
                if let Some(weights) = weights.next() {
                    for (sums, weight) in sums.iter_mut().zip(weights) {
                        let weight = simd.splat_f32s(*weight);
                        for (sum, x) in sums.iter_mut().zip(&x) {
                            *sum = simd.mul_add_f32s(weight, *x, *sum);
                        }
                    }
                }
            });
        }
        let row = self.result.len() / self.rows;
        for (m, sums) in sums.iter().enumerate() {
            let result = &mut self.result[m * row + first..][..V * lanes];
            for (v, sum) in sums.iter().enumerate() {
                simd.partial_store_f32s(&mut result[v * lanes..][..lanes], *sum);
            }
        }
    }

    #[inline(always)]
    fn all<S: Simd, const M: usize>(&mut self, simd: S) {
        let lanes = S::F32_LANES;
        let vectors = self.planes.positions().div_ceil(lanes);
        let mut done = 0;
        while vectors - done >= VECTORS {
            self.columns::<S, M, VECTORS>(simd, done * lanes);
            done += VECTORS;
        }
        match vectors - done {
            2 => self.columns::<S, M, 2>(simd, done * lanes),
            1 => self.columns::<S, M, 1>(simd, done * lanes),
            _ => {}
        }
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
