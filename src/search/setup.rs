//! What a run is made of, from its configuration: data, space, networks, device.

use std::sync::Arc;

use parnas_kernels::ops::{SampleKind, Schedule, ScheduleKind, Unselected};
use parnas_kernels::{DeviceFacts, device};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SearchError;
use super::config::{Configuration, GradientUpdate, HypernetworkKind, Sampler, Scaling, UnselectedGradient};
use super::objectives::LossScaling;
use super::step::{DeviceUpdate, StepOptions};
use crate::data::{Augmentation, BatchLoader, Dataset, Normalisation, Split, Splits};
use crate::graph::{AdamOptions, Initial, Role, SgdOptions, Store};
use crate::hardware::references;
use crate::hyper::{BankHypernetwork, BankOptions, Hypernetwork, Metapredictor, SmoothHypernetwork};
use crate::pareto::objective::Objective;
use crate::space::{Architecture, NasBench201, NasBench201Config, SearchSpace};

/// Images of a batch that trains the hypernetwork.
pub fn arch_batch_size(configuration: &Configuration) -> usize {
    if configuration.arch_batch_size == 0 { configuration.batch_size } else { configuration.arch_batch_size }
}

/// The images of a configuration, at the size that it asks for.
///
/// # Errors
/// Where the data cannot be read, or the images are smaller than asked for.
pub fn dataset(configuration: &Configuration) -> Result<Dataset, SearchError> {
    let dataset = Dataset::open(configuration.data.as_deref())?;
    Ok(match configuration.image_size {
        0 => dataset,
        side => dataset.resized(side)?,
    })
}

/// The images of a run, split and normalised.
#[derive(Debug)]
pub struct RunData {
    /// The data set.
    pub dataset: Arc<Dataset>,
    /// Batches of the lower level.
    pub lower: Arc<BatchLoader>,
    /// Batches of the upper level.
    pub upper: Arc<BatchLoader>,
    /// The one batch that statistics are recalibrated on.
    pub calibration: BatchLoader,
    /// The upper level's images as they are: what an estimate before the end may look at.
    pub validation: BatchLoader,
    /// Images that no step sees.
    pub held_out: BatchLoader,
}

/// Images that are scored at once.
const EVALUATION_BATCH: usize = 128;

impl RunData {
    /// Opens and splits the data.
    ///
    /// # Errors
    /// Where the data cannot be read, or the splits do not fit.
    pub fn open(configuration: &Configuration) -> Result<Self, SearchError> {
        let dataset = Arc::new(dataset(configuration)?);
        let calibration_images = configuration.calibration_images;
        let splits = Splits::new(&dataset, configuration.train_portion, calibration_images, configuration.seed)?;
        let normalisation = Normalisation::of(&dataset, &splits);
        let usual = Augmentation::usual(&dataset);
        let augmentation = Augmentation {
            padding: configuration.crop_padding.unwrap_or(usual.padding),
            flip: configuration.flip.unwrap_or(usual.flip),
        };
        let training = |split| {
            let batch =
                if split == Split::Architecture { arch_batch_size(configuration) } else { configuration.batch_size };
            BatchLoader::training(&dataset, &splits, split, batch, &normalisation, augmentation, configuration.seed)
        };
        let sequential = |split, batch: usize| {
            let images = splits.indices(split).len();
            BatchLoader::evaluation(&dataset, &splits, split, batch.min(images), &normalisation)
        };
        Ok(Self {
            lower: Arc::new(training(Split::Weights)?),
            upper: Arc::new(training(Split::Architecture)?),
            calibration: sequential(Split::Calibration, calibration_images)?,
            validation: sequential(Split::Architecture, EVALUATION_BATCH)?,
            held_out: sequential(Split::HeldOut, EVALUATION_BATCH)?,
            dataset: Arc::clone(&dataset),
        })
    }

    /// `[channels, height, width]`.
    pub fn image(&self) -> [usize; 3] {
        [self.dataset.channels, self.dataset.height, self.dataset.width]
    }
}

/// The search space of a run with its network's size.
#[derive(Debug)]
pub struct RunSpace {
    /// The decisions.
    pub space: NasBench201,
    /// The network.
    pub network: NasBench201Config,
}

impl RunSpace {
    /// The space of a configuration, for images of a data set.
    ///
    /// # Errors
    /// Where the images do not fit the network.
    pub fn new(configuration: &Configuration, dataset: &Dataset) -> Result<Self, SearchError> {
        let network = NasBench201Config {
            channels: configuration.channels as u32,
            cells_per_stage: configuration.cells_per_stage as u32,
            image_channels: dataset.channels as u32,
            height: dataset.height as u32,
            width: dataset.width as u32,
            classes: dataset.classes as u32,
        };
        network.validate()?;
        Ok(Self { space: NasBench201::new(), network })
    }

