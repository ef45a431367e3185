//! A single architecture of any space as a network that runs alone.

use crate::graph::{Result, Store};
use crate::nn::Network;
use crate::space::Architecture;

/// Builds the network of one architecture, for measurement, training from scratch and export.
pub trait Standalone: Send + Sync {
    /// The input of `batch` examples: `[1, batch, ...]`.
    fn input_shape(&self, batch: usize) -> Vec<usize>;

    /// The network of an architecture, its parameters in `store`.
    ///
    /// # Errors
    /// Where the architecture is not of the space.
    fn network(&self, store: &mut Store, architecture: &Architecture) -> Result<Box<dyn Network>>;
}
