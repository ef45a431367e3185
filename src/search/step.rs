//! One step of the search as a plan: both levels of the bilevel problem, replayed without the host.
//!
//! Upper level: preferences are drawn, the hypernetwork answers each device and preference with logits, architectures are
//! sampled, the supernet tells their losses and the metapredictors their costs, both are scaled and scalarised, and the
//! gradients of the hypernetwork, kept apart for each device, are combined and stepped. Lower level: architectures are
//! sampled anew, from the stepped hypernetwork and uniformly, and the supernet's weights descend on the cross-entropy alone.
//! (MODNAS, arXiv 2402.18213, Algorithm 1; `first order`: weights are taken as they are, not unrolled.)
//!
//! Everything random is a function of (seed, step, site, place), so a step needs its images and nothing else.

use parnas_kernels::Plan;
use parnas_kernels::ops::{BinaryOperation, Distribution, Function, SampleKind, Schedule, Unselected};

use super::objectives::{Objectives, scalarise};
use crate::graph::{
    AdamOptions, AdamState, Graph, Initial, Persistent, Result, Role, SampleOptions, SgdOptions, SgdState, Store,
    Tensor,
};
use crate::hyper::{Hypernetwork, Metapredictor};
use crate::nn::{Normalisation, Shared, Supernet, WeightSharing};
use crate::pareto::scalarisation::Scalarisation;
use crate::supernet::{BodyGradients, chunks};

/// The draws of a step; each has a site of its own, so that none depends on another.
mod site {
    pub const UPPER_PREFERENCES: u32 = 1;
    pub const UPPER_SAMPLE: u32 = 2;
    pub const LOWER_PREFERENCES: u32 = 3;
    pub const LOWER_SAMPLE: u32 = 4;
    pub const LOWER_UNIFORM: u32 = 5;
    pub const DEVICE: u32 = 6;
    pub const PRETRAINING_PREFERENCES: u32 = 7;
    pub const PRETRAINING_TARGET: u32 = 8;
}

/// Numbers a step leaves for the host, in this order, before the weights of the devices' gradients.
pub const METRICS: [&str; 7] =
    ["upper_loss", "lower_loss", "lower_accuracy", "scalarised_loss", "clip_factor", "gradient_norm", "hardware"];

/// How the devices' gradients of the hypernetwork become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceUpdate {
    /// Multiple-gradient descent: the least-norm combination of the normalised gradients.
    MinNorm,
    /// Their mean.
    Mean,
    /// A step after each device.
    Sequential,
    /// The gradient of one device, drawn for the step.
    Sampled,
}

/// What a step is made of, apart from its tensors.
#[derive(Debug, Clone)]
pub struct StepOptions {
    /// The run's seed.
    pub seed: u64,
    /// Preferences drawn for each device in the upper level.
    pub preferences_per_device: usize,
    /// Architectures of the lower level.
    pub weight_architectures: usize,
    /// Those of them that are drawn uniformly.
    pub uniform_architectures: usize,
    /// Steps in which all of them are, and the hypernetwork rests.
    pub warmup_steps: u32,
    /// How architectures are sampled.
    pub sampler: SampleKind,
    /// The sampler's temperature.
    pub temperature: f32,
    /// The gradient of choices that were not taken.
    pub unselected: Unselected,
    /// How device gradients are combined.
    pub update: DeviceUpdate,
    /// How objectives become one number.
    pub scalarisation: Scalarisation,
    /// Weight of the term that keeps every choice alive.
    pub exploration: f32,
    /// Cross-entropy's label smoothing.
    pub label_smoothing: f32,
    /// The supernet's optimiser.
    pub sgd: SgdOptions,
    /// The norm to which the weights' gradient is clipped; 0 does not clip.
    pub clip: f32,
    /// The hypernetwork's optimiser.
    pub adam: AdamOptions,
}

/// The tensors that steps work on, and the networks.
#[derive(Debug)]
pub struct StepState {
    /// Images `[1, N, C, H, W]` and labels of the upper level.
    pub upper: (Persistent, Persistent),
    /// Images and labels of the lower level.
    pub lower: (Persistent, Persistent),
    /// The architecture weights that the step drew: `[rows, total]` of the upper level and of the lower.
    pub samples: (Persistent, Persistent),
    /// [`METRICS`], then the weight of each device's gradient.
    pub metrics: Persistent,
    clock: Persistent,
    hypernetwork_clock: Persistent,
    offsets: Persistent,
    /// The features of each row's device, in the upper and in the lower level.
    features: (Persistent, Persistent),
    total: usize,
    devices: usize,
    objectives: Objectives,
    sgd: SgdState,
    adam: AdamState,
}

