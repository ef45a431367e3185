//! Datasets and batches.
//!
//! [`Dataset::open`] recognises what lies under a path, [`Splits`] says which images each part of a search may see,
//! [`BatchLoader`] makes batch `t` of a split as a pure function of (seed, split, t), and [`Prefetcher`] makes the two
//! batches of a step ahead of time on another thread. What a batch is for, and when it goes to a device, is left to the
//! caller.

mod cifar10;
mod dataset;
mod digits;
mod error;
mod idx;
mod loader;
mod permutation;
pub mod philox;
mod prefetch;
mod resize;
mod splits;
mod transform;

pub use dataset::{Dataset, Images};
pub use error::{DataError, KNOWN_LAYOUTS};
pub use loader::{BatchLoader, Order};
pub use permutation::Permutation;
pub use prefetch::{Batch, Prefetcher, StepBatches};
pub use splits::{Split, Splits};
pub use transform::{Augmentation, Normalisation};
