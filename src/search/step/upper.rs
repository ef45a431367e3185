//! The upper level: the hypernetwork descends on the scalarised objectives; the supernet's weights stay.

use parnas_kernels::ops::{Function, SampleKind};

use super::{DeviceUpdate, Networks, StepOptions, StepState, site};
use crate::graph::{Graph, Result, SampleOptions, Tensor};
use crate::nn::{Normalisation, Shared, WeightSharing};
use crate::search::objectives::scalarise;
use crate::supernet::chunks;

/// The upper level's results for a set of rows.
struct Level {
    losses: Tensor,
    scalarised: Tensor,
    hardware: Tensor,
    gradients: Vec<Tensor>,
    /// What the hypernetwork's step is multiplied by: 0 while it rests, below 0 where it is left out.
    factor: Tensor,
}

pub(super) struct Upper {
    pub(super) losses: Tensor,
    pub(super) scalarised: Tensor,
    pub(super) hardware: Tensor,
    pub(super) gradient_norm: Tensor,
    pub(super) device_weights: Tensor,
}

impl StepState {
    pub(super) fn upper_level(
        &self,
        graph: &mut Graph,
        networks: &Networks<'_>,
        options: &StepOptions,
        parts: usize,
    ) -> Result<Upper> {
        let preferences = self.preferences(
            graph,
            options.seed,
            site::UPPER_PREFERENCES,
            self.devices * options.preferences_per_device,
        )?;
        let images = graph.input(&self.upper.0);
        let trunk_shared = Shared::new(graph, &networks.supernet.trunk_parameters(), 1)?;
        let trunk = self.supernet(graph, |graph| {
            networks.supernet.trunk(graph, &trunk_shared, images, &mut Normalisation::batch())
        })?;
        let active = self.objectives.after(graph, options.warmup_steps)?;
        let per = options.preferences_per_device;
        if options.update == DeviceUpdate::Sequential {
            let mut all = Vec::new();
            for device in 0..self.devices {
                let rows = graph.slice(preferences, 0, device * per, per)?;
                let level =
                    self.device_losses(graph, networks, options, parts, device..device + 1, rows, trunk, active)?;
                let gradients = self.device_gradients(graph, &level.gradients, 1, per)?;
                let combined: Vec<Tensor> = gradients.clone();
                self.step_hypernetwork(graph, networks, options, combined, level.factor)?;
                all.push(level);
            }
            let join = |graph: &mut Graph, pick: fn(&Level) -> Tensor| {
                let parts: Vec<Tensor> = all.iter().map(pick).collect();
                graph.concat(&parts, 0)
            };
            let losses = join(graph, |level| level.losses)?;
            let scalarised = join(graph, |level| level.scalarised)?;
            let hardware = join(graph, |level| level.hardware)?;
            return Ok(Upper {
                losses,
                scalarised,
                hardware: self.mean_of(graph, hardware)?,
                gradient_norm: graph.fill(&[1], 0.0),
                device_weights: graph.fill(&[self.devices], 1.0),
            });
        }
        let level = self.device_losses(graph, networks, options, parts, 0..self.devices, preferences, trunk, active)?;
        let gradients = self.device_gradients(graph, &level.gradients, self.devices, per)?;
        let gram = graph.gram(&gradients)?;
        let (coefficients, device_weights, gradient_norm) = match options.update {
            DeviceUpdate::MinNorm => {
                let combination = graph.min_norm(gram, true)?;
                (combination.coefficients, combination.weights, combination.squared_norm)
            }
            DeviceUpdate::Sampled => {
                let logits = graph.fill(&[1, self.devices], 0.0);
                let ends = graph.input(&self.objectives.device_offsets);
                let clock = graph.input(&self.clock);
                let draw = SampleOptions {
                    kind: SampleKind::Uniform,
                    temperature: 1.0,
                    seed: options.seed,
                    site: site::DEVICE,
                    first_architecture: 0,
                };
                let drawn = graph.sample(logits, ends, clock, draw)?;
                let drawn = graph.reshape(drawn, &[self.devices])?;
                (drawn, drawn, graph.fill(&[1], 0.0))
            }
            DeviceUpdate::Mean | DeviceUpdate::Sequential => {
                let even = graph.fill(&[self.devices], 1.0 / self.devices as f32);
                (even, even, graph.fill(&[1], 0.0))
            }
        };
        let row = graph.reshape(coefficients, &[1, self.devices])?;
        let mut combined = Vec::new();
        for gradient in gradients {
            let len = graph.len(gradient) / self.devices;
            let flat = graph.reshape(gradient, &[self.devices, len])?;
            combined.push(graph.matmul(row, flat)?);
        }
        self.step_hypernetwork(graph, networks, options, combined, level.factor)?;
        Ok(Upper {
            losses: level.losses,
            scalarised: level.scalarised,
            hardware: self.mean_of(graph, level.hardware)?,
            gradient_norm,
            device_weights,
        })
    }

    /// Sums the gradients of each device's preferences: `[devices * per, ...] -> [devices, ...]`.
    fn device_gradients(&self, graph: &mut Graph, rows: &[Tensor], devices: usize, per: usize) -> Result<Vec<Tensor>> {
        rows.iter()
            .map(|rows| {
                let len = graph.len(*rows) / (devices * per);
                let split = graph.reshape(*rows, &[devices, per, len])?;
                graph.mean(split, 1)
            })
            .collect()
    }

