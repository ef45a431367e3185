//! The source of a convolution as the CPU kernels read it: zeros around, rows of one pitch, and the phases of a stride apart, so
//! that every tap of every output is a constant distance away and outputs side by side read neighbours.

use super::{Conv2d, LARGEST_KERNEL};
use crate::cpu::ALIGNMENT;

/// Elements that a vector may read past the last output.
pub(super) const SLACK: usize = 64;
/// Outputs of a row up to which it pays to hold a copy of the source for each column of taps: of an image of 8 x 8 and a padding
/// of 1, rows of 10 compute 78 outputs for 64, and most of their vectors lie across two lines of the cache.
const NARROW: usize = 16;
/// Channels of the result from which copies are read often enough.
const MANY: usize = 16;

/// How a plane of the source lies in scratch memory, and where taps find it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    /// Rows of outputs.
    pub rows: usize,
    /// Outputs of a row.
    pub columns: usize,
    /// Elements from one row of outputs to the next.
    pub pitch: usize,
    /// Elements of a plane, all phases or copies.
    pub plane: usize,
    /// Whether there is a copy for each column of taps, moved by its distance: rows then have no padding.
    pub copied: bool,
    /// Where the first row and column of the source lie.
    pub first: i64,
    /// The taps by rows and by columns.
    pub taps: [Taps; 2],
}

/// The rows of a kernel's taps that the outputs of a plane take, or the columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps {
    len: usize,
    index: [u8; LARGEST_KERNEL as usize],
    distance: [usize; LARGEST_KERNEL as usize],
}

impl Taps {
    /// `index` of each and its distance.
    pub(super) fn of(taps: impl Iterator<Item = (u32, usize)>) -> Self {
        let mut all = Self { len: 0, index: [0; LARGEST_KERNEL as usize], distance: [0; LARGEST_KERNEL as usize] };
        for (index, distance) in taps {
            all.index[all.len] = index as u8;
            all.distance[all.len] = distance;
            all.len += 1;
        }
        all
    }
}

impl Planes {
    /// The padded input of a convolution, `stride * stride` phases.
    pub(super) fn of_input(convolution: &Conv2d) -> Self {
        let Conv2d { height, width, kernel, padding, stride, dilation, .. } = *convolution;
        let [rows, columns] = [convolution.output_height(), convolution.output_width()].map(|extent| extent as usize);
        if Self::pays(convolution, columns, convolution.group_outputs()) {
            return Self::copies(convolution, [rows, columns], padding.into(), |tap| tap);
        }
        let [s, d] = [stride, dilation].map(|extent| extent as usize);
        let phase_rows = (height + 2 * padding).div_ceil(stride) as usize;
        let pitch = (width + 2 * padding).div_ceil(stride) as usize;
        let phase = phase_rows * pitch;
        let taps = |phases: usize, steps: usize| {
            Taps::of((0..kernel).map(|tap| {
                let reach = tap as usize * d;
                (tap, reach % s * phases + reach / s * steps)
            }))
        };
        Self {
            rows,
            columns,
            pitch,
            plane: s * s * phase,
            copied: false,
            first: padding.into(),
            taps: [taps(s * phase, pitch), taps(phase, 1)],
        }
    }

    /// The gradient of a convolution's output, as the gradient of the input reads it: of the inputs whose row and column leave the
    /// rest `phase` by the stride, each takes those taps that reach an output, the last tap first.
    pub(super) fn of_output(convolution: &Conv2d, phase: [usize; 2]) -> Self {
        let Conv2d { height, width, kernel, padding, stride, dilation, .. } = *convolution;
        let [s, d, padding] = [stride, dilation, padding].map(i64::from);
        let reach = d * i64::from(kernel - 1);
        if Self::pays(convolution, width as usize, convolution.group_inputs()) {
            let extents = [height, width].map(|extent| extent as usize);
            return Self::copies(convolution, extents, reach - padding, |tap| kernel - 1 - tap);
        }
        // Outputs before the first that the first inputs reach, and up to the last that the last reach.
        let first = -(padding - reach).div_euclid(s);
        let margin = ((s - 1 + padding).div_euclid(s) + first) as usize;
        let pitch = width.div_ceil(stride) as usize + margin;
        let taps = |phase: usize, steps: usize| {
            let taps = (0..kernel).rev().filter_map(move |tap| {
                let from = phase as i64 + padding - i64::from(tap) * d;
                (from.rem_euclid(s) == 0).then(|| (tap, (from.div_euclid(s) + first) as usize * steps))
            });
            Taps::of(taps)
        };
        Self {
            rows: (height as usize).saturating_sub(phase[0]).div_ceil(s as usize),
            columns: (width as usize).saturating_sub(phase[1]).div_ceil(s as usize),
            pitch,
            plane: (height.div_ceil(stride) as usize + margin) * pitch,
            copied: false,
            first,
            taps: [taps(phase[0], pitch), taps(phase[1], 1)],
        }
    }

    /// Whether copies pay for `rows` channels of a result with rows of `columns`. The extent of the kernel does not decide: one that
    /// is cut down must not take more memory.
    fn pays(convolution: &Conv2d, columns: usize, rows: usize) -> bool {
        convolution.stride == 1 && Self::is_narrow(columns) && rows >= MANY
    }

    /// Whether rows are so short that their padding counts.
    pub(super) fn is_narrow(columns: usize) -> bool {
        columns <= NARROW
    }

    /// One copy for each column of taps, of a convolution of stride 1.
    fn copies(
        convolution: &Conv2d,
        [rows, columns]: [usize; 2],
        first: i64,
        index: impl Fn(u32) -> u32 + Copy,
    ) -> Self {
        let (kernel, dilation) = (convolution.kernel, convolution.dilation as usize);
        let copy = (rows + dilation * (kernel as usize - 1)) * columns;
        let taps = |step: usize| Taps::of((0..kernel).map(|tap| (index(tap), tap as usize * step)));
        Self {
            rows,
            columns,
            pitch: columns,
            plane: kernel as usize * copy,
            copied: true,
            first,
            taps: [taps(dilation * columns), taps(copy)],
        }
    }

    /// Outputs at this pitch, what lies between their rows included.
    pub(super) fn positions(&self) -> usize {
        if self.columns == 0 {
            0
        } else {
            self.rows.saturating_sub(1) * self.pitch + self.columns.min(self.rows * self.columns)
        }
    }

    /// Whether outputs of this pitch are a channel of the result as it is stored, in whole vectors.
    pub(super) fn whole(&self) -> bool {
        self.pitch == self.columns && self.positions().is_multiple_of(ALIGNMENT)
    }

    /// Taps that an output takes.
    pub(super) fn taps(&self) -> usize {
        self.taps[0].len * self.taps[1].len
    }

    /// The place in a kernel of rows of `kernel` of each tap that an output takes, in their order.
    #[inline(always)]
    pub(super) fn tap_places(&self, kernel: usize) -> impl Iterator<Item = usize> {
        let [rows, columns] = self.taps.each_ref().map(|taps| &taps.index[..taps.len]);
        rows.iter().flat_map(move |row| columns.iter().map(move |column| *row as usize * kernel + *column as usize))
    }

    /// The distance of the farthest tap.
    pub(super) fn reach(&self) -> usize {
        self.distances().iter().map(|distances| distances.iter().max().map_or(0, |most| *most)).sum()
    }

    /// The distances of tap rows, and those of tap columns: a tap's is the sum of both.
    #[inline(always)]
    pub(super) fn distances(&self) -> [&[usize]; 2] {
        self.taps.each_ref().map(|taps| &taps.distance[..taps.len])
    }
}
