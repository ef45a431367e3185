//! What the kernels of batch normalisation share: the layout of planes, the affine parameters, sums over a channel.

use std::ops::Range;

use super::reduce::fold;
use crate::Result;
use crate::launch::{Slot, linear_grid};
use crate::ops::check::{at_most, countable, positive};
use crate::ops::require::require;

/// Accumulators of a sum over contiguous elements. Where there are only a few, one chain of additions would take longer than the
/// elements take to come; what is shorter is summed by the first ones.
const LANES: usize = 64;
const FEW_LANES: usize = 16;
/// Elements after which a sum leaves its lanes: so few that they lose nothing in f32, so many that folding costs nothing.
const SPAN: usize = 4096;
/// Rows that are summed side by side.
pub(super) const NEIGHBOURS: usize = 8;
/// The most elements of a channel: two passes of a workgroup of 256 over them, and its trees, stay below 65,535 rounds.
const CHANNEL: u64 = 256 * 32_000;

/// Scale and shift after a normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Affine {
    /// None: the normalised value is the result.
    None,
    /// `[C]`, of all architectures.
    Shared,
    /// `[A, C]`, each architecture's own.
    PerArchitecture,
}

/// The layout `[A, N, C, S]`: a plane is the `S` elements of one image's channel, a row one architecture's channel `a * C + c`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) architectures: usize,
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) spatial: usize,
}

impl Planes {
    pub(super) fn new([architectures, batch, channels, spatial]: [u32; 4]) -> Self {
        let [architectures, batch, channels, spatial] = [architectures, batch, channels, spatial].map(|n| n as usize);
        Self { architectures, batch, channels, spatial }
    }

    pub(super) fn validate(self, kernel: &'static str) -> Result<()> {
        let [a, n, c, s] = [self.architectures, self.batch, self.channels, self.spatial].map(|extent| extent as u64);
        positive(kernel, &[("architectures", a), ("batch", n), ("channels", c), ("spatial", s)])?;
        countable(kernel, "x", &[a, n, c, s])?;
        at_most(kernel, "batch * spatial", n * s, CHANNEL)
    }

    /// All elements.
    pub(super) fn len(self) -> usize {
        self.architectures * self.batch * self.image()
    }

    /// Invocations of a plane that have up to eight of its elements each (`shared/spread.wgsl`).
    pub(super) fn spread(self) -> usize {
        let least = self.spatial.div_ceil(8);
        if self.stores_pairs() { least.next_multiple_of(2) } else { least }
    }

    /// Whether two neighbours of an even and an odd place are always of one plane, and of neighbouring invocations.
    pub(super) fn stores_pairs(self) -> bool {
        self.spatial.is_multiple_of(2)
    }

    /// The grid of shaders whose invocations have eight elements of a plane each.
    pub(super) fn spread_grid(self) -> [u32; 3] {
        linear_grid((self.architectures * self.batch * self.channels * self.spread()).div_ceil(256))
    }

    /// Elements of one image of one architecture.
    pub(super) fn image(self) -> usize {
        self.channels * self.spatial
    }

    /// Channels of all architectures.
    pub(super) fn rows(self) -> usize {
        self.architectures * self.channels
    }

    /// Elements of a row.
    pub(super) fn elements(self) -> usize {
        self.batch * self.spatial
    }

    /// Rows of one architecture that a task takes together, at most [`NEIGHBOURS`], image by image: a row alone jumps from plane to
    /// plane, and each jump waits for memory.
    pub(super) fn neighbours(self) -> usize {
        let most = (self.rows() / (2 * rayon::current_num_threads())).clamp(1, NEIGHBOURS);
        (1..=most).rev().find(|rows| self.channels.is_multiple_of(*rows)).unwrap_or(1)
    }

    /// Groups of [`Self::neighbours`] that are worth a task of their own together.
    pub(super) fn few_groups(self) -> usize {
        (2 * SPAN / (self.elements() * self.neighbours())).max(1)
    }

    /// Images that are worth a task of their own together.
    pub(super) fn few_images(self) -> usize {
        (2 * SPAN / self.image()).max(1)
    }

    /// Where the plane of a row lies that belongs to image `n`.
    #[inline(always)]
    pub(super) fn plane(self, row: usize, n: usize) -> Range<usize> {
        let (a, c) = (row / self.channels, row % self.channels);
        let start = ((a * self.batch + n) * self.channels + c) * self.spatial;
        start..start + self.spatial
    }
}

/// What the normalisation and its gradients have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normalisation {
    pub(super) planes: Planes,
    pub(super) epsilon: f32,
    pub(super) affine: Affine,
    pub(super) relu: bool,
}

impl Normalisation {
    pub(super) fn validate(&self, kernel: &'static str) -> Result<()> {
        self.planes.validate(kernel)?;
        require(self.epsilon >= 0.0 && self.epsilon.is_finite(), kernel, "epsilon is finite and not negative")
    }

    /// The slots of scale and shift.
    pub(super) fn affine_slots(&self) -> Vec<Slot> {
        let len = match self.affine {
            Affine::None => return Vec::new(),
            Affine::Shared => self.planes.channels,
            Affine::PerArchitecture => self.planes.rows(),
        };
        vec![Slot::read("scale", len), Slot::read("shift", len)]
    }

