//! Training a metapredictor on measured values, and asking it.

use parnas_kernels::Prepared;
use parnas_kernels::ops::{Function, Schedule, ScheduleKind};

use super::GraphPredictor;
use super::mixture::Draws;
use crate::graph::{AdamOptions, AdamState, Graph, GraphError, Initial, Persistent, Role, Runtime, Store};
use crate::nn::{Shared, WeightSharing};

/// An architecture with its measured values: its one-hot encoding, and for each device that has a value the device's place and
/// the value's [target](crate::hardware::ObjectiveBlock::target), `ln(value / geometric mean of the device's references)`.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictorRow {
    /// `[total]`.
    pub encoding: Vec<f32>,
    /// Places in [`PredictorData::features`], each once, and logarithms; never empty.
    pub targets: Vec<(usize, f32)>,
}

/// What a predictor learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictorData {
    /// Architectures with their values.
    pub rows: Vec<PredictorRow>,
    /// The features of each device: for each objective the logarithms of its references relative to their geometric mean.
    pub features: Vec<Vec<f32>>,
    /// References of an objective.
    pub references: usize,
    /// The place of the predicted objective among the blocks of the features.
    pub block: usize,
}

/// How a predictor is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictorOptions {
    /// Steps.
    pub steps: u32,
    /// Rows a step, drawn with replacement.
    pub batch: usize,
    /// Adam's learning rate, decayed to zero along a cosine.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Whether it also learns from mixtures of devices, so that it answers for devices that it never saw.
    pub mixtures: bool,
    /// The seed of the draws.
    pub seed: u64,
}

/// A predictor trained and ready to be asked.
#[derive(Debug)]
pub struct PredictorFit {
    weights: Persistent,
    features: Persistent,
    output: Persistent,
    predict: Prepared,
    batch: usize,
}

/// Trains `predictor` on `data` by the mean squared error of the logarithms. `progress` is told each step's loss now and
/// then; it returns whether to go on.
///
/// # Errors
/// Where the graph or the device fails.
pub fn fit_predictor(
    runtime: &mut Runtime,
    store: &mut Store,
    name: &str,
    predictor: &GraphPredictor,
    data: &PredictorData,
    options: PredictorOptions,
    mut progress: impl FnMut(u32, f32) -> bool,
) -> Result<PredictorFit, GraphError> {
    let total = data.rows.first().map_or(0, |row| row.encoding.len());
    let width = data.features.first().map_or(0, Vec::len);
    let batch = options.batch;
    let mut exchange =
        |part: &str, shape: &[usize]| store.add(format!("{name}.{part}"), shape, Role::Exchange, Initial::Value(0.0));
    let weights = exchange("batch_weights", &[batch, total]);
    let features = exchange("batch_features", &[batch, width]);
    let targets = exchange("batch_targets", &[batch]);
    let output = exchange("batch_output", &[batch]);
    let loss_out = exchange("batch_loss", &[1]);
    let clock = exchange("clock", &[2]);

    let mut graph = Graph::new();
    let shared = Shared::new(&mut graph, &predictor.parameters(), 1)?;
    let (w, f, t) = (graph.input(&weights), graph.input(&features), graph.input(&targets));
    let predicted = predictor.apply(&mut graph, &shared, w, f)?;
    let error = graph.subtract(predicted, t)?;
    let squared = graph.unary(Function::Square, error)?;
    let loss = graph.mean(squared, 0)?;
    let loss = graph.reshape(loss, &[1])?;
    graph.store(loss, &loss_out)?;
    let one = graph.fill(&[1], 1.0);
    let gradients = graph.gradients(&[(loss, one)], shared.tensors())?;
    let steps: Vec<_> = predictor.parameters().into_iter().zip(gradients.iter().copied()).collect();
    let clip = graph.clip_factor(&gradients, 5.0)?;
    let schedule = Schedule {
        base: options.learning_rate,
        minimum: 0.0,
        warmup: 0,
        total: options.steps,
        kind: ScheduleKind::Cosine,
    };
    let adam = AdamOptions {
        schedule,
        betas: (0.9, 0.999),
        epsilon: 1e-8,
        weight_decay: options.weight_decay,
        decoupled: true,
    };
    let state = AdamState::passing(store, &predictor.parameters());
    let now = graph.input(&clock);
    graph.adam(&state, &steps, clip, now, &adam)?;
    graph.tick(&clock);
    let train = graph.compile(&format!("train {name}"), store.buffers())?;

    let mut graph = Graph::new();
    let shared = Shared::new(&mut graph, &predictor.parameters(), 1)?;
    let (w, f) = (graph.input(&weights), graph.input(&features));
    let predicted = predictor.apply(&mut graph, &shared, w, f)?;
    graph.store(predicted, &output)?;
    let predict = graph.compile(&format!("predict {name}"), store.buffers())?;

    runtime.extend(store)?;
    let train = runtime.prepare(&train)?;
    let predict = runtime.prepare(&predict)?;
    let draws = Draws::new(data, options.seed, options.mixtures);
    let (mut x, mut d, mut y) = (vec![0.0; batch * total], vec![0.0; batch * width], vec![0.0; batch]);
    for step in 0..if data.rows.is_empty() { 0 } else { options.steps } {
        for place in 0..batch {
            let own = &mut d[place * width..(place + 1) * width];
            let (encoding, target) = draws.row(step, place as u32, own);
            x[place * total..(place + 1) * total].copy_from_slice(encoding);
            y[place] = target;
        }
        runtime.write(&weights, &x)?;
        runtime.write(&features, &d)?;
        runtime.write(&targets, &y)?;
        runtime.run(&train)?;
        if step % 50 == 49 || step + 1 == options.steps {
            let loss = runtime.read(&loss_out)?[0];
            if !progress(step + 1, loss) {
                break;
            }
        }
    }
    Ok(PredictorFit { weights, features, output, predict, batch })
}

impl PredictorFit {
    /// The predicted logarithm for each pair of an encoding and a device's features.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn predict(&self, runtime: &mut Runtime, rows: &[(&[f32], &[f32])]) -> Result<Vec<f32>, parnas_kernels::Error> {
        let (total, width) = (self.weights.elements() / self.batch, self.features.elements() / self.batch);
        let mut predicted = Vec::with_capacity(rows.len());
        for group in rows.chunks(self.batch) {
            let (mut x, mut d) = (vec![0.0; self.batch * total], vec![0.0; self.batch * width]);
            for (place, (encoding, features)) in group.iter().enumerate() {
                x[place * total..(place + 1) * total].copy_from_slice(encoding);
                d[place * width..(place + 1) * width].copy_from_slice(features);
            }
            runtime.write(&self.weights, &x)?;
            runtime.write(&self.features, &d)?;
            runtime.run(&self.predict)?;
            predicted.extend_from_slice(&runtime.read(&self.output)?[..group.len()]);
        }
        Ok(predicted)
    }
}
