//! Objectives on the device: their scales, and how they become one number.

use parnas_kernels::ops::Function;

use super::step::beyond;
use crate::graph::{Graph, Initial, Persistent, Result, Role, Store, Tensor};
use crate::hyper::Metapredictor;
use crate::pareto::scalarisation::Scalarisation;

/// Steps before the running range of the loss is used.
const RAW_STEPS: u32 = 50;
/// How fast the running range follows.
const RANGE_RATE: f32 = 0.05;
/// The smallest range that a loss is divided by, in nats.
const RANGE_FLOOR: f32 = 0.1;

/// How cross-entropy is scaled for the hypernetwork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossScaling {
    /// By a running minimum and maximum over the architectures of past steps.
    Running,
    /// Not at all.
    Fixed,
    /// By the smallest and largest value so far, as published.
    Published,
}

/// The objectives of a search: cross-entropy, then hardware metrics.
#[derive(Debug)]
pub struct Objectives {
    scaling: LossScaling,
    /// Running minimum and maximum of the cross-entropy.
    range: Persistent,
    /// Steps done, as a float.
    steps: Persistent,
    /// For each row of the upper level and hardware objective the least value on the row's device.
    low: Persistent,
    /// The inverse of the range.
    inverse_span: Persistent,
    hardware: usize,
    /// One group over all devices: `[0, devices]`.
    pub(super) device_offsets: Persistent,
}

impl Objectives {
    /// The state of the scales. `ranges[device][objective]` are the predictor's least and largest relative values;
    /// `rows_per_device` rows of the upper level belong to each device, in order.
    pub fn new(
        store: &mut Store,
        scaling: LossScaling,
        classes: usize,
        ranges: &[Vec<(f64, f64)>],
        rows_per_device: usize,
    ) -> Self {
        let devices = ranges.len();
        let rows = devices * rows_per_device;
        let hardware = ranges.first().map_or(0, Vec::len);
        let column = |of: fn(&(f64, f64)) -> f64| -> Vec<f32> {
            let rows = ranges.iter().flat_map(|device| std::iter::repeat_n(device, rows_per_device));
            rows.flatten().map(|range| of(range) as f32).collect()
        };
        let low = column(|(low, _)| *low);
        let inverse = column(|(low, high)| 1.0 / (high - low).max(1e-6));
        let uniform = (classes as f32).ln();
        Self {
            scaling,
            range: store.add("loss_range", &[2], Role::State, Initial::Data(vec![0.0, uniform])),
            steps: store.add("steps", &[1], Role::State, Initial::Value(0.0)),
            low: store.add("hardware_low", &[rows, hardware], Role::Constant, Initial::Data(low)),
            inverse_span: store.add("hardware_inverse_span", &[rows, hardware], Role::Constant, Initial::Data(inverse)),
            hardware,
            device_offsets: store.add("device_offsets", &[2], Role::Constant, Initial::Whole(vec![0, devices as u32])),
        }
    }

    /// The number of objectives.
    pub fn count(&self) -> usize {
        1 + self.hardware
    }

    /// 1 from step `start` on, else 0: `[1]`.
    pub(super) fn after(&self, graph: &mut Graph, start: u32) -> Result<Tensor> {
        let steps = graph.input(&self.steps);
        beyond(graph, steps, start as f32 - 0.5)
    }

    /// Each row's hardware objectives on the row's device, scaled so that the device's range is `[0, 1]`: one `[rows]` each.
    /// The rows are those of the upper level from `first` on.
    pub(super) fn hardware(
        &self,
        graph: &mut Graph,
        predictors: &[Metapredictor],
        weights: Tensor,
        features: Tensor,
        first: usize,
    ) -> Result<Vec<Tensor>> {
        let rows = graph.shape(weights)[0];
        let (low, inverse) = (graph.input(&self.low), graph.input(&self.inverse_span));
        let (low, inverse) = (graph.slice(low, 0, first, rows)?, graph.slice(inverse, 0, first, rows)?);
        let mut all = Vec::new();
        for (place, predictor) in predictors.iter().enumerate() {
            let value = graph.scoped(format!("predictor{place}"), |graph| -> Result<Tensor> {
                let cost = predictor.cost(graph, weights, features)?;
                let column = |graph: &mut Graph, table: Tensor| {
                    let column = graph.slice(table, 1, place, 1)?;
                    graph.reshape(column, &[rows])
                };
                let (low, inverse) = (column(graph, low)?, column(graph, inverse)?);
                let above = graph.subtract(cost, low)?;
                graph.multiply(above, inverse)
            })?;
            all.push(value);
        }
        Ok(all)
    }

