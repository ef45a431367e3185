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
    kernel: usize,
    /// The distances of tap rows and of tap columns.
    offsets: [[usize; LARGEST_KERNEL as usize]; 2],
}

impl Planes {
    /// The padded input of a convolution, `stride * stride` phases.
    pub(super) fn of_input(convolution: &Conv2d) -> Self {
        let Conv2d { height, width, padding, stride, dilation, .. } = *convolution;
        let [s, d] = [stride, dilation].map(|extent| extent as usize);
        let columns = convolution.output_width() as usize;
        if Self::pays(convolution, columns, convolution.group_outputs()) {
            return Self::copies(convolution, convolution.output_height() as usize, columns);
        }
        let phase_rows = (height + 2 * padding).div_ceil(stride) as usize;
        let pitch = (width + 2 * padding).div_ceil(stride) as usize;
        let phase = phase_rows * pitch;
        let mut planes = Self {
            rows: convolution.output_height() as usize,
            columns,
            pitch,
            plane: s * s * phase,
            copied: false,
            kernel: convolution.kernel as usize,
            offsets: [[0; LARGEST_KERNEL as usize]; 2],
        };
        for tap in 0..planes.kernel {
            let (steps, rest) = (tap * d / s, tap * d % s);
            planes.offsets[0][tap] = rest * s * phase + steps * pitch;
            planes.offsets[1][tap] = rest * phase + steps;
        }
        planes
    }

    /// The gradient of a convolution's output with `stride - 1` zeros between its elements: what a convolution of stride 1 makes
    /// the gradient of the input of.
    pub(super) fn of_output(convolution: &Conv2d) -> Self {
        let Conv2d { height, width, kernel, dilation, .. } = *convolution;
        if Self::pays(convolution, width as usize, convolution.group_inputs()) {
            return Self::copies(convolution, height as usize, width as usize);
        }
        let reach = (dilation * (kernel - 1)) as usize;
        let pitch = width as usize + reach;
        let mut planes = Self {
            rows: height as usize,
            columns: width as usize,
            pitch,
            plane: (height as usize + reach) * pitch,
            copied: false,
            kernel: kernel as usize,
            offsets: [[0; LARGEST_KERNEL as usize]; 2],
        };
        for tap in 0..planes.kernel {
            planes.offsets[0][tap] = tap * dilation as usize * pitch;
            planes.offsets[1][tap] = tap * dilation as usize;
        }
        planes
    }

    /// Whether copies pay for `rows` channels of a result with rows of `columns`. The extent of the kernel does not decide: one that
    /// is cut down must not take more memory.
    fn pays(convolution: &Conv2d, columns: usize, rows: usize) -> bool {
        convolution.stride == 1 && columns <= NARROW && rows >= MANY
    }

    /// One copy for each column of taps, of a convolution of stride 1.
    fn copies(convolution: &Conv2d, rows: usize, columns: usize) -> Self {
        let (kernel, dilation) = (convolution.kernel as usize, convolution.dilation as usize);
        let copy = (rows + dilation * (kernel - 1)) * columns;
        let mut planes = Self {
            rows,
            columns,
            pitch: columns,
            plane: kernel * copy,
            copied: true,
            kernel,
            offsets: [[0; LARGEST_KERNEL as usize]; 2],
        };
        for tap in 0..kernel {
            planes.offsets[0][tap] = tap * dilation * columns;
            planes.offsets[1][tap] = tap * copy;
        }
        planes
    }

    /// Copies a plane of rows of `width`, `shift` elements of padding above and on the left (fewer than none: cut off), into each
    /// copy. `into` holds zeros wherever nothing lies; it keeps them.
    #[inline(always)]
    fn place_copies(&self, convolution: &Conv2d, shift: i64, source: &[f32], width: usize, floor: f32, into: &mut [f32]) {
        let copy = self.plane / self.kernel;
        let above = shift.min(0).unsigned_abs() as usize;
        for (tap, into) in into.chunks_exact_mut(copy).enumerate() {
            // Column c of the copy is column c - left of the source.
            let left = shift - (tap * convolution.dilation as usize) as i64;
            let (skipped, first) = ((-left).max(0) as usize, left.max(0) as usize);
            let len = width.saturating_sub(skipped).min(self.columns.saturating_sub(first));
            if len == 0 {
                continue;
            }
            if width == self.columns && shift >= 0 {
                // All rows in one, and then what came from the row before or after becomes zero again.
                let into = &mut into[shift as usize * width..][..source.len()];
                let (moved, kept) = (first.max(skipped), source.len() - first.max(skipped));
                let (from, to) = if first > 0 { (0, moved) } else { (moved, 0) };
                for (into, x) in into[to..][..kept].iter_mut().zip(&source[from..][..kept]) {
                    *into = at_least(floor, *x);
                }
                for into in into.chunks_exact_mut(width) {
                    into[..first].fill(0.0);
                    into[first + len..].fill(0.0);
                }
                continue;
            }
            let rows = into.chunks_exact_mut(self.columns).skip(shift.max(0) as usize);
            for (into, source) in rows.zip(source.chunks_exact(width).skip(above)) {
                for (into, x) in into[first..][..len].iter_mut().zip(&source[skipped..][..len]) {
                    *into = at_least(floor, *x);
                }
            }
        }
    }