/// The networks of a search.
#[derive(Debug)]
pub struct Networks<'a> {
    /// The weight-sharing network.
    pub supernet: &'a dyn Supernet,
    /// The hypernetwork.
    pub hypernetwork: &'a Hypernetwork,
    /// One metapredictor for each hardware objective.
    pub predictors: &'a [Metapredictor],
}

/// What a step's state is sized by.
#[derive(Debug)]
pub struct Dimensions<'a> {
    /// Images of a batch, in the upper and in the lower level.
    pub batches: (usize, usize),
    /// `[channels, height, width]`.
    pub image: [usize; 3],
    /// The starts of the decisions' logits and their total.
    pub offsets: &'a [usize],
    /// The features of each device.
    pub features: &'a [Vec<f32>],
    /// Rows of the upper level: devices times preferences.
    pub upper_rows: usize,
    /// Rows of the lower level.
    pub lower_rows: usize,
}

impl StepState {
    /// Adds the state to the store.
    pub fn new(
        store: &mut Store,
        networks: &Networks<'_>,
        dimensions: &Dimensions<'_>,
        objectives: Objectives,
    ) -> Self {
        let [channels, height, width] = dimensions.image;
        let devices = dimensions.features.len();
        let mut images = |level: &str, batch: usize| {
            let mut exchange = |part: &str, shape: &[usize]| {
                store.add(format!("{level}.{part}"), shape, Role::Exchange, Initial::Value(0.0))
            };
            (exchange("images", &[1, batch, channels, height, width]), exchange("labels", &[batch]))
        };
        let (upper, lower) = (images("upper", dimensions.batches.0), images("lower", dimensions.batches.1));
        let mut sample = |level: &str, rows: usize| {
            let total = dimensions.offsets.last().copied().unwrap_or(0);
            store.add(format!("{level}.sample"), &[rows, total], Role::Exchange, Initial::Value(0.0))
        };
        let samples = (sample("upper", dimensions.upper_rows), sample("lower", dimensions.lower_rows));
        let metrics = store.add("metrics", &[METRICS.len() + devices], Role::Exchange, Initial::Value(0.0));
        let clock = store.add("clock", &[2], Role::State, Initial::Value(0.0));
        let hypernetwork_clock = store.add("hypernetwork_clock", &[2], Role::State, Initial::Value(0.0));
        let offsets: Vec<u32> = dimensions.offsets.iter().map(|offset| *offset as u32).collect();
        let total = dimensions.offsets.last().copied().unwrap_or(0);
        let offsets = store.add("offsets", &[offsets.len()], Role::Constant, Initial::Whole(offsets));
        let count = dimensions.features.first().map_or(0, Vec::len);
        let mut rows = |level: &str, devices: &mut dyn Iterator<Item = usize>| {
            let flat: Vec<f32> = devices.flat_map(|device| dimensions.features[device].iter().copied()).collect();
            let shape = [flat.len() / count.max(1), count];
            store.add(format!("{level}.features"), &shape, Role::Constant, Initial::Data(flat))
        };
        // In the upper level the rows of a device lie together, in the lower level devices take turns.
        let per = dimensions.upper_rows / devices.max(1);
        let features = (
            rows("upper", &mut (0..dimensions.upper_rows).map(|row| row / per)),
            rows("lower", &mut (0..dimensions.lower_rows).map(|row| row % devices)),
        );
        let weights: Vec<Persistent> =
            networks.supernet.trunk_parameters().into_iter().chain(networks.supernet.body_parameters()).collect();
        let sgd = SgdState::new(store, &weights);
        let adam = AdamState::new(store, &networks.hypernetwork.parameters());
        Self {
            upper,
            lower,
            samples,
            metrics,
            clock,
            hypernetwork_clock,
            offsets,
            features,
            total,
            devices,
            objectives,
            sgd,
            adam,
        }
    }

