//! A run in memory: its networks on a device, with the weights of a checkpoint or fresh ones.

use std::collections::BTreeMap;

use parnas_kernels::{DeviceFacts, Prepared};

use super::SearchError;
use super::config::{Configuration, Precision};
use super::device::Device;
use super::memory::{self, Budget};
use super::objectives::Objectives;
use super::predictors::{check_predictor, predicted_ranges, rows_of};
use super::results::PredictorCheck;
use super::setup::{self, RunData, RunSpace};
use super::step::{Dimensions, Networks, StepState};
use crate::graph::{AdamState, Graph, Initial, Role, Runtime, Store};
use crate::hardware::DeviceProfile;
use crate::hyper::{GraphPredictor, Hypernetwork, Metapredictor, PredictorFit, PredictorOptions, fit_predictor};
use crate::nn::{Shared, Supernet, WeightSharing};
use crate::pareto::objective::Objective;
use crate::space::nas_bench_201::{NasBench201Supernet, cell_graph};
use crate::space::{Architecture, SearchSpace};

/// The tensors of a checkpoint by name.
pub type Snapshot = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// One hardware objective of a run.
#[derive(Debug)]
pub struct Hardware {
    /// Which.
    pub objective: Objective,
    /// The trained predictor; none where the objective is exact.
    pub fit: Option<PredictorFit>,
    /// How it does on cells that it did not see, a device each.
    pub checks: Vec<PredictorCheck>,
}

/// A run in memory.
#[derive(Debug)]
pub struct Session {
    /// Its configuration.
    pub configuration: Configuration,
    /// Its images.
    pub data: RunData,
    /// Its space.
    pub space: RunSpace,
    /// The devices that it searches for.
    pub profiles: Vec<DeviceProfile>,
    /// The device that computes.
    pub facts: DeviceFacts,
    /// All tensors.
    pub store: Store,
    /// Their memory.
    pub runtime: Runtime,
    /// The weight-sharing network.
    pub supernet: NasBench201Supernet,
    /// The hypernetwork.
    pub hypernetwork: Hypernetwork,
    /// The hardware objectives, in order.
    pub hardware: Vec<Hardware>,
    /// The state of a step.
    pub state: StepState,
    predictors: Vec<Metapredictor>,
    /// The devices as the networks see them, in the order of the profiles.
    pub devices: Vec<Device>,
}

