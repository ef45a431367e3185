//! The pooling of the mixed edge on the CPU: sums along columns, then along rows, of bands of a plane.

use super::mixed_edge::MixedEdge;

/// Columns that are taken at once.
const TILE: usize = 64;
/// Elements of a band, the zeros beside its rows included: a plane of 32 x 32 is one band.
const BAND: usize = 1152;

/// What stands for a row outside of the plane.
static OUTSIDE: [f32; TILE + 2] = [0.0; TILE + 2];

/// Average pooling 3x3, stride 1, padding 1 that is not counted, or its transpose; with its memory, to be used for many planes.
pub(super) struct MixedPool {
    height: usize,
    width: usize,
    transposed: bool,
    /// Sums along columns, a zero on either side of each row.
    sums: [f32; BAND],
    values: [f32; BAND],
    /// Factors of the columns of a tile and its neighbours before the sum along rows, and after it.
    before: [f32; TILE + 2],
    after: [f32; TILE],
}

/// One over the number of rows (or columns) of a window of three around `i` that lie inside `extent`.
#[inline(always)]
fn share(i: usize, extent: usize) -> f32 {
    [1.0, 1.0 / 2.0, 1.0 / 3.0][usize::from(i > 0) + usize::from(i + 1 < extent)]
}

impl MixedPool {
    #[inline(always)]
    pub(super) fn new(edge: &MixedEdge, transposed: bool) -> Self {
        let (height, width) = (edge.height as usize, edge.width as usize);
        let (sums, values) = ([0.0; BAND], [0.0; BAND]);
        let mut pool = Self { height, width, transposed, sums, values, before: [1.0; TILE + 2], after: [1.0; TILE] };
        pool.prepare(0);
        pool
    }

    /// The factors of the tile that starts at column `first`. What a window averages divides its sum, or, transposed, what is
    /// summed.
    fn prepare(&mut self, first: usize) {
        let (width, columns) = (self.width, first..self.width.min(first + TILE + 1));
        if self.transposed {
            for (column, factor) in
                (first.saturating_sub(1)..columns.end).zip(&mut self.before[usize::from(first == 0)..])
            {
                *factor = share(column, width);
            }
        } else {
            for (column, factor) in columns.zip(&mut self.after) {
                *factor = share(column, width);
            }
        }
    }

    /// Calls `emit(start, values)` with the results for the elements of `plane` from `start`, until all have been given.
    #[inline(always)]
    pub(super) fn run(&mut self, plane: &[f32], mut emit: impl FnMut(usize, &[f32])) {
        // One copy of the loops a common width: rows of a few elements are vectors only where their length is a constant.
        match self.width {
            4 => self.run_tile(plane, 4, [0, 4], &mut emit),
            8 => self.run_tile(plane, 8, [0, 8], &mut emit),
            16 => self.run_tile(plane, 16, [0, 16], &mut emit),
            32 => self.run_tile(plane, 32, [0, 32], &mut emit),
            width => {
                for first in (0..width).step_by(TILE) {
                    if width > TILE {
                        self.prepare(first);
                    }
                    self.run_tile(plane, width, [first, TILE.min(width - first)], &mut emit);
                }
            }
        }
    }

    /// The columns from `first`, `tile` of them, of a plane of rows of `width`.
    #[inline(always)]
    fn run_tile(
        &mut self,
        plane: &[f32],
        width: usize,
        [first, tile]: [usize; 2],
        emit: &mut impl FnMut(usize, &[f32]),
    ) {
        let height = self.height;
        // Rows whose results lie side by side.
        let (pitch, band) = (tile + 2, if tile == width { BAND / (tile + 2) } else { 1 });
        for top in (0..height).step_by(band) {
            let rows = band.min(height - top);
            for (i, sums) in (top..top + rows).zip(self.sums.chunks_exact_mut(pitch)) {
                Self::sum_columns(plane, [height, width], i, [first, tile], self.transposed, &self.before, sums);
            }
            let sums = self.sums.chunks_exact(pitch).zip(self.values.chunks_exact_mut(tile));
            for (i, (sums, values)) in (top..top + rows).zip(sums) {
                let row = if self.transposed { 1.0 } else { share(i, height) };
                let window = sums[..tile].iter().zip(&sums[1..tile + 1]).zip(&sums[2..tile + 2]);
                let factors = &self.after[..tile];
                for ((value, ((left, middle), right)), factor) in values.iter_mut().zip(window).zip(factors) {
                    *value = (left + middle + right) * (row * factor);
                }
            }
            emit(top * width + first, &self.values[..rows * tile]);
        }
    }

    /// The sums of rows `i - 1`, `i` and `i + 1` in the columns of a tile and one on either side, 0 outside of the plane.
    #[inline(always)]
    fn sum_columns(
        plane: &[f32],
        [height, width]: [usize; 2],
        i: usize,
        [first, tile]: [usize; 2],
        transposed: bool,
        before: &[f32; TILE + 2],
        sums: &mut [f32],
    ) {
        let (low, high) = (first.saturating_sub(1), (first + tile + 1).min(width));
        let start = low + 1 - first;
        let columns = high - low;
        let row = |inside: bool, i: usize| {
            let values = if inside { &plane[i * width + low..][..columns] } else { &OUTSIDE[..columns] };
            (values, if transposed { share(i, height) } else { 1.0 })
        };
        let (above, factor_above) = row(i > 0, i.wrapping_sub(1));
        let (here, factor_here) = row(true, i);
        let (below, factor_below) = row(i + 1 < height, i + 1);
        sums[0] = 0.0;
        sums[tile + 1] = 0.0;
        let three = above.iter().zip(here).zip(below);
        let before = &before[start..start + columns];
        for ((sum, ((above, here), below)), factor) in sums[start..start + columns].iter_mut().zip(three).zip(before) {
            *sum = (factor_above * above + factor_here * here + factor_below * below) * factor;
        }
    }
}
