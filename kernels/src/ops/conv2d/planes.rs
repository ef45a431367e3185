//! The source of a convolution as the CPU kernels read it: zeros around, rows of one pitch, and the phases of a stride apart, so
//! that every tap of every output is a constant distance away and outputs side by side read neighbours.

use super::{Conv2d, LARGEST_KERNEL};

/// Elements that a vector may read past the last output.
pub(super) const SLACK: usize = 64;

/// How a plane of the source lies in scratch memory, and where taps find it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    /// Rows of outputs.
    pub rows: usize,
    /// Outputs of a row.
    pub columns: usize,
    /// Elements from one row of outputs to the next.
    pub pitch: usize,
    /// Elements of a plane, all phases.
    pub plane: usize,
    kernel: usize,
    /// The distances of tap rows and of tap columns.
    offsets: [[usize; LARGEST_KERNEL as usize]; 2],
}

impl Planes {
    /// The padded input of a convolution, `stride * stride` phases.
    pub(super) fn of_input(convolution: &Conv2d) -> Self {
        let Conv2d { height, width, padding, stride, dilation, .. } = *convolution;
        let [s, d] = [stride, dilation].map(|extent| extent as usize);
        let phase_rows = (height + 2 * padding).div_ceil(stride) as usize;
        let pitch = (width + 2 * padding).div_ceil(stride) as usize;
        let phase = phase_rows * pitch;
        let mut planes = Self {
            rows: convolution.output_height() as usize,
            columns: convolution.output_width() as usize,
            pitch,
            plane: s * s * phase,
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
        let reach = (dilation * (kernel - 1)) as usize;
        let pitch = width as usize + reach;
        let mut planes = Self {
            rows: height as usize,
            columns: width as usize,
            pitch,
            plane: (height as usize + reach) * pitch,
            kernel: kernel as usize,
            offsets: [[0; LARGEST_KERNEL as usize]; 2],
        };
        for tap in 0..planes.kernel {
            planes.offsets[0][tap] = tap * dilation as usize * pitch;
            planes.offsets[1][tap] = tap * dilation as usize;
        }
        planes
    }

    /// The output's own gradient at this pitch: zeros between its rows.
    pub(super) fn positions(&self) -> usize {
        (self.rows - 1) * self.pitch + self.columns
    }

    /// Taps of the kernel.
    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
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
        if stride == 1 {
            let rows = into[padding * self.pitch..].chunks_mut(self.pitch);
            for (x, into) in x.chunks_exact(width).zip(rows) {
                for (into, x) in into[padding..].iter_mut().zip(x) {
                    *into = x.max(floor);
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
                into[base + at % stride * phase + at / stride] = x.max(floor);
            }
        }
    }

    /// Copies one plane of an output's gradient to its place. `into` holds zeros wherever none lies; it keeps them.
    #[inline(always)]
    pub(super) fn place_output(&self, convolution: &Conv2d, dy: &[f32], into: &mut [f32]) {
        let stride = convolution.stride as usize;
        // Beyond the kernel's reach the padding holds outputs that no input belongs to.
        let shift = i64::from(convolution.dilation * (convolution.kernel - 1)) - i64::from(convolution.padding);
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