    fn step_hypernetwork(
        &self,
        graph: &mut Graph,
        networks: &Networks<'_>,
        options: &StepOptions,
        gradients: Vec<Tensor>,
        factor: Tensor,
    ) -> Result<()> {
        let mut steps = Vec::new();
        for (parameter, gradient) in networks.hypernetwork.parameters().into_iter().zip(gradients) {
            let gradient = graph.reshape(gradient, parameter.shape())?;
            steps.push((parameter, gradient));
        }
        let clock = graph.input(&self.hypernetwork_clock);
        // While the supernet warms up, the factor that clips is zero: the hypernetwork rests.
        graph.adam(&self.adam, &steps, factor, clock, &options.adam)?;
        graph.tick(&self.hypernetwork_clock);
        Ok(())
    }

    /// The scalarised losses of some devices' rows and the hypernetwork's gradient of each row.
    fn device_losses(
        &self,
        graph: &mut Graph,
        networks: &Networks<'_>,
        options: &StepOptions,
        parts: usize,
        devices: std::ops::Range<usize>,
        preferences: Tensor,
        trunk: Tensor,
        active: Tensor,
    ) -> Result<Level> {
        let per = options.preferences_per_device;
        let rows = devices.len() * per;
        let first = devices.start * per;
        let features = graph.input(&self.features.0);
        let features = graph.slice(features, 0, first, rows)?;
        let shared = Shared::new(graph, &networks.hypernetwork.parameters(), rows)?;
        let logits = networks.hypernetwork.apply(graph, &shared, preferences, features)?;
        let weights = self.sample(graph, options, logits, site::UPPER_SAMPLE, first as u32)?;
        graph.store_rows(weights, &self.samples.0, first * self.total)?;
        let hardware = self.objectives.hardware(graph, networks.predictors, weights, features, first)?;

        let labels = graph.input(&self.upper.1);
        let (mut losses, mut scalarised) = (Vec::new(), Vec::new());
        let scaler = self.scalers.as_ref().map(|(upper, _)| upper);
        let mut of_weights = Vec::new();
        let mut of_hardware = vec![Vec::new(); hardware.len()];
        for chunk in chunks(rows, parts) {
            let len = chunk.len();
            let own = graph.slice(weights, 0, chunk.start, len)?;
            let own_hardware =
                hardware.iter().map(|all| graph.slice(*all, 0, chunk.start, len)).collect::<Result<Vec<Tensor>>>()?;
            let own_preferences = graph.slice(preferences, 0, chunk.start, len)?;
            let x = self.supernet(graph, |graph| graph.repeat(trunk, 0, len))?;
            let body = Shared::new(graph, &networks.supernet.body_parameters(), len)?;
            let logits = self.supernet(graph, |graph| {
                networks.supernet.body(graph, &body, x, own, options.unselected, &mut Normalisation::batch())
            })?;
            let loss = graph.cross_entropy(logits, labels, options.label_smoothing)?;
            let loss = graph.mean(loss, 1)?;
            let scaled = self.objectives.scale_loss(graph, loss)?;
            let all: Vec<Tensor> = [scaled].into_iter().chain(own_hardware.iter().copied()).collect();
            let total = scalarise(graph, options.scalarisation, own_preferences, &all)?;
            let seed = self.seed(graph, scaler, &[len], 1.0)?;
            let wanted: Vec<Tensor> = [own].into_iter().chain(own_hardware).collect();
            let gradients = graph.gradients(&[(total, seed)], &wanted)?;
            of_weights.push(gradients[0]);
            for (sink, gradient) in of_hardware.iter_mut().zip(&gradients[1..]) {
                sink.push(*gradient);
            }
            losses.push(loss);
            scalarised.push(total);
        }
        let mut seeds = vec![graph.concat(&of_weights, 0)?];
        for gradients in &of_hardware {
            seeds.push(graph.concat(gradients, 0)?);
        }
        let mut factor = active;
        if let Some(scaler) = scaler {
            // The hypernetwork's own gradients are f32: they are not scaled.
            (seeds, factor) = graph.unscale(scaler, &seeds, active)?;
        }
        let mut outputs: Vec<_> = [weights].into_iter().chain(hardware.iter().copied()).zip(seeds).collect();
        if options.exploration > 0.0 {
            outputs.push(self.exploration_term(graph, options, logits)?);
        }
        let gradients = graph.gradients(&outputs, shared.tensors())?;
        Ok(Level {
            losses: graph.concat(&losses, 0)?,
            scalarised: graph.concat(&scalarised, 0)?,
            hardware: hardware[0],
            gradients,
            factor,
        })
    }

    /// `log p` of every choice, `[rows, total]`, and the gradient of the uniform distribution's cross-entropy. Near a corner of the
    /// simplex it stays as it is, where the gradient of an entropy would vanish with the choice.
    fn exploration_term(&self, graph: &mut Graph, options: &StepOptions, logits: Tensor) -> Result<(Tensor, Tensor)> {
        let soft = StepOptions { sampler: SampleKind::Softmax, temperature: 1.0, ..options.clone() };
        let probabilities = self.sample(graph, &soft, logits, site::UPPER_SAMPLE, 0)?;
        // Far below any probability that matters, but the logarithm of 0 stays out.
        let above_zero = graph.affine(probabilities, 1.0, 1e-12)?;
        let logarithms = graph.unary(Function::Log, above_zero)?;
        let shape = graph.shape(logarithms).to_vec();
        let offsets = graph.input(&self.offsets);
        let groups = graph.len(offsets) - 1;
        let share = groups as f32 / self.total as f32;
        Ok((logarithms, graph.fill(&shape, -options.exploration * share)))
    }
}