impl Session {
    /// Builds a run for `profiles`: trains the metapredictors, or takes all weights from `snapshot`. `progress` is told what
    /// is done, how many steps of how many; it returns whether to go on.
    ///
    /// # Errors
    /// Where data, device or profiles do not serve the configuration.
    pub fn build(
        configuration: Configuration,
        profiles: Vec<DeviceProfile>,
        snapshot: Option<&Snapshot>,
        progress: &mut dyn FnMut(&str, u64, u64) -> bool,
    ) -> Result<Self, SearchError> {
        let data = RunData::open(&configuration)?;
        let space = RunSpace::new(&configuration, &data.dataset)?;
        let facts = setup::device_of(&configuration)?;
        let mut store = Store::new(configuration.seed);
        let supernet = NasBench201Supernet::new(&mut store, &space.network, configuration.entangled);
        let devices = profiles
            .iter()
            .map(|profile| Device::new(profile, &configuration.objectives))
            .collect::<Result<Vec<_>, _>>()?;
        let features: Vec<Vec<f32>> = devices.iter().map(|device| device.features.clone()).collect();
        let width = features.first().map_or(0, Vec::len);
        let total = space.space.width();
        let hypernetwork = setup::hypernetwork(&mut store, &configuration, width, total);
        let mut runtime = Runtime::new(&facts, configuration.threads, &store)?;

        let objectives = configuration.objectives[1..].to_vec();
        let mut predictors = Vec::new();
        let mut hardware = Vec::new();
        let mut ranges = vec![Vec::new(); profiles.len()];
        for objective in objectives {
            if matches!(objective, Objective::Parameters | Objective::Flops) {
                let (predictor, range) = space.exact_predictor(&mut store, objective)?;
                predictors.push(predictor);
                hardware.push(Hardware { objective, fit: None, checks: Vec::new() });
                ranges.iter_mut().for_each(|ranges| ranges.push(range));
                continue;
            }
            let name = format!("predictor.{}", objective.name());
            let predictor = GraphPredictor::new(&mut store, &name, &cell_graph(), width);
            runtime.extend(&store)?;
            if let Some(snapshot) = snapshot {
                for parameter in predictor.parameters() {
                    runtime.restore(&parameter, snapshot)?;
                }
            }
            let (training, held_out) = rows_of(&space, &profiles, &devices, objective)?;
            let options = PredictorOptions {
                steps: if snapshot.is_some() { 0 } else { configuration.predictor_steps as u32 },
                batch: configuration.predictor_batch,
                learning_rate: configuration.predictor_learning_rate as f32,
                weight_decay: 1e-4,
                mixtures: configuration.predictor_mixtures,
                seed: configuration.seed,
            };
            let steps = u64::from(options.steps);
            let mut interrupted = false;
            let fit = fit_predictor(&mut runtime, &mut store, &name, &predictor, &training, options, |step, loss| {
                let text = format!("{} predictor, loss {loss:.4}", objective.name());
                interrupted |= !progress(&text, u64::from(step), steps);
                !interrupted
            })?;
            if interrupted {
                return Err(SearchError::Interrupted);
            }
            let checks = check_predictor(&mut runtime, &fit, &devices, &held_out, objective)?;
            for (ranges, range) in ranges.iter_mut().zip(predicted_ranges(&mut runtime, &fit, &space, &devices)?) {
                ranges.push(range);
            }
            predictors.push(Metapredictor::Graph(predictor));
            hardware.push(Hardware { objective, fit: Some(fit), checks });
        }

        let classes = data.dataset.classes;
        let objectives = Objectives::new(
            &mut store,
            setup::loss_scaling(&configuration),
            classes,
            &ranges,
            configuration.preferences_per_device,
        );
        let state = {
            let networks = Networks { supernet: &supernet, hypernetwork: &hypernetwork, predictors: &predictors };
            let dimensions = Dimensions {
                batches: (setup::arch_batch_size(&configuration), configuration.batch_size),
                image: data.image(),
                offsets: space.space.offsets(),
                features: &features,
                upper_rows: profiles.len() * configuration.preferences_per_device,
                lower_rows: configuration.weight_architectures,
                halves: configuration.precision == Precision::F16,
            };
            StepState::new(&mut store, &networks, &dimensions, objectives)
        };
        runtime.extend(&store)?;
        let mut session = Self {
            configuration,
            data,
            space,
            profiles,
            facts,
            store,
            runtime,
            supernet,
            hypernetwork,
            hardware,
            state,
            predictors,
            devices,
        };
        if let Some(snapshot) = snapshot {
            let tensors: Vec<_> = session.store.checkpointed().cloned().collect();
            for tensor in tensors {
                session.runtime.restore(&tensor, snapshot)?;
            }
        }
        Ok(session)
    }

