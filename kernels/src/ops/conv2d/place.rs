//! Copies of planes of an input, or of the gradient of an output, to where the CPU kernels read them.

use super::Conv2d;
use super::planes::Planes;

impl Planes {
    /// Copies one plane of an input to its place, padded and split into phases. `into` holds zeros wherever no input lies; it
    /// keeps them.
    #[inline(always)]
    pub(super) fn place_input(&self, convolution: &Conv2d, x: &[f32], into: &mut [f32]) {
        let [width, padding, stride] =
            [convolution.width, convolution.padding, convolution.stride].map(|extent| extent as usize);
        let floor = if convolution.relu_input { 0.0 } else { f32::NEG_INFINITY };
        if self.copied {
            return self.place_copies(convolution, x, width, floor, into);
        }
        if stride == 1 {
            return self.place_rows(x, width, floor, into);
        }
        let phase = self.plane / (stride * stride);
        for (row, x) in x.chunks_exact(width).enumerate() {
            let y = row + padding;
            let into = &mut into[y % stride * stride * phase + y / stride * self.pitch..];
            // The first column of each phase, and where it lies.
            let start = |rest: usize| {
                let column = (stride + rest - padding % stride) % stride;
                (column, rest * phase + (column + padding) / stride)
            };
            if stride == 2 {
                let ((_, even), (_, odd)) = (start(padding % 2), start((padding + 1) % 2));
                place_pairs(floor, x, into, [even, odd]);
                continue;
            }
            for (column, place) in (0..stride).map(start).filter(|(column, _)| *column < width) {
                for (into, x) in into[place..].iter_mut().zip(x[column..].iter().step_by(stride)) {
                    *into = at_least(floor, *x);
                }
            }
        }
    }

    /// Copies one plane of an output's gradient to its place. `into` holds zeros wherever none lies; it keeps them.
    #[inline(always)]
    pub(super) fn place_output(&self, convolution: &Conv2d, dy: &[f32], into: &mut [f32]) {
        let width = convolution.output_width() as usize;
        if self.copied {
            self.place_copies(convolution, dy, width, f32::NEG_INFINITY, into);
        } else {
            self.place_rows(dy, width, f32::NEG_INFINITY, into);
        }
    }

    /// Copies a plane of rows of `width` behind its margin. Beyond the kernel's reach the padding of an output holds elements that
    /// no input belongs to: these are cut off.
    #[inline(always)]
    fn place_rows(&self, source: &[f32], width: usize, floor: f32, into: &mut [f32]) {
        let (skipped, first) = ((-self.first).max(0) as usize, self.first.max(0) as usize);
        let len = width.saturating_sub(skipped).min(self.pitch.saturating_sub(first));
        if len == 0 {
            return;
        }
        let rows = into[..self.plane].chunks_exact_mut(self.pitch).skip(first);
        for (into, source) in rows.zip(source.chunks_exact(width).skip(skipped)) {
            for (into, x) in into[first..][..len].iter_mut().zip(&source[skipped..][..len]) {
                *into = at_least(floor, *x);
            }
        }
    }

    /// Copies a plane of rows of `width` into each copy. `into` holds zeros wherever nothing lies; it keeps them.
    #[inline(always)]
    fn place_copies(&self, convolution: &Conv2d, source: &[f32], width: usize, floor: f32, into: &mut [f32]) {
        let copy = self.plane / convolution.kernel as usize;
        let above = (-self.first).max(0) as usize;
        for (tap, into) in into.chunks_exact_mut(copy).enumerate() {
            // Column c of the copy is column c - left of the source.
            let left = self.first - (tap * convolution.dilation as usize) as i64;
            let (skipped, first) = ((-left).max(0) as usize, left.max(0) as usize);
            let len = width.saturating_sub(skipped).min(self.columns.saturating_sub(first));
            if len == 0 {
                continue;
            }
            if width == self.columns && self.first >= 0 {
                // All rows in one, and then what came from the row before or after becomes zero again.
                let into = &mut into[self.first as usize * width..][..source.len()];
                let moved = first.max(skipped);
                let kept = source.len() - moved;
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
            let rows = into.chunks_exact_mut(self.columns).skip(self.first.max(0) as usize);
            for (into, source) in rows.zip(source.chunks_exact(width).skip(above)) {
                for (into, x) in into[first..][..len].iter_mut().zip(&source[skipped..][..len]) {
                    *into = at_least(floor, *x);
                }
            }
        }
    }
}

/// Copies a row to two places, the elements of even index to the one, those of odd index to the other.
#[inline(always)]
fn place_pairs(floor: f32, x: &[f32], into: &mut [f32], [even, odd]: [usize; 2]) {
    let (pairs, last) = x.as_chunks::<2>();
    if let [x] = last {
        into[even + pairs.len()] = at_least(floor, *x);
    }
    // The places are planes of different phases, or do not overlap.
    let (first, second) = into.split_at_mut(even.max(odd));
    let (first, second) = (&mut first[even.min(odd)..][..pairs.len()], &mut second[..pairs.len()]);
    let [even, odd] = if even < odd { [first, second] } else { [second, first] };
    for ((even, odd), x) in even.iter_mut().zip(odd).zip(pairs) {
        *even = at_least(floor, x[0]);
        *odd = at_least(floor, x[1]);
    }
}

/// `x`, or `floor` where that is more; what is not a number stays so.
#[inline(always)]
pub(super) fn at_least(floor: f32, x: f32) -> f32 {
    if x < floor { floor } else { x }
}
