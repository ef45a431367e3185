//! The head of an image network.

use super::residual::AffineParameters;
use super::{Linear, Normalisation, Shared, WeightSharing};
use crate::graph::{Graph, Persistent, Result, Store, Tensor};

/// Normalisation, ReLU, global average pooling and a linear layer: `[A, N, C, H, W] -> [A, N, classes]`.
#[derive(Debug, Clone)]
pub struct Classifier {
    normalisation: AffineParameters,
    linear: Linear,
}

impl Classifier {
    /// A head of fresh parameters.
    pub fn new(store: &mut Store, name: &str, channels: usize, classes: usize) -> Self {
        Self {
            normalisation: AffineParameters::new(store, &format!("{name}.normalisation"), channels),
            linear: Linear::new(store, &format!("{name}.linear"), channels, classes),
        }
    }

    /// Applies it.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, x: Tensor, norm: &mut Normalisation<'_>) -> Result<Tensor> {
        let y = norm.apply(graph, x, self.normalisation.tensors(shared), true)?;
        let &[a, n, c, h, w] = graph.shape(y) else { unreachable!("batch norm gives five axes") };
        let rows = graph.reshape(y, &[a, n, c, h * w])?;
        let pooled = graph.mean(rows, 3)?;
        self.linear.apply(graph, shared, pooled, false)
    }
}

impl WeightSharing for Classifier {
    fn parameters(&self) -> Vec<Persistent> {
        self.normalisation.parameters().into_iter().chain(self.linear.parameters()).collect()
    }
}