    /// The networks of a step.
    pub fn networks(&self) -> Networks<'_> {
        Networks { supernet: &self.supernet, hypernetwork: &self.hypernetwork, predictors: &self.predictors }
    }

    /// The plan of a step at a temperature, in as few chunks as memory and the device's limits allow.
    ///
    /// # Errors
    /// Where not even one architecture at a time fits.
    pub fn step_plan(&self, temperature: f64) -> Result<(parnas_kernels::Plan, usize), SearchError> {
        let options = setup::step_options(&self.configuration, temperature);
        let rows = (self.profiles.len() * options.preferences_per_device).max(options.weight_architectures);
        let budget = Budget::of(&self.configuration, &self.facts);
        let networks = self.networks();
        let planner = |parts| self.state.plan(&self.store, &networks, &options, parts);
        memory::fitting_plan(&planner, &self.store, rows, budget)
    }

    /// The plan of a step of the warm-up, in as few chunks as memory and the device's limits allow.
    ///
    /// # Errors
    /// Where not even one architecture at a time fits.
    pub fn warmup_plan(&self) -> Result<(parnas_kernels::Plan, usize), SearchError> {
        let options = setup::step_options(&self.configuration, 1.0);
        let budget = Budget::of(&self.configuration, &self.facts);
        let networks = self.networks();
        let planner = |parts| self.state.warmup_plan(&self.store, &networks, &options, parts);
        memory::fitting_plan(&planner, &self.store, options.weight_architectures, budget)
    }

    /// Brings every answer of the hypernetwork close to uniform.
    ///
    /// # Errors
    /// Where the device fails, or `progress` says no.
    pub fn pretrain(&mut self, progress: &mut dyn FnMut(&str, u64, u64) -> bool) -> Result<(), SearchError> {
        let steps = self.configuration.pretraining_steps as u64;
        if steps == 0 {
            return Ok(());
        }
        let options = setup::step_options(&self.configuration, 1.0);
        // The moments are not those of the search, and nobody needs them afterwards.
        let mut store = self.store.clone();
        let adam = AdamState::passing(&mut store, &self.hypernetwork.parameters());
        let clock = store.add("pretraining_clock", &[2], Role::Exchange, Initial::Value(0.0));
        let plan = self.state.pretraining_plan(&store, &self.hypernetwork, &options, &adam, &clock)?;
        self.store = store;
        self.runtime.extend(&self.store)?;
        let prepared = self.runtime.prepare(&plan)?;
        for step in 0..steps {
            self.runtime.run(&prepared)?;
            if step % 50 == 49 {
                self.runtime.executor.wait()?;
                if !progress("hypernetwork towards uniform", step + 1, steps) {
                    return Err(SearchError::Interrupted);
                }
            }
        }
        Ok(())
    }

    /// The hypernetwork's architectures for a device's features at each preference: the largest logit of each decision.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn answers(&mut self, features: &[f32], preferences: &[Vec<f64>]) -> Result<Vec<Architecture>, SearchError> {
        let logits = self.logits(features, preferences)?;
        logits.iter().map(|row| Ok(self.space.space.argmax(row)?)).collect()
    }

    /// The hypernetwork's logits for a device's features at each preference, `[total]` each.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn logits(&mut self, features: &[f32], preferences: &[Vec<f64>]) -> Result<Vec<Vec<f32>>, SearchError> {
        let rows = preferences.len();
        let width = self.configuration.objectives.len();
        let flat: Vec<f32> = preferences.iter().flatten().map(|value| *value as f32).collect();
        let repeated: Vec<f32> = (0..rows).flat_map(|_| features.iter().copied()).collect();
        let name = |part: &str| format!("answers.{part}.{rows}");
        let mut tensor = |part: &str, shape: &[usize]| match self.store.get(&name(part)) {
            Some(known) => known.clone(),
            None => self.store.add(name(part), shape, Role::Exchange, Initial::Value(0.0)),
        };
        let asked = tensor("preferences", &[rows, width]);
        let device = tensor("features", &[rows, features.len()]);
        let logits_out = tensor("logits", &[rows, self.space.space.width()]);
        let mut graph = Graph::new();
        let shared = Shared::new(&mut graph, &self.hypernetwork.parameters(), rows)?;
        let (p, f) = (graph.input(&asked), graph.input(&device));
        let logits = self.hypernetwork.apply(&mut graph, &shared, p, f)?;
        graph.store(logits, &logits_out)?;
        let plan = graph.compile("answers", self.store.buffers())?;
        self.runtime.extend(&self.store)?;
        self.runtime.write(&asked, &flat)?;
        self.runtime.write(&device, &repeated)?;
        let prepared: Prepared = self.runtime.prepare(&plan)?;
        self.runtime.run(&prepared)?;
        let logits = self.runtime.read(&logits_out)?;
        Ok(logits.chunks(self.space.space.width()).map(<[f32]>::to_vec).collect())
    }

    /// The hardware objectives of architectures on a device, in their units.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn predict(&mut self, device: &Device, architectures: &[Architecture]) -> Result<Vec<Vec<f64>>, SearchError> {
        let mut all = vec![Vec::new(); architectures.len()];
        for hardware in &self.hardware {
            match &hardware.fit {
                None => {
                    for (row, architecture) in all.iter_mut().zip(architectures) {
                        row.push(self.space.exact(hardware.objective, architecture)?);
                    }
                }
                Some(fit) => {
                    let encodings: Vec<Vec<f32>> =
                        architectures.iter().map(|architecture| self.space.space.encode(architecture)).collect();
                    let rows: Vec<(&[f32], &[f32])> =
                        encodings.iter().map(|encoding| (encoding.as_slice(), device.features.as_slice())).collect();
                    let predicted = fit.predict(&mut self.runtime, &rows)?;
                    let block = device.block(hardware.objective)?;
                    for (row, logarithm) in all.iter_mut().zip(predicted) {
                        row.push(block.value(f64::from(logarithm)));
                    }
                }
            }
        }
        Ok(all)
    }
}

/// Supernet and space as the evaluator takes them.
impl Session {
    /// The weight-sharing network.
    pub fn supernet(&self) -> &dyn Supernet {
        &self.supernet
    }
}
