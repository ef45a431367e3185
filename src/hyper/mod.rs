//! The metahypernetwork, which answers a device and a preference with architecture logits, and the metapredictor, which
//! tells what an architecture costs on a device. Neither knows a particular search space.

mod bank;
mod gcn;
mod mixture;
mod row_index;
mod smooth;
mod train;

pub use bank::{BankHypernetwork, BankOptions};
pub use gcn::GraphPredictor;
pub use smooth::SmoothHypernetwork;
pub use train::{PredictorData, PredictorFit, PredictorOptions, PredictorRow, fit_predictor};

use parnas_kernels::ops::Function;

use crate::graph::{Graph, Persistent, Result, Tensor};
use crate::nn::{Shared, WeightSharing};

/// What tells an architecture's cost on a device, differentiably in the architecture weights.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each hardware objective of a run")]
pub enum Metapredictor {
    /// Learned from measured values; its output is the logarithm relative to the device's references.
    Graph(GraphPredictor),
    /// Exact and the same on every device, linear in the architecture weights: parameters, operations. Costs `[total, 1]` and
    /// what every architecture has `[1]`.
    Exact {
        /// The cost of each choice.
        costs: Persistent,
        /// The cost of no choice.
        base: Persistent,
    },
}

impl Metapredictor {
    /// The costs of `weights` `[B, total]` on devices with `features` `[B, F]`: `[B]`, relative to the geometric mean of the
    /// device's references where it is learned, in their own unit where they are exact.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn cost(&self, graph: &mut Graph, weights: Tensor, features: Tensor) -> Result<Tensor> {
        match self {
            Self::Graph(predictor) => {
                let shared = Shared::new(graph, &predictor.parameters(), 1)?;
                let logarithm = predictor.apply(graph, &shared, weights, features)?;
                graph.unary(Function::Exp, logarithm)
            }
            Self::Exact { costs, base } => {
                let (costs, base) = (graph.input(costs), graph.input(base));
                let rows = graph.shape(weights)[0];
                let sum = graph.matmul(weights, costs)?;
                let sum = graph.reshape(sum, &[rows])?;
                graph.add(sum, base)
            }
        }
    }
}

/// A hypernetwork: preferences `[A, objectives]` and device features `[A, features]` `-> [A, total]` logits.
#[derive(Debug, Clone)]
pub enum Hypernetwork {
    /// Smooth in the whole preference, for any number of objectives.
    Smooth(SmoothHypernetwork),
    /// The paper's bank of tables with attention over device features, for two objectives.
    Bank(BankHypernetwork),
}

impl Hypernetwork {
    /// Applies it; row `a` of the result depends on row `a` of the inputs alone.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, preferences: Tensor, features: Tensor) -> Result<Tensor> {
        match self {
            Self::Smooth(network) => network.apply(graph, shared, preferences, features),
            Self::Bank(network) => network.apply(graph, shared, preferences, features),
        }
    }
}

impl WeightSharing for Hypernetwork {
    fn parameters(&self) -> Vec<Persistent> {
        match self {
            Self::Smooth(network) => network.parameters(),
            Self::Bank(network) => network.parameters(),
        }
    }
}