    /// The network's size as a measurement file records it.
    pub fn description(&self) -> serde_json::Value {
        serde_json::json!({
            "channels": self.network.channels,
            "cells_per_stage": self.network.cells_per_stage,
            "image": [self.network.image_channels, self.network.height, self.network.width],
            "classes": self.network.classes,
        })
    }

    /// A cell that computes the same: edges that carry nothing get random operations, as long as they still carry nothing.
    ///
    /// # Errors
    /// Where the architecture is none of the space.
    pub fn redrawn(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SearchError> {
        let carrying = self.space.carrying(architecture)?;
        let mut redrawn = self.space.simplified(architecture)?;
        let simple = redrawn.clone();
        for edge in 0..carrying.len() {
            if carrying[edge] {
                continue;
            }
            let mut choices = redrawn.choices().to_vec();
            choices[edge] = rng.random_range(0..self.space.decisions()[edge].choices.len()) as u16;
            let candidate = Architecture::new(choices);
            if self.space.simplified(&candidate)? == simple {
                redrawn = candidate;
            }
        }
        Ok(redrawn)
    }

    /// The ten reference architectures.
    ///
    /// # Errors
    /// None today: their texts are constants of the space.
    pub fn references(&self) -> Result<Vec<Architecture>, SearchError> {
        Ok(references::NAS_BENCH_201.iter().map(|text| self.space.parse(text)).collect::<Result<_, _>>()?)
    }

    /// `count` different random architectures from a seed of their own, all with a way from input to output.
    pub fn random(&self, count: usize, seed: u64) -> Vec<Architecture> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        self.different(count, || self.space.random_network(&mut rng))
    }

    /// Like [`RunSpace::random`], with `none` on about half of the edges: the fast end of a front, which the uniform
    /// distribution hardly meets.
    pub fn sparse(&self, count: usize, seed: u64) -> Vec<Architecture> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        self.different(count, || {
            let network = self.space.random_network(&mut rng);
            let choices = network.choices().iter().map(|choice| if rng.random_bool(0.5) { 0 } else { *choice });
            Architecture::new(choices.collect::<Vec<u16>>())
        })
    }

    fn different(&self, count: usize, mut draw: impl FnMut() -> Architecture) -> Vec<Architecture> {
        let mut drawn: Vec<Architecture> = Vec::new();
        // A space smaller than asked for would never end.
        for _ in 0..100 * count {
            if drawn.len() == count {
                break;
            }
            let next = self.space.canonical(&draw());
            if self.space.is_connected(&next).unwrap_or(false) && !drawn.contains(&next) {
                drawn.push(next);
            }
        }
        drawn
    }

    /// An exact objective of an architecture: parameters or operations.
    ///
    /// # Errors
    /// Where the objective is not exact.
    pub fn exact(&self, objective: Objective, architecture: &Architecture) -> Result<f64, SearchError> {
        Ok(match objective {
            Objective::Parameters => self.network.parameters(architecture)? as f64,
            Objective::Flops => self.network.flops(architecture)? as f64,
            other => {
                return Err(SearchError::Objective { objective: other, reason: "it is measured, not computed".into() });
            }
        })
    }

    /// An exact objective as a metapredictor, with its least and largest value. Both counts of NAS-Bench-201 are sums over
    /// its edges, so the costs of choices are differences from the cell without any operation.
    ///
    /// # Errors
    /// Where the objective is not exact.
    pub fn exact_predictor(
        &self,
        store: &mut Store,
        objective: Objective,
    ) -> Result<(Metapredictor, (f64, f64)), SearchError> {
        let decisions = self.space.decisions().len();
        let with = |changed: Option<(usize, u16)>| {
            let mut choices = vec![0u16; decisions];
            if let Some((decision, choice)) = changed {
                choices[decision] = choice;
            }
            self.exact(objective, &Architecture::new(choices))
        };
        let base = with(None)?;
        let mut costs = Vec::new();
        let mut largest = base;
        for (decision, choices) in self.space.decisions().iter().enumerate() {
            let own = (0..choices.choices.len())
                .map(|choice| Ok(with(Some((decision, choice as u16)))? - base))
                .collect::<Result<Vec<f64>, SearchError>>()?;
            largest += own.iter().copied().fold(0.0, f64::max);
            costs.extend(own.iter().map(|cost| *cost as f32));
        }
        let name = objective.name();
        let total = costs.len();
        let costs = store.add(format!("{name}.costs"), &[total, 1], Role::Constant, Initial::Data(costs));
        let constant = store.add(format!("{name}.base"), &[1], Role::Constant, Initial::Value(base as f32));
        Ok((Metapredictor::Exact { costs, base: constant }, (base, largest)))
    }
}

