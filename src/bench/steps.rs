//! Whole steps: of a relaxed supernet, and of a search.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{Schedule, Unselected};

use super::case::{Build, Case};
use super::{BenchError, Workload};
use crate::graph::{Graph, GraphError, Initial, Persistent, Role, SgdOptions, SgdState, Store};
use crate::nn::{Normalisation, Shared, Supernet};
use crate::search::config::{Configuration, Precision};
use crate::search::rehearsal::{Rehearsal, noise};
use crate::search::setup::RunSpace;
use crate::space::nas_bench_201::{EDGES, NasBench201, NasBench201Config, NasBench201Supernet};

/// Images of a batch.
const BATCH: usize = 64;

const fn step(name: &'static str, build: fn(&'static str, &DeviceFacts) -> Result<Workload, BenchError>) -> Case {
    Case { name, build: Build::Step(build) }
}

/// Every step, one line each.
pub(super) static STEPS: [Case; 4] = [
    step("supernet step", |case, _| supernet().map_err(|source| BenchError::Graph { case, source: Box::new(source) })),
    step("modnas step A13", |case, facts| modnas(case, facts, 13, Precision::F32)),
    step("modnas step A1", |case, facts| modnas(case, facts, 1, Precision::F32)),
    step("modnas step A1 f16", |case, facts| modnas(case, facts, 1, Precision::F16)),
];

/// NAS-Bench-201 on CIFAR-10 with one cell a stage.
const NETWORK: NasBench201Config =
    NasBench201Config { channels: 16, cells_per_stage: 1, image_channels: 3, height: 32, width: 32, classes: 10 };

/// A step of one relaxed supernet: every operation on every edge, weighted by a softmax over logits that all cells share; the
/// cross-entropy, its gradient with respect to all weights and the logits, and SGD with momentum on both.
fn supernet() -> Result<Workload, GraphError> {
    let mut store = Store::new(0);
    let supernet = NasBench201Supernet::new(&mut store, &NETWORK, false);
    let logits = store.parameter("logits", &[EDGES.len(), 5], Initial::Normal(1e-3));
    let image = [NETWORK.image_channels, NETWORK.height, NETWORK.width].map(|extent| extent as usize);
    let images = store.add("images", &[1, BATCH, image[0], image[1], image[2]], Role::Exchange, Initial::Value(0.0));
    let labels = store.add("labels", &[BATCH], Role::Exchange, Initial::Value(0.0));
    let clock = store.add("clock", &[2], Role::State, Initial::Value(0.0));
    let parameters: Vec<Persistent> =
        supernet.trunk_parameters().into_iter().chain(supernet.body_parameters()).chain([logits.clone()]).collect();
    let sgd = SgdState::new(&mut store, &parameters);

    let mut graph = Graph::new();
    let norm = &mut Normalisation::batch();
    let trunk = Shared::new(&mut graph, &supernet.trunk_parameters(), 1)?;
    let body = Shared::new(&mut graph, &supernet.body_parameters(), 1)?;
    let x = graph.input(&images);
    let x = supernet.trunk(&mut graph, &trunk, x, norm)?;
    let weights = graph.input(&logits);
    let weights = graph.softmax(weights, false)?;
    let weights = graph.reshape(weights, &[1, EDGES.len() * 5])?;
    let answers = supernet.body(&mut graph, &body, x, weights, Unselected::Exact, norm)?;
    let truth = graph.input(&labels);
    let loss = graph.cross_entropy(answers, truth, 0.0)?;
    let seed = graph.fill(&[1, BATCH], 1.0 / BATCH as f32);
    let wanted = parameters.iter().map(|parameter| graph.input(parameter)).collect::<Vec<_>>();
    let gradients = graph.gradients(&[(loss, seed)], &wanted)?;
    let steps: Vec<_> = parameters.into_iter().zip(gradients).collect();
    let clip = graph.fill(&[1], 1.0);
    let now = graph.input(&clock);
    // The weights stay as they are: of a batch learnt by heart the numbers are others, and some almost zero.
    let schedule = Schedule::constant(1e-12);
    graph.sgd(&sgd, &steps, clip, now, &SgdOptions { schedule, momentum: 0.9, weight_decay: 3e-4, nesterov: false })?;
    graph.tick(&clock);
    let plan = graph.compile("supernet step", store.buffers())?;

    let mut workload = Workload::new(store, plan);
    let labels_of: Vec<u32> = (0..BATCH as u32).map(|image| image * 7 % NETWORK.classes).collect();
    workload.feed =
        vec![(images.clone(), noise(images.elements())), (labels, bytemuck::cast_slice(&labels_of).to_vec())];
    Ok(workload)
}

/// A whole step of MODNAS with the published hyper-parameters, for `devices` devices: the hypernetwork on one preference each, and
/// the weights on as many architectures. A sample is 13 device's worth of steps whatever their number, so that it always draws as
/// many architectures.
fn modnas(
    case: &'static str,
    facts: &DeviceFacts,
    devices: usize,
    precision: Precision,
) -> Result<Workload, BenchError> {
    let configuration = Configuration {
        cells_per_stage: NETWORK.cells_per_stage as usize,
        batch_size: BATCH,
        precision,
        preferences_per_device: 1,
        weight_architectures: devices,
        ..Configuration::preset("modnas-nb201").unwrap_or_default()
    };
    let space = RunSpace { space: NasBench201::new(), network: NETWORK };
    let rehearsal = Rehearsal::new(&configuration, &space, devices, facts)
        .map_err(|source| BenchError::Step { case, source: Box::new(source) })?;
    Ok(Workload::of_step(rehearsal, 13 / devices as u32))
}

impl Workload {
    /// A step of a search, every sample of which draws the same architectures.
    pub fn of_step(rehearsal: Rehearsal, replays: u32) -> Self {
        let (feed, rewind) = (rehearsal.feed(), vec![rehearsal.clock().clone()]);
        Self { feed, rewind, replays, ..Self::new(rehearsal.store, rehearsal.plan) }
    }
}
