//! What the kernels of the mixed edge of NAS-Bench-201 share: the layout and the weights.

use super::batch_norm::Planes;
use crate::Result;
use crate::launch::Words;
use crate::ops::check::positive;
use crate::ops::require::require;

/// Rows of a column that an invocation of the shaders owns.
const STRIP: u32 = 8;
/// Choices of an edge.
pub(super) const CHOICES: usize = 5;

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

    /// Workgroups of 256 that the strips of one architecture take (`shared/strip.wgsl`).
    pub(super) fn strip_blocks(&self) -> usize {
        let strips = self.height.div_ceil(STRIP) as usize * self.width as usize;
        (self.planes().batch * self.planes().channels * strips).div_ceil(256)
    }

    /// Workgroups of 256 that one architecture takes where an invocation has eight elements of a plane (`shared/spread.wgsl`).
    pub(super) fn spread_blocks(&self) -> usize {
        (self.planes().batch * self.planes().channels * self.planes().spread()).div_ceil(256)
    }

    /// Whether two neighbours of an even and an odd place are always of one row, and so of neighbouring strips.
    pub(super) fn stores_pairs(&self) -> bool {
        self.width.is_multiple_of(2)
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
}

/// `y += factor * x`.
#[inline(always)]
pub(super) fn add_scaled(y: &mut [f32], x: &[f32], factor: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
