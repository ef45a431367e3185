//! Parameters that several architectures share within a graph.

use std::collections::HashMap;

use super::Normalisation;
use crate::graph::{Graph, Persistent, Result, Tensor};

/// Whatever has parameters.
pub trait WeightSharing {
    /// Its parameters, in a fixed order.
    fn parameters(&self) -> Vec<Persistent>;
}

/// A network from its input to its logits.
pub trait Network: WeightSharing {
    /// Applies it to `input` `[1, N, ...] -> [1, N, classes]`. `shared` holds its parameters shared by 1.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    fn apply(&self, graph: &mut Graph, shared: &Shared, input: Tensor, norm: &mut Normalisation<'_>) -> Result<Tensor>;
}

/// Parameters as tensors of a graph, each shared by `A` architectures ([`Graph::share`]): `[...] -> [A, ...]`. Gradients
/// with respect to these tensors are kept apart for each architecture.
#[derive(Debug, Clone)]
pub struct Shared {
    tensors: HashMap<String, Tensor>,
    order: Vec<Tensor>,
}

impl Shared {
    /// Shares `parameters` between `architectures`.
    ///
    /// # Errors
    /// Where there is no architecture.
    pub fn new(graph: &mut Graph, parameters: &[Persistent], architectures: usize) -> Result<Self> {
        let mut shared = Self { tensors: HashMap::new(), order: Vec::new() };
        for parameter in parameters {
            let input = graph.input(parameter);
            let tensor = graph.share(input, architectures)?;
            shared.tensors.insert(parameter.name().to_owned(), tensor);
            shared.order.push(tensor);
        }
        Ok(shared)
    }

    /// The tensor of a parameter.
    ///
    /// # Panics
    /// If the parameter is not among those shared: a mistake in the network, which lists its parameters itself.
    pub fn get(&self, parameter: &Persistent) -> Tensor {
        match self.tensors.get(parameter.name()) {
            Some(tensor) => *tensor,
            None => panic!("`{}` is not among the parameters that its network lists", parameter.name()),
        }
    }

    /// All tensors, in the order of the parameters.
    pub fn tensors(&self) -> &[Tensor] {
        &self.order
    }
}
