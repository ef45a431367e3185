//! The CPU kernel behind the gradient of the weights: inner products of an output's gradient with a moved input.
//!
//! Some channels of the output and three pairs of an input channel and a tap are kept in registers, a vector of partial sums each,
//! while all pixels of some images pass by: eight channels where the machine has 32 registers, four where it has 16.

use pulp::{Simd, WithSimd};

use super::planes::Planes;

/// Channels of the output that one pass computes, with and without many registers.
const ROWS: usize = 8;
const FEW_ROWS: usize = 4;

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
    /// Whether the sums are added to what the result holds.
    pub add: bool,
    /// The result.
    pub result: &'a mut [f32],
}

impl WeightSums<'_> {
    /// `M` channels of the output from `first_row` on with the next `P` pairs.
    #[inline(always)]
    fn block<S: Simd, const M: usize, const P: usize>(&mut self, simd: S, first_row: usize, pairs: &mut Pairs<'_>) {
        let lanes = S::F32_LANES;
        let vectors = self.planes.positions().div_ceil(lanes);
        let first_pair = pairs.done;
        let offsets: [usize; P] = std::array::from_fn(|_| pairs.next_offset());
        let mut sums = [[simd.splat_f32s(0.0); P]; M];
        let (x_step, dy_step) = (self.depth * self.planes.plane, self.rows * self.row);
        let last = self.images.saturating_sub(1);
        let most = offsets.iter().max().map_or(0, |most| *most);
        assert!(last * x_step + most + vectors * lanes <= self.source.len());
        assert!(last * dy_step + (first_row + M - 1) * self.row + vectors * lanes <= self.dy.len());
        for image in 0..self.images {
            // SAFETY: the vectors of the last image are within both slices, as asserted. Checked each by each, the bounds take as
            // long as the sums of a small image.
            let x: [*const f32; P] = std::array::from_fn(|pair| {
                // SAFETY: as below.
                unsafe { self.source.as_ptr().add(image * x_step + offsets[pair]) }
            });
            let dy: [*const f32; M] = std::array::from_fn(|m| {
                // SAFETY: as above.
                unsafe { self.dy.as_ptr().add(image * dy_step + (first_row + m) * self.row) }
            });
            for at in 0..vectors {
                // SAFETY: as above; nothing is asked of the alignment.
                let load = |from: *const f32| unsafe { from.add(at * lanes).cast::<S::f32s>().read_unaligned() };
                let x: [S::f32s; P] = std::array::from_fn(|pair| load(x[pair]));
                for m in 0..M {
                    let dy = load(dy[m]);
                    for pair in 0..P {
                        sums[m][pair] = simd.mul_add_f32s(dy, x[pair], sums[m][pair]);
                    }
                }
            }
        }
        let pairs = self.depth * self.planes.taps();
        for (m, sums) in sums.iter().enumerate() {
            for (pair, sum) in sums.iter().enumerate() {
                let result = &mut self.result[(first_row + m) * pairs + first_pair + pair];
                let known = if self.add { *result } else { 0.0 };
                *result = known + simd.reduce_sum_f32s(*sum);
            }
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const M: usize>(&mut self, simd: S, first_row: usize) {
        let count = self.depth * self.planes.taps();
        let mut pairs = Pairs::new(self.planes);
        if M < ROWS && (S::REGISTER_COUNT >= 32 || M == 1) {
            while pairs.done + 6 <= count {
                self.block::<S, M, 6>(simd, first_row, &mut pairs);
            }
        }
        while pairs.done + 3 <= count {
            self.block::<S, M, 3>(simd, first_row, &mut pairs);
        }
        while pairs.done < count {
            self.block::<S, M, 1>(simd, first_row, &mut pairs);
        }
    }
}

/// Where the pairs of an input channel and a tap begin in the planes of an image, one after another.
struct Pairs<'a> {
    planes: &'a Planes,
    channel: usize,
    row: usize,
    column: usize,
    /// Pairs that were asked for.
    done: usize,
}

impl<'a> Pairs<'a> {
    fn new(planes: &'a Planes) -> Self {
        Self { planes, channel: 0, row: 0, column: 0, done: 0 }
    }

    #[inline(always)]
    fn next_offset(&mut self) -> usize {
        let [rows, columns] = self.planes.distances();
        let offset = self.channel * self.planes.plane + rows[self.row] + columns[self.column];
        self.done += 1;
        self.column += 1;
        if self.column == columns.len() {
            (self.column, self.row) = (0, self.row + 1);
        }
        if self.row == rows.len() {
            (self.row, self.channel) = (0, self.channel + 1);
        }
        offset
    }
}

impl WithSimd for WeightSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut row = 0;
        while S::REGISTER_COUNT >= 32 && row + ROWS <= self.rows {
            self.rows::<S, ROWS>(simd, row);
            row += ROWS;
        }
        while row + FEW_ROWS <= self.rows {
            self.rows::<S, FEW_ROWS>(simd, row);
            row += FEW_ROWS;
        }
        while row < self.rows {
            self.rows::<S, 1>(simd, row);
            row += 1;
        }
    }
}
