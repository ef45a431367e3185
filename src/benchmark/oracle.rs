//! What a set of preferences reaches when each is answered with the best architecture of the whole table.
//!
//! With the true columns as predictions this is the ceiling of any method that answers preferences one by one: under the
//! linear scalarisation only architectures on the convex hull of the front are ever chosen, 4 to 10 of them for 24
//! preferences on the devices of NAS-Bench-201. With a predictor's costs, or a supernet's losses, in the place of the true
//! columns, it is the ceiling of that predictor or ranking.

use super::BenchmarkError;
use super::protocol::{Protocol, Scores, range, scale};
use crate::pareto::preferences::{at_least, published_circle};
use crate::pareto::scalarisation::Scalarisation;

/// The number of preferences of the published evaluation.
pub const PREFERENCES: usize = 24;

/// What is believed of each architecture, in the rows of the benchmark's table.
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a> {
    /// The error, or any quantity that rises with it: the loss of a supernet. `[rows]`.
    pub error: &'a [f64],
    /// One column `[rows]` for each cost of the benchmark, in any unit.
    pub costs: &'a [&'a [f64]],
}

/// The answers to a set of preferences.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The architecture of each preference, in their order.
    pub chosen: Vec<usize>,
    /// How many different architectures those are.
    pub distinct: usize,
    /// How good they are, by the true columns.
    pub scores: Scores,
}

/// The preferences of the published evaluation: 24 rays on the quarter circle for two objectives, and for more, where nothing is
/// published, the coarsest even set on the simplex of at least 24.
pub fn published_preferences(objectives: usize) -> Vec<Vec<f64>> {
    match objectives {
        2 => published_circle(PREFERENCES),
        more => at_least(more, PREFERENCES),
    }
}

/// Answers each preference with the architecture that the scalarisation of the predictions makes least, of equal ones the
/// first, and scores the answers by the true columns of `protocol`.
///
/// Only architectures that count under the protocol are chosen from. Each prediction is scaled to 0..1 by its own least and
/// greatest value among them, so that its unit and offset do not matter; the ideal point of Tchebycheff is the origin.
///
/// # Errors
/// Columns that do not fit the table, a prediction that is missing for an architecture that counts or is constant, preferences
/// with another number of weights than there are objectives.
pub fn choose(
    protocol: &Protocol,
    predictions: &Predictions,
    preferences: &[Vec<f64>],
    scalarisation: Scalarisation,
) -> Result<Choice, BenchmarkError> {
    let points = scaled(protocol, predictions)?;
    let ideal = vec![0.0; protocol.objectives()];
    let mut chosen = Vec::with_capacity(preferences.len());
    for preference in preferences {
        let mut best = (f64::INFINITY, protocol.kept()[0]);
        for (point, &index) in points.chunks(protocol.objectives()).zip(protocol.kept()) {
            let value = scalarisation.value(preference, point, &ideal)?;
            if value < best.0 {
                best = (value, index);
            }
        }
        chosen.push(best.1);
    }
    let mut distinct = chosen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let scores = protocol.score(&chosen)?;
    Ok(Choice { chosen, distinct: distinct.len(), scores })
}

/// The predictions of the architectures that count, each column scaled to 0..1: `[kept, objectives]`.
fn scaled(protocol: &Protocol, predictions: &Predictions) -> Result<Vec<f64>, BenchmarkError> {
    let columns: Vec<&[f64]> = std::iter::once(predictions.error).chain(predictions.costs.iter().copied()).collect();
    if columns.len() != protocol.objectives() {
        let (preference, objectives) = (columns.len(), protocol.objectives());
        return Err(crate::pareto::PointError::Objectives { index: 0, found: preference, expected: objectives }.into());
    }
    let mut ranges = Vec::with_capacity(columns.len());
    for (objective, column) in columns.iter().enumerate() {
        if column.len() != protocol.rows() {
            let cost = objective.saturating_sub(1);
            return Err(BenchmarkError::Rows { cost, found: column.len(), expected: protocol.rows() });
        }
        if let Some(&index) = protocol.kept().iter().find(|&&index| !column[index].is_finite()) {
            return Err(BenchmarkError::Prediction { objective, index });
        }
        match range(protocol.kept().iter().map(|&index| column[index])) {
            (low, high) if low < high => ranges.push((low, high)),
            (value, _) => return Err(BenchmarkError::Constant { objective, value }),
        }
    }
    let point = |&index: &usize| columns.iter().zip(&ranges).map(move |(column, range)| scale(column[index], *range));
    Ok(protocol.kept().iter().flat_map(point).collect())
}