    /// The cross-entropy `[rows]` on the scale of the other objectives.
    pub(super) fn scale_loss(&self, graph: &mut Graph, loss: Tensor) -> Result<Tensor> {
        if self.scaling == LossScaling::Fixed {
            return Ok(loss);
        }
        let range = graph.input(&self.range);
        let low = graph.slice(range, 0, 0, 1)?;
        let high = graph.slice(range, 0, 1, 1)?;
        let span = graph.subtract(high, low)?;
        let floor = graph.fill(&[1], RANGE_FLOOR);
        let span = graph.maximum(span, floor)?;
        let above = graph.subtract(loss, low)?;
        let scaled = graph.divide(above, span)?;
        // raw + after * (scaled - raw)
        let after = self.after(graph, RAW_STEPS)?;
        let difference = graph.subtract(scaled, loss)?;
        let correction = graph.multiply(difference, after)?;
        graph.add(loss, correction)
    }

    /// Moves the range towards this step's losses `[rows]`, and counts the step.
    pub(super) fn update(&self, graph: &mut Graph, losses: Tensor) -> Result<()> {
        let range = graph.input(&self.range);
        let mut moved = Vec::new();
        for (place, largest) in [(0, false), (1, true)] {
            let old = graph.slice(range, 0, place, 1)?;
            let new = if largest { graph.largest(losses, 0)? } else { graph.smallest(losses, 0)? };
            let new = graph.reshape(new, &[1])?;
            moved.push(match (self.scaling, largest) {
                (LossScaling::Published, false) => graph.minimum(old, new)?,
                (LossScaling::Published, true) => graph.maximum(old, new)?,
                _ => {
                    let difference = graph.subtract(new, old)?;
                    let part = graph.affine(difference, RANGE_RATE, 0.0)?;
                    graph.add(old, part)?
                }
            });
        }
        let moved = graph.concat(&moved, 0)?;
        graph.store(moved, &self.range)?;
        self.count_step(graph)
    }

    /// Counts a step, in which the range rests.
    pub(super) fn count_step(&self, graph: &mut Graph) -> Result<()> {
        let steps = graph.input(&self.steps);
        let next = graph.affine(steps, 1.0, 1.0)?;
        graph.store(next, &self.steps)
    }
}

/// One number a row: preferences `[rows, objectives]`, objectives `[rows]` each `-> [rows]`. The ideal point is zero, which
/// is where the scales put the least value of each objective.
pub(super) fn scalarise(
    graph: &mut Graph,
    scalarisation: Scalarisation,
    preferences: Tensor,
    objectives: &[Tensor],
) -> Result<Tensor> {
    let rows = graph.shape(preferences)[0];
    let mut terms = Vec::new();
    for (place, objective) in objectives.iter().enumerate() {
        let column = graph.slice(preferences, 1, place, 1)?;
        let column = graph.reshape(column, &[rows])?;
        terms.push(graph.multiply(column, *objective)?);
    }
    let mut total = terms[0];
    match scalarisation {
        Scalarisation::Linear => {
            for term in &terms[1..] {
                total = graph.add(total, *term)?;
            }
            Ok(total)
        }
        Scalarisation::Tchebycheff => {
            for term in &terms[1..] {
                total = graph.maximum(total, *term)?;
            }
            Ok(total)
        }
        Scalarisation::SmoothTchebycheff { mu } => {
            // mu log sum exp(term / mu), shifted by the largest term against overflow.
            let mut largest = terms[0];
            for term in &terms[1..] {
                largest = graph.maximum(largest, *term)?;
            }
            let mut sum: Option<Tensor> = None;
            for term in &terms {
                let above = graph.subtract(*term, largest)?;
                let scaled = graph.affine(above, (1.0 / mu) as f32, 0.0)?;
                let exponential = graph.unary(Function::Exp, scaled)?;
                sum = Some(match sum {
                    None => exponential,
                    Some(sum) => graph.add(sum, exponential)?,
                });
            }
            let logarithm = match sum {
                Some(sum) => graph.unary(Function::Log, sum)?,
                None => largest,
            };
            let logarithm = graph.affine(logarithm, mu as f32, 0.0)?;
            graph.add(largest, logarithm)
        }
    }
}
