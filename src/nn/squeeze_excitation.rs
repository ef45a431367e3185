//! Squeeze-and-excitation: factors of the channels, computed from their means.

use parnas_kernels::ops::Function;

use super::{Linear, Shared, WeightSharing};
use crate::graph::{Graph, Persistent, Result, Store, Tensor};

/// Global average pooling, a linear layer, ReLU, a linear layer, h-sigmoid; each channel is multiplied by its result:
/// `[A, N, C, H, W] -> [A, N, C, H, W]`.
///
/// Hu, Shen and Sun, CVPR 2018; with h-sigmoid as in MobileNetV3 (Howard et al., ICCV 2019).
#[derive(Debug, Clone)]
pub struct SqueezeExcitation {
    reduce: Linear,
    expand: Linear,
}

impl SqueezeExcitation {
    /// A layer of fresh parameters; `hidden` channels stand between the two linear layers.
    pub fn new(store: &mut Store, name: &str, channels: usize, hidden: usize) -> Self {
        Self {
            reduce: Linear::new(store, &format!("{name}.reduce"), channels, hidden),
            expand: Linear::new(store, &format!("{name}.expand"), hidden, channels),
        }
    }

    /// Applies it.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, x: Tensor) -> Result<Tensor> {
        let &[a, n, c, h, w] = graph.shape(x) else {
            return Err(graph.shape_error("squeeze_excitation", "x is [A, N, C, H, W]", &[x]));
        };
        let planes = graph.reshape(x, &[a, n, c, h * w])?;
        let means = graph.mean(planes, 3)?;
        let hidden = self.reduce.apply(graph, shared, means, true)?;
        let factors = self.expand.apply(graph, shared, hidden, false)?;
        let factors = graph.unary(Function::HardSigmoid, factors)?;
        graph.scale_channels(x, factors)
    }
}

impl WeightSharing for SqueezeExcitation {
    fn parameters(&self) -> Vec<Persistent> {
        self.reduce.parameters().into_iter().chain(self.expand.parameters()).collect()
    }
}
