//! A linear layer.

use super::{Shared, WeightSharing};
use crate::graph::{Graph, Initial, MatmulOptions, Persistent, Result, Store, Tensor};

/// `y = x W + b`: `[A, rows, in] -> [A, rows, out]`. `W` is `[in, out]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Persistent,
    bias: Persistent,
}

impl Linear {
    /// A layer of PyTorch's default initialisation: uniform within `1 / sqrt(in)`.
    pub fn new(store: &mut Store, name: &str, inputs: usize, outputs: usize) -> Self {
        Self::scaled(store, name, inputs, outputs, 1.0)
    }

    /// A layer whose initial values are `scale` times the default ones.
    pub fn scaled(store: &mut Store, name: &str, inputs: usize, outputs: usize, scale: f32) -> Self {
        let bound = scale / (inputs as f32).sqrt();
        Self {
            weight: store.parameter(format!("{name}.weight"), &[inputs, outputs], Initial::Uniform(bound)),
            bias: store.parameter(format!("{name}.bias"), &[outputs], Initial::Uniform(bound)),
        }
    }

    /// Applies it to `x` `[A, rows, in]`, followed by ReLU where `relu`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, x: Tensor, relu: bool) -> Result<Tensor> {
        let options = MatmulOptions { bias: Some(shared.get(&self.bias)), relu, ..MatmulOptions::default() };
        graph.matmul_with(x, shared.get(&self.weight), options)
    }
}

impl WeightSharing for Linear {
    fn parameters(&self) -> Vec<Persistent> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}