    /// The plan of a step whose architectures run in `parts` chunks.
    ///
    /// # Errors
    /// Where the networks do not fit their inputs.
    pub fn plan(&self, store: &Store, networks: &Networks<'_>, options: &StepOptions, parts: usize) -> Result<Plan> {
        let mut graph = Graph::new();
        let upper = graph.scoped("upper", |graph| self.upper_level(graph, networks, options, parts))?;
        let lower = graph.scoped("lower", |graph| self.lower_level(graph, networks, options, parts))?;
        graph.scoped("end", |graph| -> Result<()> {
            self.objectives.update(graph, upper.losses)?;
            let mut metrics = vec![
                self.mean_of(graph, upper.losses)?,
                lower.loss,
                lower.accuracy,
                self.mean_of(graph, upper.scalarised)?,
                lower.clip,
                upper.gradient_norm,
                upper.hardware,
            ];
            metrics.push(upper.device_weights);
            let metrics = graph.concat(&metrics, 0)?;
            graph.store(metrics, &self.metrics)?;
            graph.tick(&self.clock);
            Ok(())
        })?;
        graph.compile("step", store.buffers())
    }

    fn mean_of(&self, graph: &mut Graph, x: Tensor) -> Result<Tensor> {
        let mean = graph.mean(x, 0)?;
        graph.reshape(mean, &[1])
    }