    /// Constants of the shaders.
    pub(super) fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("AFFINE", self.affine as u32), ("RELU", u32::from(self.relu))]
    }

    /// The normalisation of a row; `affine` is scale and shift.
    #[inline(always)]
    pub(super) fn of_row(&self, row: usize, statistics: &[f32], affine: Option<(&[f32], &[f32])>) -> RowNormalisation {
        let mut normalisation = RowNormalisation::new(&statistics[2 * row..], self.epsilon);
        if let Some((scale, shift)) = affine {
            let at = if self.affine == Affine::Shared { row % self.planes.channels } else { row };
            normalisation.factor *= scale[at];
            normalisation.shift = shift[at];
        }
        normalisation
    }
}

/// The normalisation of one row: `(x - mean) * factor + shift`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowNormalisation {
    pub(super) mean: f32,
    /// `1 / sqrt(variance + epsilon)`.
    pub(super) inverse: f32,
    /// [`Self::inverse`] times the scale.
    pub(super) factor: f32,
    pub(super) shift: f32,
}

impl RowNormalisation {
    /// Of `statistics` that start with mean and variance, without affine parameters.
    #[inline(always)]
    pub(super) fn new(statistics: &[f32], epsilon: f32) -> Self {
        let inverse = 1.0 / (statistics[1] + epsilon).sqrt();
        Self { mean: statistics[0], inverse, factor: inverse, shift: 0.0 }
    }

    #[inline(always)]
    pub(super) fn apply(self, x: f32) -> f32 {
        (x - self.mean) * self.factor + self.shift
    }

    /// `g` where ReLU of the result at `x` lets it pass.
    #[inline(always)]
    pub(super) fn masked(self, relu: bool, g: f32, x: f32) -> f32 {
        // Not `&&`: a branch would keep the loops around it from becoming vector code.
        if relu & (self.apply(x) <= 0.0) { 0.0 } else { g }
    }
}

/// A sum in a fixed order: lanes, folded into an f64 every [`SPAN`] elements or so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total {
    lanes: [f32; LANES],
    pending: usize,
    total: f64,
}

impl Total {
    pub(super) fn new() -> Self {
        Self { lanes: [0.0; LANES], pending: 0, total: 0.0 }
    }

    /// Adds `of(a, b)` of all pairs of two slices of one length.
    #[inline(always)]
    pub(super) fn add(&mut self, a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) {
        debug_assert_eq!(a.len(), b.len());
        for (a, b) in a.chunks(SPAN).zip(b.chunks(SPAN)) {
            let (whole_a, rest_a) = a.as_chunks::<LANES>();
            let (whole_b, rest_b) = b.as_chunks::<LANES>();
            if !whole_a.is_empty() {
                let mut lanes = self.lanes;
                for (a, b) in whole_a.iter().zip(whole_b) {
                    for i in 0..LANES {
                        lanes[i] += of(a[i], b[i]);
                    }
                }
                self.lanes = lanes;
            }
            let (few_a, rest_a) = rest_a.as_chunks::<FEW_LANES>();
            let (few_b, rest_b) = rest_b.as_chunks::<FEW_LANES>();
            for (a, b) in few_a.iter().zip(few_b) {
                for i in 0..FEW_LANES {
                    self.lanes[i] += of(a[i], b[i]);
                }
            }
            for ((lane, a), b) in self.lanes.iter_mut().zip(rest_a).zip(rest_b) {
                *lane += of(*a, *b);
            }
            self.pending += a.len();
            if self.pending >= SPAN {
                self.flush();
            }
        }
    }

    #[inline(always)]
    fn flush(&mut self) {
        self.total += f64::from(fold(&mut self.lanes, |a, b| a + b));
        self.lanes = [0.0; LANES];
        self.pending = 0;
    }

    /// The sum.
    #[inline(always)]
    pub(super) fn finish(mut self) -> f64 {
        self.flush();
        self.total
    }
}

/// Mean and biased variance of a row: blocks of planes that lie in the first cache are centred at their own mean, then combined in
/// f64 (Chan, Golub and LeVeque, 1979), so that no mean is too large.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Adds the planes of some images.
    #[inline(always)]
    fn add(&mut self, planes: Planes, row: usize, images: Range<usize>, x: &[f32]) {
        let own = (images.len() * planes.spatial) as f64;
        let mut sum = Total::new();
        for n in images.clone() {
            let x = &x[planes.plane(row, n)];
            sum.add(x, x, |x, _| x);
        }
        let centre = (sum.finish() / own) as f32;
        let (mut deviations, mut squared) = (Total::new(), Total::new());
        for n in images {
            let x = &x[planes.plane(row, n)];
            deviations.add(x, x, |x, _| x - centre);
            squared.add(x, x, |x, _| (x - centre) * (x - centre));
        }
        let deviation = deviations.finish() / own;
        let (distance, all) = (f64::from(centre) + deviation - self.mean, self.count + own);
        self.squares += squared.finish() - own * deviation * deviation + distance * distance * self.count * own / all;
        self.mean += distance * own / all;
        self.count = all;
    }
}

/// Writes mean and variance of the rows from `first` on, at most [`NEIGHBOURS`].
#[inline(always)]
pub(super) fn moments(planes: Planes, first: usize, x: &[f32], statistics: &mut [f32]) {
    let block = (SPAN / planes.spatial).max(1);
    let rows = statistics.len() / 2;
    let mut all = [Moments::default(); NEIGHBOURS];
    for image in (0..planes.batch).step_by(block) {
        for (i, moments) in all[..rows].iter_mut().enumerate() {
            moments.add(planes, first + i, image..planes.batch.min(image + block), x);
        }
    }
    for (statistics, moments) in statistics.chunks_exact_mut(2).zip(&all) {
        statistics[0] = moments.mean as f32;
        statistics[1] = (moments.squares / moments.count).max(0.0) as f32;
    }
}