/// The device that a configuration names, or the default.
///
/// # Errors
/// Where no device answers to the name.
pub fn device_of(configuration: &Configuration) -> Result<DeviceFacts, SearchError> {
    Ok(device::choose(configuration.device.as_deref())?)
}

/// A fresh hypernetwork.
pub fn hypernetwork(store: &mut Store, configuration: &Configuration, features: usize, total: usize) -> Hypernetwork {
    match configuration.hypernetwork {
        HypernetworkKind::Smooth => Hypernetwork::Smooth(SmoothHypernetwork::new(
            store,
            configuration.objectives.len(),
            features,
            configuration.hidden,
            total,
        )),
        HypernetworkKind::Bank => {
            Hypernetwork::Bank(BankHypernetwork::new(store, BankOptions { tables: 50, features, total, sine: true }))
        }
    }
}

/// The options of a step, with the sampler at `temperature`.
pub fn step_options(configuration: &Configuration, temperature: f64) -> StepOptions {
    let steps = configuration.steps as u32;
    let rows = configuration.weight_architectures;
    StepOptions {
        seed: configuration.seed,
        preferences_per_device: configuration.preferences_per_device,
        weight_architectures: rows,
        uniform_architectures: (configuration.uniform_share * rows as f64).round() as usize,
        warmup_steps: configuration.warmup_steps as u32,
        sampler: match configuration.sampler {
            Sampler::ReinMax => SampleKind::ReinMax,
            Sampler::Gdas => SampleKind::Gdas,
            Sampler::Gumbel => SampleKind::Gumbel,
            Sampler::Softmax => SampleKind::Softmax,
        },
        temperature: temperature as f32,
        unselected: match configuration.unselected_gradient {
            UnselectedGradient::Published => Unselected::Published,
            UnselectedGradient::Zero => Unselected::Zero,
            UnselectedGradient::Exact => Unselected::Exact,
        },
        update: match configuration.hpn_grad_update_method {
            GradientUpdate::MultipleGradientDescent => DeviceUpdate::MinNorm,
            GradientUpdate::Mean => DeviceUpdate::Mean,
            GradientUpdate::Sequential => DeviceUpdate::Sequential,
            GradientUpdate::Sample => DeviceUpdate::Sampled,
        },
        scalarisation: configuration.scalarisation,
        label_smoothing: configuration.label_smoothing as f32,
        exploration: configuration.exploration as f32,
        sgd: SgdOptions {
            schedule: Schedule {
                base: configuration.learning_rate as f32,
                minimum: configuration.learning_rate_min as f32,
                warmup: 0,
                total: steps,
                kind: ScheduleKind::Cosine,
            },
            momentum: configuration.momentum as f32,
            weight_decay: configuration.weight_decay as f32,
            nesterov: configuration.nesterov,
        },
        clip: configuration.grad_clip as f32,
        adam: AdamOptions {
            schedule: Schedule {
                base: configuration.arch_learning_rate as f32,
                minimum: configuration.arch_learning_rate_min as f32,
                warmup: 0,
                total: steps.saturating_sub(configuration.warmup_steps as u32).max(1),
                kind: match configuration.arch_learning_rate == configuration.arch_learning_rate_min {
                    true => ScheduleKind::Constant,
                    false => ScheduleKind::Cosine,
                },
            },
            betas: (configuration.arch_betas[0] as f32, configuration.arch_betas[1] as f32),
            epsilon: 1e-8,
            weight_decay: configuration.arch_weight_decay as f32,
            decoupled: false,
        },
    }
}

/// How the loss is scaled.
pub fn loss_scaling(configuration: &Configuration) -> LossScaling {
    match configuration.scaling {
        Scaling::Running => LossScaling::Running,
        Scaling::Fixed => LossScaling::Fixed,
        Scaling::Published => LossScaling::Published,
    }
}

/// The temperature of a step: from the first to the last value, in plateaus, since it is part of the plan.
pub fn temperature(configuration: &Configuration, step: u64) -> f64 {
    const PLATEAUS: f64 = 10.0;
    match configuration.sampler {
        Sampler::ReinMax | Sampler::Softmax => 1.0,
        Sampler::Gdas | Sampler::Gumbel => {
            let done = (step as f64 / configuration.steps.max(1) as f64 * PLATEAUS).floor() / (PLATEAUS - 1.0);
            configuration.tau_max + (configuration.tau_min - configuration.tau_max) * done.min(1.0)
        }
    }
}