    fn upper_level(
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
        let trunk = networks.supernet.trunk(graph, &trunk_shared, images, &mut Normalisation::batch())?;
        let active = self.objectives.after(graph, options.warmup_steps)?;
        let per = options.preferences_per_device;
        if options.update == DeviceUpdate::Sequential {
            let mut all = Vec::new();
            for device in 0..self.devices {
                let rows = graph.slice(preferences, 0, device * per, per)?;
                let level = self.device_losses(graph, networks, options, parts, device..device + 1, rows, trunk)?;
                let gradients = self.device_gradients(graph, &level.gradients, 1, per)?;
                let combined: Vec<Tensor> = gradients.clone();
                self.step_hypernetwork(graph, networks, options, combined, active)?;
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
        let level = self.device_losses(graph, networks, options, parts, 0..self.devices, preferences, trunk)?;
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
        self.step_hypernetwork(graph, networks, options, combined, active)?;
        Ok(Upper {
            losses: level.losses,
            scalarised: level.scalarised,
            hardware: self.mean_of(graph, level.hardware)?,
            gradient_norm,
            device_weights,
        })
    }

    fn preferences(&self, graph: &mut Graph, seed: u64, site: u32, rows: usize) -> Result<Tensor> {
        let width = self.objectives.count();
        let clock = graph.input(&self.clock);
        let distribution = Distribution::Dirichlet { width: width as u32, concentration: 1.0 };
        graph.random(distribution, &[rows, width], clock, seed, site)
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
        active: Tensor,
    ) -> Result<()> {
        let mut steps = Vec::new();
        for (parameter, gradient) in networks.hypernetwork.parameters().into_iter().zip(gradients) {
            let gradient = graph.reshape(gradient, parameter.shape())?;
            steps.push((parameter, gradient));
        }
        let clock = graph.input(&self.hypernetwork_clock);
        // While the supernet warms up, the factor that clips is zero: the hypernetwork rests.
        graph.adam(&self.adam, &steps, active, clock, &options.adam)?;
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
        let mut of_weights = Vec::new();
        let mut of_hardware = vec![Vec::new(); hardware.len()];
        for chunk in chunks(rows, parts) {
            let len = chunk.len();
            let own = graph.slice(weights, 0, chunk.start, len)?;
            let own_hardware =
                hardware.iter().map(|all| graph.slice(*all, 0, chunk.start, len)).collect::<Result<Vec<Tensor>>>()?;
            let own_preferences = graph.slice(preferences, 0, chunk.start, len)?;
            let x = graph.repeat(trunk, 0, len)?;
            let body = Shared::new(graph, &networks.supernet.body_parameters(), len)?;
            let logits =
                networks.supernet.body(graph, &body, x, own, options.unselected, &mut Normalisation::batch())?;
            let loss = graph.cross_entropy(logits, labels, options.label_smoothing)?;
            let loss = graph.mean(loss, 1)?;
            let scaled = self.objectives.scale_loss(graph, loss)?;
            let all: Vec<Tensor> = [scaled].into_iter().chain(own_hardware.iter().copied()).collect();
            let total = scalarise(graph, options.scalarisation, own_preferences, &all)?;
            let seed = graph.fill(&[len], 1.0);
            let wanted: Vec<Tensor> = [own].into_iter().chain(own_hardware).collect();
            let gradients = graph.gradients(&[(total, seed)], &wanted)?;
            of_weights.push(gradients[0]);
            for (sink, gradient) in of_hardware.iter_mut().zip(&gradients[1..]) {
                sink.push(*gradient);
            }
            losses.push(loss);
            scalarised.push(total);
        }
        let mut outputs = vec![(weights, graph.concat(&of_weights, 0)?)];
        for (value, gradients) in hardware.iter().zip(&of_hardware) {
            outputs.push((*value, graph.concat(gradients, 0)?));
        }
        if options.exploration > 0.0 {
            outputs.push(self.exploration_term(graph, options, logits)?);
        }
        let gradients = graph.gradients(&outputs, shared.tensors())?;
        Ok(Level {
            losses: graph.concat(&losses, 0)?,
            scalarised: graph.concat(&scalarised, 0)?,
            hardware: hardware[0],
            gradients,
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

    fn sample(
        &self,
        graph: &mut Graph,
        options: &StepOptions,
        logits: Tensor,
        site: u32,
        first: u32,
    ) -> Result<Tensor> {
        let offsets = graph.input(&self.offsets);
        let clock = graph.input(&self.clock);
        let sample = SampleOptions {
            kind: options.sampler,
            temperature: options.temperature,
            seed: options.seed,
            site,
            first_architecture: first,
        };
        graph.sample(logits, offsets, clock, sample)
    }

    fn lower_level(
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
        let trunk = networks.supernet.trunk(graph, &trunk_shared, images, &mut Normalisation::batch())?;
        let batch = graph.len(labels);
        let mut sums = BodyGradients::default();
        let (mut losses, mut hits) = (Vec::new(), Vec::new());
        for chunk in chunks(rows, parts) {
            let len = chunk.len();
            let own = graph.slice(weights, 0, chunk.start, len)?;
            let x = graph.repeat(trunk, 0, len)?;
            let shared = Shared::new(graph, &body_parameters, len)?;
            let norm = &mut Normalisation::batch();
            let logits = networks.supernet.body(graph, &shared, x, own, Unselected::Zero, norm)?;
            let loss = graph.cross_entropy(logits, labels, options.label_smoothing)?;
            let seed = graph.fill(&[len, batch], 1.0 / batch as f32);
            sums.add(graph, &[(loss, seed)], &shared, x, 1.0 / rows as f32)?;
            losses.push(graph.mean(loss, 1)?);
            let hit = graph.correct(logits, labels)?;
            hits.push(graph.mean(hit, 1)?);
        }
        let steps = sums.finish(graph, &body_parameters, &trunk_parameters, &trunk_shared, trunk)?;
        let gradients: Vec<Tensor> = steps.iter().map(|(_, gradient)| *gradient).collect();
        let clip = graph.clip_factor(&gradients, options.clip)?;
        let clock = graph.input(&self.clock);
        graph.sgd(&self.sgd, &steps, clip, clock, &options.sgd)?;
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

    /// The steps done, as a tensor of whole numbers.
    pub fn clock(&self) -> &Persistent {
        &self.clock
    }
}

/// The upper level's results for a set of rows.
struct Level {
    losses: Tensor,
    scalarised: Tensor,
    hardware: Tensor,
    gradients: Vec<Tensor>,
}

struct Upper {
    losses: Tensor,
    scalarised: Tensor,
    hardware: Tensor,
    gradient_norm: Tensor,
    device_weights: Tensor,
}

struct Lower {
    loss: Tensor,
    accuracy: Tensor,
    clip: Tensor,
}

/// `1` where `x > threshold`, as a tensor like `x`.
pub(super) fn beyond(graph: &mut Graph, x: Tensor, threshold: f32) -> Result<Tensor> {
    let limit = graph.fill(&[1], threshold);
    graph.binary(BinaryOperation::GreaterThan, x, limit)
}
