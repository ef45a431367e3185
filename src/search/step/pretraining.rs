//! Before the search: the hypernetwork's answers are brought close to the uniform distribution.

use parnas_kernels::Plan;
use parnas_kernels::ops::{Distribution, Function, Schedule};

use super::{StepOptions, StepState, site};
use crate::graph::{AdamOptions, AdamState, Graph, Persistent, Result, Store};
use crate::hyper::Hypernetwork;
use crate::nn::{Shared, WeightSharing};

impl StepState {
    /// The plan of a step of pretraining: the hypernetwork's logits towards noise of deviation 1e-3, for drawn preferences
    /// and every device, so that the search begins near the uniform distribution wherever it is asked.
    ///
    /// # Errors
    /// Where the hypernetwork does not fit its inputs.
    pub fn pretraining_plan(
        &self,
        store: &Store,
        hypernetwork: &Hypernetwork,
        options: &StepOptions,
        adam: &AdamState,
        clock: &Persistent,
    ) -> Result<Plan> {
        let mut graph = Graph::new();
        let features = graph.input(&self.features.0);
        let rows = graph.shape(features)[0];
        let now = graph.input(clock);
        let width = self.objectives.count();
        let distribution = Distribution::Dirichlet { width: width as u32, concentration: 1.0 };
        let preferences =
            graph.random(distribution, &[rows, width], now, options.seed, site::PRETRAINING_PREFERENCES)?;
        let parameters = hypernetwork.parameters();
        let shared = Shared::new(&mut graph, &parameters, rows)?;
        let logits = hypernetwork.apply(&mut graph, &shared, preferences, features)?;
        let shape = graph.shape(logits).to_vec();
        let target = graph.random(Distribution::Normal, &shape, now, options.seed, site::PRETRAINING_TARGET)?;
        let target = graph.affine(target, 1e-3, 0.0)?;
        let error = graph.subtract(logits, target)?;
        let squared = graph.unary(Function::Square, error)?;
        let seed = graph.fill(&shape, 1.0 / (rows * self.total) as f32);
        let gradients = graph.gradients(&[(squared, seed)], shared.tensors())?;
        let mut steps = Vec::new();
        for (parameter, gradient) in parameters.into_iter().zip(gradients) {
            let sum = graph.fold(None, gradient, 1.0)?;
            steps.push((parameter, sum));
        }
        let whole = graph.fill(&[1], 1.0);
        let options = AdamOptions { schedule: Schedule::constant(1e-3), betas: (0.9, 0.999), ..options.adam.clone() };
        graph.adam(adam, &steps, whole, now, &options)?;
        graph.tick(clock);
        graph.compile("pretraining", store.buffers())
    }
}
