//! A step of a search without the search: untrained networks, made-up devices, images that are noise. Its plan is that of the
//! search, so are its time and its memory, and nothing has to be measured, trained or read first.

use parnas_kernels::{DeviceFacts, Plan};

use super::SearchError;
use super::config::{Configuration, Precision};
use super::memory::{self, Budget};
use super::objectives::Objectives;
use super::setup::{self, RunSpace};
use super::step::{Dimensions, Networks, StepState};
use crate::graph::{Persistent, Store};
use crate::hardware::REFERENCE_COUNT;
use crate::hyper::{GraphPredictor, Metapredictor};
use crate::pareto::objective::Objective;
use crate::space::SearchSpace;
use crate::space::nas_bench_201::{NasBench201Supernet, cell_graph};

/// A step and its tensors.
#[derive(Debug)]
pub struct Rehearsal {
    /// All tensors.
    pub store: Store,
    /// The step, in as few chunks as memory and the device's limits allow.
    pub plan: Plan,
    /// Those chunks.
    pub chunks: usize,
    state: StepState,
    classes: usize,
}

impl Rehearsal {
    /// A step of the search of `configuration` in `space` for `devices` devices, on the device of `facts`. Weights do not learn:
    /// noise learnt by heart has other numbers, and the CPU takes twice the time for numbers that are almost zero.
    ///
    /// # Errors
    /// Where the networks do not fit the images, or not even one architecture at a time fits into memory.
    pub fn new(
        configuration: &Configuration,
        space: &RunSpace,
        devices: usize,
        facts: &DeviceFacts,
    ) -> Result<Self, SearchError> {
        const STILL: f64 = 1e-12;
        let configuration = Configuration {
            warmup_steps: 0,
            learning_rate: STILL,
            learning_rate_min: STILL,
            arch_learning_rate: STILL,
            ..configuration.clone()
        };
        let network = &space.network;
        let mut store = Store::new(configuration.seed);
        let supernet = NasBench201Supernet::new(&mut store, network, configuration.entangled);
        let features: Vec<Vec<f32>> = (0..devices).map(made_up_features).collect();
        let hypernetwork = setup::hypernetwork(&mut store, &configuration, REFERENCE_COUNT, space.space.width());
        let mut predictors = Vec::new();
        let mut ranges = vec![Vec::new(); devices];
        for objective in &configuration.objectives[1..] {
            let (predictor, range) = if matches!(objective, Objective::Parameters | Objective::Flops) {
                space.exact_predictor(&mut store, *objective)?
            } else {
                let name = format!("predictor.{}", objective.name());
                let predictor = GraphPredictor::new(&mut store, &name, &cell_graph(), REFERENCE_COUNT);
                (Metapredictor::Graph(predictor), (0.5, 2.0))
            };
            predictors.push(predictor);
            ranges.iter_mut().for_each(|ranges| ranges.push(range));
        }
        let per = configuration.preferences_per_device;
        let classes = network.classes as usize;
        let objectives = Objectives::new(&mut store, setup::loss_scaling(&configuration), classes, &ranges, per);
        let networks = Networks { supernet: &supernet, hypernetwork: &hypernetwork, predictors: &predictors };
        let dimensions = Dimensions {
            batches: (setup::arch_batch_size(&configuration), configuration.batch_size),
            image: [network.image_channels as usize, network.height as usize, network.width as usize],
            offsets: space.space.offsets(),
            features: &features,
            upper_rows: devices * per,
            lower_rows: configuration.weight_architectures,
            halves: configuration.precision == Precision::F16,
        };
        let rows = dimensions.upper_rows.max(dimensions.lower_rows);
        let state = StepState::new(&mut store, &networks, &dimensions, objectives);
        let options = setup::step_options(&configuration, setup::temperature(&configuration, 0));
        let budget = Budget::of(&configuration, facts);
        let (plan, chunks) =
            memory::fitting_plan(&|parts| state.plan(&store, &networks, &options, parts), &store, rows, budget)?;
        Ok(Self { store, plan, chunks, state, classes })
    }

    /// What its images and labels are to hold: noise, and any. Labels are whole numbers, as bits.
    pub fn feed(&self) -> Vec<(Persistent, Vec<f32>)> {
        [&self.state.upper, &self.state.lower]
            .into_iter()
            .flat_map(|(images, labels)| {
                let of = |image: usize| f32::from_bits((image * 7 % self.classes) as u32);
                let answers = (0..labels.elements()).map(of).collect();
                [(images.clone(), noise(images.elements())), (labels.clone(), answers)]
            })
            .collect()
    }

    /// The steps done, which all draws are functions of: set back to 0, the step draws the same architectures again.
    pub fn clock(&self) -> &Persistent {
        self.state.clock()
    }
}

/// Features as those of a device's ten references, between 0 and 1.
fn made_up_features(device: usize) -> Vec<f32> {
    (0..REFERENCE_COUNT).map(|place| ((place * 5 + device * 3) % 11) as f32 / 10.0).collect()
}

/// Numbers in [-1, 1).
pub fn noise(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}
