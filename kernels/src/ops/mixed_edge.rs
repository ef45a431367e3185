//! What the kernels of the mixed edge of NAS-Bench-201 share: the layout, the weights, the pooling.

use super::batch_norm::Planes;
use crate::Result;
use crate::launch::Words;
use crate::ops::check::positive;
use crate::ops::require::require;

/// Choices of an edge.
pub(super) const CHOICES: usize = 5;
/// Columns that the pooling takes at once.
const TILE: usize = 64;
/// Elements that the pooling hands on at once.
const BAND: usize = 1024;

/// The mixed edge of NAS-Bench-201: the weighted sum of `none`, `skip`, `conv 1x1`, `conv 3x3` and `average pool 3x3` (stride 1,
/// padding 1, which is not counted), in this order. The convolutions' results are normalised by their batch statistics, without
/// scale and shift.
///
/// Its kernels take the weights `[A, 5]` as a slot: where a weight is exactly 0 the operation is skipped, and what its convolution
/// left in its buffer is never read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixedEdge {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Images of an architecture, `N`.
    pub batch: u32,
    /// Channels, `C`.
    pub channels: u32,
    /// Rows of an image, `H`.
    pub height: u32,
    /// Columns of an image, `W`.
    pub width: u32,
    /// Added to the variances.
    pub epsilon: f32,
    /// Whether operations of weight 0 are evaluated too, for the gradient of their weights.
    pub evaluate_all: bool,
}

impl MixedEdge {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index or a loop of a shader counts, or epsilon is negative.
    pub fn validate(&self) -> Result<()> {
        let sides = [("height", u64::from(self.height)), ("width", u64::from(self.width))];
        positive("mixed_edge", &sides)?;
        require(
            u32::try_from(sides[0].1 * sides[1].1).is_ok(),
            "mixed_edge",
            "an image has at most 2^32 - 1 elements",
        )?;
        self.planes().validate("mixed_edge")?;
        require(self.epsilon >= 0.0 && self.epsilon.is_finite(), "mixed_edge", "epsilon is finite and not negative")
    }

    pub(super) fn planes(&self) -> Planes {
        let spatial = self.height.saturating_mul(self.width);
        Planes::new([self.architectures, self.batch, self.channels, spatial])
    }

    pub(super) fn weights(&self) -> usize {
        self.architectures as usize * CHOICES
    }

    /// The parameters of all shaders of the edge.
    pub(super) fn parameters(&self) -> Words {
        let words = Words::new().u32(self.architectures).u32(self.batch).u32(self.channels);
        words.u32(self.height).u32(self.width).f32(self.epsilon).u32(u32::from(self.evaluate_all))
    }

    /// Workgroups of 256 that the elements of one architecture take.
    pub(super) fn blocks(&self) -> usize {
        (self.planes().batch * self.planes().image()).div_ceil(256)
    }

    /// The weights of architecture `a`.
    #[inline(always)]
    pub(super) fn weights_of(weights: &[f32], a: usize) -> [f32; CHOICES] {
        std::array::from_fn(|choice| weights[a * CHOICES + choice])
    }

    /// Whether operations of this weight are evaluated.
    #[inline(always)]
    pub(super) fn evaluates(&self, weight: f32) -> bool {
        weight != 0.0 || self.evaluate_all
    }

    /// Average pooling 3x3 of a plane, or its transpose: calls `emit(start, values)` with results for the elements from `start`.
    #[inline(always)]
    pub(super) fn pool(&self, transposed: bool, plane: &[f32], mut emit: impl FnMut(usize, &[f32])) {
        let (height, width) = (self.height as usize, self.width as usize);
        let mut values = [0.0f32; BAND];
        for first in (0..width).step_by(TILE) {
            let tile = TILE.min(width - first);
            // Columns first - 1 ..= first + tile, of which those outside the image stay 0.
            let (low, high) = (first.saturating_sub(1), (first + tile + 1).min(width));
            let inside = low + 1 - first..high + 1 - first;
            let mut sums = [0.0f32; TILE + 2];
            let mut shares = [0.0f32; TILE + 2];
            for (column, share) in (low..high).zip(&mut shares[inside.clone()]) {
                *share = share_of(column, width);
            }
            let band = if tile == width { BAND / width } else { 1 };
            for top in (0..height).step_by(band) {
                let rows = band.min(height - top);
                for (i, values) in (top..top + rows).zip(values.chunks_exact_mut(tile)) {
                    let row = |i: usize| &plane[i * width + low..i * width + high];
                    let weight = |i: usize| if transposed { share_of(i, height) } else { 1.0 };
                    let sums_inside = &mut sums[inside.clone()];
                    scale_into(sums_inside, row(i), weight(i));
                    if i > 0 {
                        add_scaled(sums_inside, row(i - 1), weight(i - 1));
                    }
                    if i + 1 < height {
                        add_scaled(sums_inside, row(i + 1), weight(i + 1));
                    }
                    if transposed {
                        for (sum, share) in sums.iter_mut().zip(&shares) {
                            *sum *= share;
                        }
                        for (j, value) in values.iter_mut().enumerate() {
                            *value = sums[j] + sums[j + 1] + sums[j + 2];
                        }
                    } else {
                        let share = share_of(i, height);
                        for (j, value) in values.iter_mut().enumerate() {
                            *value = (sums[j] + sums[j + 1] + sums[j + 2]) * (share * shares[j + 1]);
                        }
                    }
                }
                emit(top * width + first, &values[..rows * tile]);
            }
        }
    }
}

/// One over the number of rows (or columns) of a window of three around `i` that lie inside `extent`.
#[inline(always)]
fn share_of(i: usize, extent: usize) -> f32 {
    1.0 / (1 + usize::from(i > 0) + usize::from(i + 1 < extent)) as f32
}

#[inline(always)]
fn scale_into(y: &mut [f32], x: &[f32], factor: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = factor * x;
    }
}

/// `y += factor * x`.
#[inline(always)]
pub(super) fn add_scaled(y: &mut [f32], x: &[f32], factor: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
