//! Layers over the graph: parameters in a store, and functions that apply them.
//!
//! Every network here has an architecture axis in front (`[A, N, C, H, W]`); a plain network is one of A = 1.

mod cell_graph;
mod classifier;
mod elastic;
mod linear;
mod normalisation;
mod residual;
mod squeeze_excitation;
mod supernet;
mod weight_sharing;

pub use cell_graph::CellGraph;
pub use classifier::Classifier;
pub use elastic::{ElasticConvolution, ElasticDepthwise, ElasticLinear};
pub use linear::Linear;
pub use normalisation::{EPSILON, Normalisation, StatisticsStore};
pub use residual::{Residual, Stem};
pub use squeeze_excitation::SqueezeExcitation;
pub use supernet::Supernet;
pub use weight_sharing::{Network, Shared, WeightSharing};

use crate::graph::{Initial, Persistent, Store};

/// A convolution's weight `[out, in / groups, k, k]`, initialised as He et al. (2015) do for ReLU networks.
pub fn convolution_weight(
    store: &mut Store,
    name: &str,
    out_channels: usize,
    in_channels: usize,
    kernel: usize,
) -> Persistent {
    let fan_in = in_channels * kernel * kernel;
    let deviation = (2.0 / fan_in as f32).sqrt();
    store.parameter(name, &[out_channels, in_channels, kernel, kernel], Initial::Normal(deviation))
}
