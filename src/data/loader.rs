//! Batches as pure functions of the step.
//!
//! A loader sees its split as one endless sequence of images: epoch after epoch, each a fresh shuffle. Batch `t` is
//! positions `t * batch .. (t + 1) * batch` of that sequence, so the epoch of a position is `position / length`. No
//! image is dropped: a batch that reaches the end of an epoch goes on with the next one, and a batch larger than the
//! split is possible. Nothing is remembered from one batch to the next.

use std::sync::Arc;

use super::permutation::Permutation;
use super::philox::{Philox, Use, domain};
use super::{Augmentation, DataError, Dataset, Normalisation, Split, Splits};

/// How a loader walks through its split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A fresh shuffle each epoch: training.
    Shuffled,
    /// Ascending indices: evaluation and recalibration.
    Sequential,
}

/// Makes the batches of one split.
#[derive(Debug, Clone)]
pub struct BatchLoader {
    dataset: Arc<Dataset>,
    split: Split,
    indices: Vec<u32>,
    batch: usize,
    table: Vec<[f32; 256]>,
    augmentation: Augmentation,
    order: Order,
    philox: Philox,
}

impl BatchLoader {
    /// A loader of shuffled, augmented batches of `batch` images, all drawn from `seed`.
    ///
    /// # Errors
    /// [`DataError::Loader`] where the batch is 0, the splits are another dataset's, the normalisation has another
    /// number of channels, or the padding is larger than an image.
    pub fn training(
        dataset: &Arc<Dataset>,
        splits: &Splits,
        split: Split,
        batch: usize,
        normalisation: &Normalisation,
        augmentation: Augmentation,
        seed: u64,
    ) -> Result<Self, DataError> {
        let side = dataset.height.min(dataset.width);
        if augmentation.padding > side {
            return Err(DataError::Loader(format!(
                "a crop padding of {} is larger than the images of {} ({side} pixels)",
                augmentation.padding, dataset.name
            )));
        }
        let indices = splits.indices(split);
        let count = split.images(dataset).count();
        if batch == 0 || indices.is_empty() || indices.iter().any(|&index| index as usize >= count) {
            return Err(DataError::Loader(format!(
                "a batch of {batch} from a split of {} images, of {count} images in {}",
                indices.len(),
                dataset.name
            )));
        }
        Ok(Self {
            dataset: Arc::clone(dataset),
            split,
            indices: indices.to_vec(),
            batch,
            table: normalisation.table(dataset.channels)?,
            augmentation,
            order: Order::Shuffled,
            philox: Philox::new(seed),
        })
    }

    /// A loader of batches in ascending order, images as they are. See [`BatchLoader::rows`] for the last batch.
    ///
    /// # Errors
    /// As [`BatchLoader::training`].
    pub fn evaluation(
        dataset: &Arc<Dataset>,
        splits: &Splits,
        split: Split,
        batch: usize,
        normalisation: &Normalisation,
    ) -> Result<Self, DataError> {
        let mut loader = Self::training(dataset, splits, split, batch, normalisation, Augmentation::NONE, 0)?;
        loader.order = Order::Sequential;
        Ok(loader)
    }

    /// Images of a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Images of the split.
    pub fn length(&self) -> usize {
        self.indices.len()
    }

    /// Values of a batch of images: batch x channels x height x width.
    pub fn image_values(&self) -> usize {
        self.batch * self.dataset.image_size()
    }

    /// The batches in which every image of the split appears: the length over the batch, rounded up.
    pub fn batches_per_epoch(&self) -> u64 {
        self.indices.len().div_ceil(self.batch) as u64
    }

    /// How many of the first rows of batch `t` belong to one sequential pass over the split: the batch, less in the
    /// last batch of the pass (whose other rows repeat the first images and do not count), 0 after it.
    pub fn rows(&self, t: u64) -> usize {
        let start = t.saturating_mul(self.batch as u64);
        (self.indices.len() as u64).saturating_sub(start).min(self.batch as u64) as usize
    }

    /// The index, in the split's part of the dataset, of row `row` of batch `t`.
    pub fn index(&self, t: u64, row: usize) -> u32 {
        self.index_at(self.position(t, row))
    }

    /// Writes batch `t`: images `[batch, channels, height, width]`, normalised, and labels `[batch]`.
    ///
    /// Allocates nothing; the same bits whenever, and on whatever thread, it is called.
    ///
    /// # Errors
    /// [`DataError::Loader`] where a buffer has another length.
    pub fn fill(&self, t: u64, images: &mut [f32], labels: &mut [u32]) -> Result<(), DataError> {
        if images.len() != self.image_values() || labels.len() != self.batch {
            return Err(DataError::Loader(format!(
                "buffers of {} values and {} labels, a batch has {} and {}",
                images.len(),
                labels.len(),
                self.image_values(),
                self.batch
            )));
        }
        let source = self.split.images(&self.dataset);
        let (height, width) = (self.dataset.height, self.dataset.width);
        let (plane, size) = (height * width, self.dataset.image_size());
        for (row, (output, label)) in images.chunks_exact_mut(size).zip(labels).enumerate() {
            let position = self.position(t, row);
            let index = self.index_at(position) as usize;
            let placement = self.augmentation.place(&self.philox, self.split, position);
            let pixels = &source.pixels[index * size..(index + 1) * size];
            let planes = output.chunks_exact_mut(plane).zip(pixels.chunks_exact(plane));
            for (table, (output, pixels)) in self.table.iter().zip(planes) {
                self.augmentation.write_plane(placement, [height, width], pixels, table, output);
            }
            *label = u32::from(source.labels[index]);
        }
        Ok(())
    }

    fn position(&self, t: u64, row: usize) -> u64 {
        t.wrapping_mul(self.batch as u64).wrapping_add(row as u64)
    }

    fn index_at(&self, position: u64) -> u32 {
        let length = self.indices.len() as u64;
        let (epoch, place) = (position / length, (position % length) as u32);
        let place = match self.order {
            Order::Sequential => place,
            Order::Shuffled => {
                let domain = domain(Use::Shuffle, self.split as u8);
                Permutation::new(self.philox, domain, epoch, length as u32).at(place)
            }
        };
        self.indices[place as usize]
    }
}
