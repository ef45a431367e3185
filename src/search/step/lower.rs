//! The lower level: the supernet's weights descend on the cross-entropy alone.

use parnas_kernels::ops::{SampleKind, Unselected};

use super::{Networks, StepOptions, StepState, site};
use crate::graph::{Graph, Result, Tensor};
use crate::nn::{Normalisation, Shared, WeightSharing};
use crate::supernet::{BodyGradients, chunks};

pub(super) struct Lower {
    pub(super) loss: Tensor,
    pub(super) accuracy: Tensor,
    pub(super) clip: Tensor,
}

impl StepState {
    pub(super) fn lower_level(
        &self,
        graph: &mut Graph,
        networks: &Networks<'_>,
        options: &StepOptions,
        parts: usize,
    ) -> Result<Lower> {
        let rows = options.weight_architectures;
        let weights = self.lower_architectures(graph, networks, options)?;
        graph.store(weights, &self.samples.1)?;
        let trunk_parameters = networks.supernet.trunk_parameters();
        let body_parameters = networks.supernet.body_parameters();
        let images = graph.input(&self.lower.0);
        let labels = graph.input(&self.lower.1);
        let trunk_shared = Shared::new(graph, &trunk_parameters, 1)?;
        let trunk = self.supernet(graph, |graph| {
            networks.supernet.trunk(graph, &trunk_shared, images, &mut Normalisation::batch())
        })?;
        let scaler = self.scalers.as_ref().map(|(_, lower)| lower);
        let batch = graph.len(labels);
        let mut sums = BodyGradients::default();
        let (mut losses, mut hits) = (Vec::new(), Vec::new());
        for chunk in chunks(rows, parts) {
            let len = chunk.len();
            let own = graph.slice(weights, 0, chunk.start, len)?;
            let x = self.supernet(graph, |graph| graph.repeat(trunk, 0, len))?;
            let shared = Shared::new(graph, &body_parameters, len)?;
            let norm = &mut Normalisation::batch();
            let logits =
                self.supernet(graph, |graph| networks.supernet.body(graph, &shared, x, own, Unselected::Zero, norm))?;
            let loss = graph.cross_entropy(logits, labels, options.label_smoothing)?;
            let seed = self.seed(graph, scaler, &[len, batch], 1.0 / batch as f32)?;
            sums.add(graph, &[(loss, seed)], &shared, x, 1.0 / rows as f32)?;
            losses.push(graph.mean(loss, 1)?);
            let hit = graph.correct(logits, labels)?;
            hits.push(graph.mean(hit, 1)?);
        }
        let steps = sums.finish(graph, &body_parameters, &trunk_parameters, &trunk_shared, trunk)?;
        let gradients: Vec<Tensor> = steps.iter().map(|(_, gradient)| *gradient).collect();
        let (factor, clip) = match scaler {
            Some(scaler) => {
                let step = graph.scaled_step(scaler, &gradients, options.clip)?;
                (step.factor, step.clip)
            }
            None => {
                let clip = graph.clip_factor(&gradients, options.clip)?;
                (clip, clip)
            }
        };
        let clock = graph.input(&self.clock);
        graph.sgd(&self.sgd, &steps, factor, clock, &options.sgd)?;
        let losses = graph.concat(&losses, 0)?;
        let hits = graph.concat(&hits, 0)?;
        Ok(Lower { loss: self.mean_of(graph, losses)?, accuracy: self.mean_of(graph, hits)?, clip })
    }

    /// One-hot architectures of the lower level: some uniform, the rest the hypernetwork's for devices in turn.
    fn lower_architectures(&self, graph: &mut Graph, networks: &Networks<'_>, options: &StepOptions) -> Result<Tensor> {
        let (rows, uniform) = (options.weight_architectures, options.uniform_architectures);
        let draw = |graph: &mut Graph, rows: usize, first: u32| {
            let logits = graph.fill(&[rows, self.total], 0.0);
            let kind = StepOptions { sampler: SampleKind::Uniform, ..options.clone() };
            self.sample(graph, &kind, logits, site::LOWER_UNIFORM, first)
        };
        let all = draw(graph, rows, 0)?;
        let asked = rows - uniform;
        if asked == 0 {
            return Ok(all);
        }
        let preferences = self.preferences(graph, options.seed, site::LOWER_PREFERENCES, asked)?;
        let features = graph.input(&self.features.1);
        let features = graph.slice(features, 0, 0, asked)?;
        let shared = Shared::new(graph, &networks.hypernetwork.parameters(), asked)?;
        let logits = networks.hypernetwork.apply(graph, &shared, preferences, features)?;
        let sampled = self.sample(graph, options, logits, site::LOWER_SAMPLE, 0)?;
        // Where the hypernetwork rests, 0; from then on 1: the product keeps one-hot rows exactly one-hot.
        let active = self.objectives.after(graph, options.warmup_steps)?;
        let rest = graph.affine(active, -1.0, 1.0)?;
        let fallback = graph.slice(all, 0, uniform, asked)?;
        let asked_for = graph.multiply(sampled, active)?;
        let fallback = graph.multiply(fallback, rest)?;
        let mixed = graph.add(asked_for, fallback)?;
        if uniform == 0 {
            return Ok(mixed);
        }
        let uniform = graph.slice(all, 0, 0, uniform)?;
        graph.concat(&[uniform, mixed], 0)
    }
}
