//! Loss and accuracy of architectures by the supernet's weights, with batch-norm statistics recalibrated for each.

use std::collections::HashMap;

use parnas_kernels::Prepared;
use parnas_kernels::ops::Unselected;

use crate::data::{BatchLoader, DataError};
use crate::graph::{Graph, GraphError, Initial, Persistent, Role, Runtime, Store};
use crate::nn::{Normalisation, Shared, StatisticsStore, Supernet};
use crate::space::{Architecture, SearchSpace};

/// What an architecture reaches on a set of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of correct answers.
    pub accuracy: f64,
}

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The device.
    #[error(transparent)]
    Kernel(#[from] parnas_kernels::Error),
    /// The images.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Evaluates several architectures at once. Statistics are those of one pass over a fixed set of training images, so that
/// an architecture's loss depends neither on the evaluation batch nor on its neighbours.
#[derive(Debug)]
pub struct Evaluator {
    architectures: usize,
    choices: Persistent,
    calibration_images: Persistent,
    images: Persistent,
    labels: Persistent,
    mask: Persistent,
    losses: Persistent,
    correct: Persistent,
    calibrate: Prepared,
    evaluate: Prepared,
    known: HashMap<Architecture, Evaluation>,
}

impl Evaluator {
    /// Plans for `architectures` at once, recalibrated on the first batch of `calibration` and scored in batches of `batch`.
    /// `image` is `[channels, height, width]`.
    ///
    /// # Errors
    /// Where the plans do not fit the device.
    pub fn new(
        runtime: &mut Runtime,
        store: &mut Store,
        supernet: &dyn Supernet,
        space: &dyn SearchSpace,
        architectures: usize,
        image: [usize; 3],
        calibration: &BatchLoader,
        batch: usize,
    ) -> Result<Self, EvaluatorError> {
        let [channels, height, width] = image;
        let mut exchange = |name: &str, shape: &[usize]| {
            store.add(format!("evaluator.{name}"), shape, Role::Exchange, Initial::Value(0.0))
        };
        let groups = space.decisions().len();
        let choices = exchange("choices", &[architectures, groups]);
        let calibration_images = exchange("calibration_images", &[1, calibration.batch(), channels, height, width]);
        let images = exchange("images", &[1, batch, channels, height, width]);
        let labels = exchange("labels", &[batch]);
        let mask = exchange("mask", &[1, batch]);
        let losses = exchange("losses", &[architectures]);
        let correct = exchange("correct", &[architectures]);
        let offsets: Vec<u32> = space.offsets().iter().map(|offset| *offset as u32).collect();
        let total = offsets.last().copied().unwrap_or(0) as usize;
        let offsets = store.add("evaluator.offsets", &[offsets.len()], Role::Constant, Initial::Whole(offsets.clone()));

        let forward = |graph: &mut Graph, images: &Persistent, norm: &mut Normalisation<'_>| {
            let given = graph.input(&choices);
            let offsets = graph.input(&offsets);
            let weights = graph.given_choices(given, offsets, total)?;
            let images = graph.input(images);
            let trunk_shared = Shared::new(graph, &supernet.trunk_parameters(), 1)?;
            let trunk = supernet.trunk(graph, &trunk_shared, images, norm)?;
            let x = graph.repeat(trunk, 0, architectures)?;
            let shared = Shared::new(graph, &supernet.body_parameters(), architectures)?;
            supernet.body(graph, &shared, x, weights, Unselected::Zero, norm)
        };

        let mut kept = StatisticsStore::default();
        let mut graph = Graph::new();
        forward(&mut graph, &calibration_images, &mut Normalisation::keep(&mut kept, store))?;
        let calibrate = graph.compile("calibrate", store.buffers())?;

        let mut graph = Graph::new();
        let logits = forward(&mut graph, &images, &mut Normalisation::fixed(&kept))?;
        let truth = graph.input(&labels);
        let mask_tensor = graph.input(&mask);
        let loss = graph.cross_entropy(logits, truth, 0.0)?;
        let hits = graph.correct(logits, truth)?;
        for (value, into) in [(loss, &losses), (hits, &correct)] {
            let masked = graph.multiply(value, mask_tensor)?;
            let sum = graph.sum(masked, 1)?;
            graph.store(sum, into)?;
        }
        let evaluate = graph.compile("evaluate", store.buffers())?;

        runtime.extend(store)?;
        Ok(Self {
            architectures,
            choices,
            calibration_images,
            images,
            labels,
            mask,
            losses,
            correct,
            calibrate: runtime.prepare(&calibrate)?,
            evaluate: runtime.prepare(&evaluate)?,
            known: HashMap::new(),
        })
    }

    /// Forgets what it evaluated: the weights have changed, or other images are meant.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// The evaluation of each architecture on all images of `images`, a sequential loader. `progress` is told how many are
    /// done.
    ///
    /// # Errors
    /// Where the device or the images fail.
    pub fn evaluate(
        &mut self,
        runtime: &mut Runtime,
        space: &dyn SearchSpace,
        architectures: &[Architecture],
        calibration: &BatchLoader,
        images: &BatchLoader,
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Evaluation>, EvaluatorError> {
        let mut open: Vec<Architecture> = Vec::new();
        for architecture in architectures.iter().map(|architecture| space.canonical(architecture)) {
            if !self.known.contains_key(&architecture) && !open.contains(&architecture) {
                open.push(architecture);
            }
        }
        let mut done = architectures.len().saturating_sub(open.len());
        for group in open.chunks(self.architectures) {
            let results = self.evaluate_group(runtime, group, calibration, images)?;
            self.known.extend(group.iter().cloned().zip(results));
            done += group.len();
            progress(done);
        }
        Ok(architectures.iter().map(|architecture| self.known[&space.canonical(architecture)]).collect())
    }

    fn evaluate_group(
        &mut self,
        runtime: &mut Runtime,
        group: &[Architecture],
        calibration: &BatchLoader,
        loader: &BatchLoader,
    ) -> Result<Vec<Evaluation>, EvaluatorError> {
        // A group that is not full repeats its last member.
        let choices: Vec<u32> = (0..self.architectures)
            .flat_map(|place| group[place.min(group.len() - 1)].choices().iter().map(|choice| u32::from(*choice)))
            .collect();
        runtime.write_u32(&self.choices, &choices)?;
        let mut pixels = vec![0.0; calibration.image_values()];
        let mut labels = vec![0; calibration.batch()];
        calibration.fill(0, &mut pixels, &mut labels)?;
        runtime.write(&self.calibration_images, &pixels)?;
        runtime.run(&self.calibrate)?;

        let mut sums = vec![(0.0f64, 0.0f64); self.architectures];
        let mut pixels = vec![0.0; loader.image_values()];
        let mut labels = vec![0; loader.batch()];
        let mut count = 0;
        for batch in 0..loader.batches_per_epoch() {
            loader.fill(batch, &mut pixels, &mut labels)?;
            let rows = loader.rows(batch);
            count += rows;
            let mask: Vec<f32> = (0..loader.batch()).map(|row| if row < rows { 1.0 } else { 0.0 }).collect();
            runtime.write(&self.images, &pixels)?;
            runtime.write_u32(&self.labels, &labels)?;
            runtime.write(&self.mask, &mask)?;
            runtime.run(&self.evaluate)?;
            let (losses, hits) = (runtime.read(&self.losses)?, runtime.read(&self.correct)?);
            for (sum, (loss, hit)) in sums.iter_mut().zip(losses.iter().zip(&hits)) {
                sum.0 += f64::from(*loss);
                sum.1 += f64::from(*hit);
            }
        }
        let count = count.max(1) as f64;
        Ok(sums[..group.len()]
            .iter()
            .map(|(loss, hits)| Evaluation { loss: loss / count, accuracy: hits / count })
            .collect())
    }
}
