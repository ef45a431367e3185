//! One step of the search as a plan: both levels of the bilevel problem, replayed without the host.
//!
//! Upper level: preferences are drawn, the hypernetwork answers each device and preference with logits, architectures are
//! sampled, the supernet tells their losses and the metapredictors their costs, both are scaled and scalarised, and the
//! gradients of the hypernetwork, kept apart for each device, are combined and stepped. Lower level: architectures are
//! sampled anew, from the stepped hypernetwork and uniformly, and the supernet's weights descend on the cross-entropy alone.
//! (MODNAS, arXiv 2402.18213, Algorithm 1; `first order`: weights are taken as they are, not unrolled.)
//!
//! Everything random is a function of (seed, step, site, place), so a step needs its images and nothing else.

mod lower;
mod pretraining;
mod upper;

use parnas_kernels::Plan;
use parnas_kernels::ops::{BinaryOperation, Distribution, SampleKind, Unselected};

use super::objectives::Objectives;
use crate::graph::{
    AdamOptions, AdamState, Graph, Initial, LossScaler, Persistent, Result, Role, SampleOptions, SgdOptions, SgdState,
    Store, Tensor,
};
use crate::hyper::{Hypernetwork, Metapredictor};
use crate::nn::{Supernet, WeightSharing};
use crate::pareto::scalarisation::Scalarisation;

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
    /// The scales of the losses of the upper and of the lower level, where the supernet's activations are halves.
    scalers: Option<(LossScaler, LossScaler)>,
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
    /// Whether the supernet's activations and their gradients are stored as halves.
    pub halves: bool,
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
        let scalers = dimensions.halves.then(|| (LossScaler::new(store, "upper"), LossScaler::new(store, "lower")));
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
            scalers,
        }
    }

    /// Builds a part of the supernet, in halves where the search is.
    fn supernet<T>(&self, graph: &mut Graph, body: impl FnOnce(&mut Graph) -> T) -> T {
        match self.scalers {
            Some(_) => graph.in_halves(body),
            None => body(graph),
        }
    }

    /// The gradient that the backward pass of a level starts from, scaled where the search is in halves.
    fn seed(&self, graph: &mut Graph, scaler: Option<&LossScaler>, shape: &[usize], value: f32) -> Result<Tensor> {
        let seed = graph.fill(shape, value);
        match scaler {
            Some(scaler) => graph.scale_seed(scaler, seed),
            None => Ok(seed),
        }
    }

    /// The scales of the losses of the upper and of the lower level, where the search is in halves.
    pub fn scalers(&self) -> Option<&(LossScaler, LossScaler)> {
        self.scalers.as_ref()
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

    /// The plan of a step in which the hypernetwork rests: the lower level alone, on uniform architectures. It leaves the weights
    /// that [`StepState::plan`] leaves, for a fraction of its work.
    ///
    /// # Errors
    /// Where the networks do not fit their inputs.
    pub fn warmup_plan(
        &self,
        store: &Store,
        networks: &Networks<'_>,
        options: &StepOptions,
        parts: usize,
    ) -> Result<Plan> {
        let mut graph = Graph::new();
        let options = StepOptions { uniform_architectures: options.weight_architectures, ..options.clone() };
        let lower = graph.scoped("lower", |graph| self.lower_level(graph, networks, &options, parts))?;
        graph.scoped("end", |graph| -> Result<()> {
            self.objectives.count_step(graph)?;
            let none = graph.fill(&[1], 0.0);
            let rest = graph.fill(&[2 + self.devices], 0.0);
            let metrics = graph.concat(&[none, lower.loss, lower.accuracy, none, lower.clip, rest], 0)?;
            graph.store(metrics, &self.metrics)?;
            graph.tick(&self.clock);
            Ok(())
        })?;
        graph.compile("warm-up step", store.buffers())
    }

    fn mean_of(&self, graph: &mut Graph, x: Tensor) -> Result<Tensor> {
        let mean = graph.mean(x, 0)?;
        graph.reshape(mean, &[1])
    }

    fn preferences(&self, graph: &mut Graph, seed: u64, site: u32, rows: usize) -> Result<Tensor> {
        let width = self.objectives.count();
        let clock = graph.input(&self.clock);
        let distribution = Distribution::Dirichlet { width: width as u32, concentration: 1.0 };
        graph.random(distribution, &[rows, width], clock, seed, site)
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

    /// The steps done, as a tensor of whole numbers.
    pub fn clock(&self) -> &Persistent {
        &self.clock
    }
}

/// `1` where `x > threshold`, as a tensor like `x`.
pub(in crate::search) fn beyond(graph: &mut Graph, x: Tensor, threshold: f32) -> Result<Tensor> {
    let limit = graph.fill(&[1], threshold);
    graph.binary(BinaryOperation::GreaterThan, x, limit)
}