    /// The output's own gradient at this pitch: zeros between its rows.
    pub(super) fn positions(&self) -> usize {
        (self.rows - 1) * self.pitch + self.columns
    }

    /// Whether outputs of this pitch are a channel of the result as it is stored, in whole vectors.
    pub(super) fn whole(&self) -> bool {
        self.pitch == self.columns && self.positions() % ALIGNMENT == 0
    }

    /// Taps of the kernel.
    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// The distance of the farthest tap.
    pub(super) fn reach(&self) -> usize {
        self.distances().iter().map(|distances| distances.iter().max().map_or(0, |most| *most)).sum()
    }

    /// The distances of tap rows, and those of tap columns: a tap's is the sum of both.
    #[inline(always)]
    pub(super) fn distances(&self) -> [&[usize]; 2] {
        let [rows, columns] = &self.offsets;
        [&rows[..self.kernel], &columns[..self.kernel]]
    }

    /// Copies one plane of an input to its place, padded and split into phases. `into` holds zeros wherever no input lies; it
    /// keeps them.
    #[inline(always)]
    pub(super) fn place_input(&self, convolution: &Conv2d, x: &[f32], into: &mut [f32]) {
        let [width, padding, stride] =
            [convolution.width, convolution.padding, convolution.stride].map(|extent| extent as usize);
        let floor = if convolution.relu_input { 0.0 } else { f32::NEG_INFINITY };
        if self.copied {
            return self.place_copies(convolution, padding as i64, x, width, floor, into);
        }
        if stride == 1 {
            let rows = into[padding * self.pitch..].chunks_mut(self.pitch);
            for (x, into) in x.chunks_exact(width).zip(rows) {
                for (into, x) in into[padding..].iter_mut().zip(x) {
                    *into = at_least(floor, *x);
                }
            }
            return;
        }
        let phase = self.plane / (stride * stride);
        for (row, x) in x.chunks_exact(width).enumerate() {
            let y = row + padding;
            let base = y % stride * stride * phase + y / stride * self.pitch;
            for (column, x) in x.iter().enumerate() {
                let at = column + padding;
                into[base + at % stride * phase + at / stride] = at_least(floor, *x);
            }
        }
    }

    /// Copies one plane of an output's gradient to its place. `into` holds zeros wherever none lies; it keeps them.
    #[inline(always)]
    pub(super) fn place_output(&self, convolution: &Conv2d, dy: &[f32], into: &mut [f32]) {
        let stride = convolution.stride as usize;
        // Beyond the kernel's reach the padding holds outputs that no input belongs to.
        let shift = i64::from(convolution.dilation * (convolution.kernel - 1)) - i64::from(convolution.padding);
        if self.copied {
            let width = convolution.output_width() as usize;
            return self.place_copies(convolution, shift, dy, width, f32::NEG_INFINITY, into);
        }
        let rows = self.plane / self.pitch;
        let place = |index: usize, extent: usize| {
            usize::try_from((index * stride) as i64 + shift).ok().filter(|place| *place < extent)
        };
        for (row, dy) in dy.chunks_exact(convolution.output_width() as usize).enumerate() {
            let Some(row) = place(row, rows) else { continue };
            let into = &mut into[row * self.pitch..][..self.pitch];
            if stride == 1 && shift >= 0 {
                let into = &mut into[shift as usize..];
                let len = dy.len().min(into.len());
                into[..len].copy_from_slice(&dy[..len]);
                continue;
            }
            for (column, dy) in dy.iter().enumerate() {
                if let Some(column) = place(column, self.pitch) {
                    into[column] = *dy;
                }
            }
        }
    }
}

/// `x`, or `floor` where that is more; what is not a number stays so.
#[inline(always)]
fn at_least(floor: f32, x: f32) -> f32 {
    if x < floor { floor } else { x }
}
