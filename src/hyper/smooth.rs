//! A hypernetwork that is smooth in the preference.

use parnas_kernels::ops::Function;

use crate::graph::{Graph, Persistent, Result, Store, Tensor};
use crate::nn::{Linear, Shared, WeightSharing};

/// Two hidden layers of tanh over the preference and the device's features.
///
/// The last layer starts small, so that a fresh network is near the uniform distribution everywhere.
#[derive(Debug, Clone)]
pub struct SmoothHypernetwork {
    layers: [Linear; 3],
}

impl SmoothHypernetwork {
    /// A fresh network for `objectives` and `features`, with `hidden` units a layer and `total` logits.
    pub fn new(store: &mut Store, objectives: usize, features: usize, hidden: usize, total: usize) -> Self {
        let layers = [
            Linear::new(store, "hypernetwork.0", objectives + features, hidden),
            Linear::new(store, "hypernetwork.1", hidden, hidden),
            Linear::scaled(store, "hypernetwork.2", hidden, total, 0.1),
        ];
        Self { layers }
    }

    /// See [`super::Hypernetwork::apply`].
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, preferences: Tensor, features: Tensor) -> Result<Tensor> {
        // Preferences lie in [0, 1]: centred and stretched they reach the bend of tanh.
        let preferences = graph.affine(preferences, 4.0, -2.0)?;
        let x = graph.concat(&[preferences, features], 1)?;
        let &[rows, width] = graph.shape(x) else { unreachable!("both inputs have two axes") };
        let mut x = graph.reshape(x, &[rows, 1, width])?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.apply(graph, shared, x, false)?;
            if index < 2 {
                x = graph.unary(Function::Tanh, x)?;
            }
        }
        let total = graph.len(x) / rows;
        graph.reshape(x, &[rows, total])
    }
}

impl WeightSharing for SmoothHypernetwork {
    fn parameters(&self) -> Vec<Persistent> {
        self.layers.iter().flat_map(WeightSharing::parameters).collect()
    }
}
