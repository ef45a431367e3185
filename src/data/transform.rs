//! From stored bytes to network input: crop, flip, normalise.

use super::philox::{Philox, Use, below, domain};
use super::{DataError, Dataset, Split, Splits};

/// Mean and standard deviation of each channel, in units of stored bytes (0 to 255, digits 0 to 16).
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// `[channels]`.
    pub mean: Vec<f32>,
    /// `[channels]`, positive; 1 for a channel that never varies.
    pub standard_deviation: Vec<f32>,
}

impl Normalisation {
    /// The statistics of the weights split, so that no other image leaks into the input scale.
    ///
    /// Exact: sums are kept in integers.
    pub fn of(dataset: &Dataset, splits: &Splits) -> Self {
        let plane = dataset.height * dataset.width;
        let size = dataset.image_size();
        let indices = splits.indices(Split::Weights);
        let mut sums = vec![(0u64, 0u64); dataset.channels];
        for &index in indices {
            let start = index as usize * size;
            let image = &dataset.train.pixels[start..start + size];
            for (sum, pixels) in sums.iter_mut().zip(image.chunks_exact(plane)) {
                for &pixel in pixels {
                    sum.0 += u64::from(pixel);
                    sum.1 += u64::from(pixel) * u64::from(pixel);
                }
            }
        }
        let count = (indices.len() * plane) as f64;
        let moments = sums.iter().map(|&(sum, squares)| {
            let mean = sum as f64 / count;
            let variance = squares as f64 / count - mean * mean;
            let deviation = if variance > 1e-9 { variance.sqrt() } else { 1.0 };
            (mean as f32, deviation as f32)
        });
        let (mean, standard_deviation) = moments.unzip();
        Self { mean, standard_deviation }
    }

    /// What each byte becomes, `[channels][256]`.
    pub(super) fn table(&self, channels: usize) -> Result<Vec<[f32; 256]>, DataError> {
        let positive = |deviation: &f32| deviation.is_finite() && *deviation > 0.0;
        if self.mean.len() != channels
            || self.standard_deviation.len() != channels
            || !self.standard_deviation.iter().all(positive)
        {
            return Err(DataError::Loader(format!(
                "the normalisation needs a mean and a positive standard deviation for each of {channels} channels"
            )));
        }
        let row = |channel: usize| {
            std::array::from_fn(|byte| (byte as f32 - self.mean[channel]) / self.standard_deviation[channel])
        };
        Ok((0..channels).map(row).collect())
    }
}

/// Random crop and horizontal flip of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Augmentation {
    /// Zero pixels added on each side before a crop of the original size; 0 leaves images in place.
    pub padding: usize,
    /// Whether half of the images are mirrored left to right.
    pub flip: bool,
}

/// Where a drawn crop reads from, and whether it is mirrored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    row: usize,
    column: usize,
    mirrored: bool,
}

impl Augmentation {
    /// Images as they are.
    pub const NONE: Self = Self { padding: 0, flip: false };

    /// What is usual for a dataset: CIFAR-10 padding 4 and flip (modnas, `_data_transforms_cifar10`), Fashion-MNIST
    /// padding 2 and flip, MNIST padding 2, digits padding 1. Digits are never mirrored: they would change meaning. Images
    /// that were made smaller have an eighth of their side, as CIFAR-10 has.
    pub fn usual(dataset: &Dataset) -> Self {
        let (padding, flip) = match dataset.name.as_str() {
            "cifar10" => (4.min(dataset.height / 8), true),
            "fashion-mnist" => (2.min(dataset.height / 8), true),
            "mnist" => (2.min(dataset.height / 8), false),
            _ => (1, false),
        };
        Self { padding, flip }
    }

    /// The crop of the image at `position` of the endless sequence of images that a split yields.
    pub(super) fn place(self, philox: &Philox, split: Split, position: u64) -> Placement {
        if self == Self::NONE {
            return Placement { row: 0, column: 0, mirrored: false };
        }
        let words = philox.words([position as u32, (position >> 32) as u32, 0, domain(Use::Augmentation, split as u8)]);
        let extent = 2 * self.padding as u32 + 1;
        Placement {
            row: below(words[0], extent) as usize,
            column: below(words[1], extent) as usize,
            mirrored: self.flip && words[2] & 1 == 1,
        }
    }

    /// Writes one channel of `[height, width]` bytes as input values through `table`.
    pub(super) fn write_plane(
        self,
        placement: Placement,
        [height, width]: [usize; 2],
        pixels: &[u8],
        table: &[f32; 256],
        output: &mut [f32],
    ) {
        for row in 0..height {
            let line = &mut output[row * width..(row + 1) * width];
            let source_row = (row + placement.row).checked_sub(self.padding).filter(|&source| source < height);
            let Some(source_row) = source_row else {
                line.fill(table[0]);
                continue;
            };
            let source = &pixels[source_row * width..(source_row + 1) * width];
            for (column, value) in line.iter_mut().enumerate() {
                let column = if placement.mirrored { width - 1 - column } else { column };
                let pixel = (column + placement.column).checked_sub(self.padding).and_then(|place| source.get(place));
                *value = table[usize::from(pixel.copied().unwrap_or(0))];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corner_crop_and_a_mirror() {
        let table: [f32; 256] = std::array::from_fn(|byte| byte as f32);
        let pixels = [1, 2, 3, 4, 5, 6];
        let augmentation = Augmentation { padding: 1, flip: true };
        let mut output = [0.0; 6];
        let mut write = |row, column, mirrored| {
            let placement = Placement { row, column, mirrored };
            augmentation.write_plane(placement, [2, 3], &pixels, &table, &mut output);
            output
        };
        assert_eq!(write(1, 1, false), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(write(0, 0, false), [0., 0., 0., 0., 1., 2.]);
        assert_eq!(write(2, 2, false), [5., 6., 0., 0., 0., 0.]);
        assert_eq!(write(1, 2, true), [0., 3., 2., 0., 6., 5.]);
    }
}
