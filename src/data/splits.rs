//! Which images each part of a search may see.
//!
//! MODNAS is bilevel: the supernet's weights learn on one half of the training images, the hypernetwork on the other
//! (modnas, `train_portion`). Batch-norm recalibration takes a fixed subset of the weights half, and what is reported
//! as accuracy is taken on the test images, which no step of a search reads.

use super::permutation::Permutation;
use super::philox::{Philox, Use, domain};
use super::{DataError, Dataset, Images};

/// A set of images with one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Split {
    /// Training images of the lower level: the supernet's weights.
    Weights = 1,
    /// Training images of the upper level: the hypernetwork.
    Architecture = 2,
    /// The fixed subset of [`Split::Weights`] on which batch-norm statistics are recalibrated.
    Calibration = 3,
    /// The test images: scores only.
    HeldOut = 4,
}

/// The images of every [`Split`], as indices: the first three into `train`, the held-out ones into `test`.
///
/// Weights and architecture are disjoint and cover the training images; calibration lies within weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    weights: Vec<u32>,
    architecture: Vec<u32>,
    calibration: Vec<u32>,
    held_out: Vec<u32>,
}

impl Splits {
    /// Splits a dataset, class by class, so that every class has its share on both levels.
    ///
    /// `train_portion` of each class (rounded) goes to the weights, the rest to the architecture (published: 0.5).
    /// `calibration_images` of the weights images are kept for recalibration, classes in turn. A function of the
    /// dataset and `seed`.
    ///
    /// # Errors
    /// [`DataError::Split`] where the portion is not strictly between 0 and 1, a split would be empty, or there are
    /// fewer weights images than calibration asks for.
    pub fn new(dataset: &Dataset, train_portion: f64, calibration_images: usize, seed: u64) -> Result<Self, DataError> {
        if !(train_portion > 0.0 && train_portion < 1.0) {
            return Err(DataError::Split(format!(
                "the training portion must lie between 0 and 1, both excluded, and is {train_portion}"
            )));
        }
        for (part, images) in [("training", &dataset.train), ("test", &dataset.test)] {
            if u32::try_from(images.count()).is_err() {
                return Err(DataError::Split(format!("more than 2^32 {part} images")));
            }
        }
        let mut classes: Vec<Vec<u32>> = vec![Vec::new(); dataset.classes];
        for (index, &label) in dataset.train.labels.iter().enumerate() {
            classes[usize::from(label)].push(index as u32);
        }
        let philox = Philox::new(seed);
        let (mut weights_by_class, mut architecture) = (Vec::new(), Vec::new());
        for (class, images) in classes.iter().enumerate() {
            let order = Permutation::new(philox, domain(Use::Split, 0), class as u64, images.len() as u32);
            let shuffled = (0..images.len() as u32).map(|place| images[order.at(place) as usize]);
            let mut shuffled: Vec<u32> = shuffled.collect();
            let rest = shuffled.split_off((train_portion * images.len() as f64).round() as usize);
            weights_by_class.push(shuffled);
            architecture.extend(rest);
        }
        let longest = weights_by_class.iter().map(Vec::len).max().unwrap_or(0);
        let mut weights: Vec<u32> = (0..longest)
            .flat_map(|place| weights_by_class.iter().filter_map(move |class| class.get(place).copied()))
            .collect();
        if calibration_images == 0 || calibration_images > weights.len() {
            return Err(DataError::Split(format!(
                "{calibration_images} calibration images asked for, the weights split of {} has {}",
                dataset.name,
                weights.len()
            )));
        }
        let mut calibration = weights[..calibration_images].to_vec();
        // Files are often sorted by class; ascending order of indices is only for reading memory forward.
        weights.sort_unstable();
        architecture.sort_unstable();
        calibration.sort_unstable();
        let held_out: Vec<u32> = (0..dataset.test.count() as u32).collect();
        for (name, images) in [("architecture", &architecture), ("held-out", &held_out)] {
            if images.is_empty() {
                return Err(DataError::Split(format!(
                    "the {name} split of {} would be empty ({} training images, {} test images, portion \
                     {train_portion})",
                    dataset.name,
                    dataset.train.count(),
                    dataset.test.count()
                )));
            }
        }
        Ok(Self { weights, architecture, calibration, held_out })
    }

    /// The indices of a split, ascending.
    pub fn indices(&self, split: Split) -> &[u32] {
        match split {
            Split::Weights => &self.weights,
            Split::Architecture => &self.architecture,
            Split::Calibration => &self.calibration,
            Split::HeldOut => &self.held_out,
        }
    }
}

impl Split {
    /// The part of a dataset that the indices of this split point into.
    pub fn images(self, dataset: &Dataset) -> &Images {
        match self {
            Split::HeldOut => &dataset.test,
            _ => &dataset.train,
        }
    }
}
