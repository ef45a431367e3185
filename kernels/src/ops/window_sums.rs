//! Average pooling on the CPU: sums of all windows of a plane, along columns and then along rows.
//!
//! The plane lies in scratch memory with zeros around it, so that a window of any place begins a constant distance before it and
//! both sums are loops over the whole plane, whatever the width of a row.

/// The sums of all `kernel` x `kernel` windows of planes of `rows` x `pitch`, zeros around what they hold included.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowSums {
    /// Extent of a window.
    pub kernel: usize,
    /// Rows of a plane.
    pub rows: usize,
    /// Elements of a row.
    pub pitch: usize,
}

/// Scratch memory of [`WindowSums`].
#[derive(Debug)]
pub(super) struct Windows<'a> {
    /// The plane.
    pub plane: &'a mut [f32],
    /// Sums along columns.
    columns: &'a mut [f32],
    /// Sums of windows: that of the window whose first row is `i` and first column `j` at `i * pitch + j`.
    pub sums: &'a mut [f32],
}

impl WindowSums {
    /// Elements of scratch memory.
    pub(super) fn scratch(&self) -> usize {
        3 * self.rows * self.pitch
    }

    /// Divides scratch memory; the plane is 0.
    pub(super) fn divide<'a>(&self, scratch: &'a mut [f32]) -> Windows<'a> {
        let (plane, rest) = scratch.split_at_mut(self.rows * self.pitch);
        let (columns, sums) = rest.split_at_mut(self.rows * self.pitch);
        plane.fill(0.0);
        Windows { plane, columns, sums }
    }

    /// Computes the sums of what the plane holds.
    #[inline(always)]
    pub(super) fn run(&self, windows: &mut Windows<'_>) {
        let columns = (self.rows + 1 - self.kernel) * self.pitch;
        add_up(windows.plane, self.pitch, self.kernel, &mut windows.columns[..columns]);
        add_up(windows.columns, 1, self.kernel, &mut windows.sums[..columns + 1 - self.kernel]);
    }
}

/// `sums[i] = x[i] + x[i + step] + …`, `count` summands.
#[inline(always)]
fn add_up(x: &[f32], step: usize, count: usize, sums: &mut [f32]) {
    let len = sums.len();
    let part = |index: usize| &x[index * step..][..len];
    match count {
        1 => sums.copy_from_slice(part(0)),
        2 => {
            for ((sum, a), b) in sums.iter_mut().zip(part(0)).zip(part(1)) {
                *sum = a + b;
            }
        }
        _ => {
            for (((sum, a), b), c) in sums.iter_mut().zip(part(0)).zip(part(1)).zip(part(2)) {
                *sum = a + b + c;
            }
        }
    }
    for index in 3..count {
        for (sum, x) in sums.iter_mut().zip(part(index)) {
            *sum += x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_summed() {
        for (kernel, rows, pitch) in [(1, 1, 1), (2, 5, 4), (3, 3, 7), (5, 9, 6)] {
            let sums = WindowSums { kernel, rows, pitch };
            let mut scratch = vec![f32::NAN; sums.scratch()];
            let mut windows = sums.divide(&mut scratch);
            for (index, x) in windows.plane.iter_mut().enumerate() {
                *x = (index * index % 23) as f32;
            }
            sums.run(&mut windows);
            for i in 0..=rows - kernel {
                for j in 0..=pitch - kernel {
                    let row = |row: usize| windows.plane[row * pitch + j..][..kernel].iter().sum::<f32>();
                    assert_eq!(windows.sums[i * pitch + j], (i..i + kernel).map(row).sum::<f32>());
                }
            }
        }
    }
}
