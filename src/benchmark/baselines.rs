//! Baseline optimisers on a tabular benchmark: how good a front is after so many evaluations.
//!
//! An evaluation is a row of the table. A row that does not count under the [protocol](super::protocol) is paid for like any other and
//! told to be of no use. What is scored is everything that was evaluated in full so far; a shorter training costs its part
//! of a full one and is not scored.

use std::collections::HashMap;

use super::BenchmarkError;
use super::protocol::{Protocol, Scores};
use crate::pareto::optimise::run::run;
use crate::pareto::optimise::{Method, Question};
use crate::space::{Architecture, SearchSpace};

/// The errors after a training shorter than the full one.
#[derive(Debug, Clone, Copy)]
pub struct ShortTraining<'a> {
    /// Its epochs.
    pub epochs: u32,
    /// The error of each row in percent, NaN where missing.
    pub error: &'a [f64],
}

/// A space and the table of one device.
pub struct Task<'a> {
    space: &'a dyn SearchSpace,
    rows: HashMap<Architecture, usize>,
    protocol: &'a Protocol,
    error: &'a [f64],
    costs: &'a [&'a [f64]],
    epochs: u32,
    short: Vec<ShortTraining<'a>>,
}

/// The scores of all that was evaluated up to some point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checkpoint {
    /// Full evaluations that were paid for.
    pub evaluations: usize,
    /// The scores; `None` while nothing that counts was evaluated in full.
    pub scores: Option<Scores>,
}

impl<'a> Task<'a> {
    /// A task over `architectures`, one a row, with the columns that `protocol` was made of. `error` is that after `epochs`;
    /// `short` are errors after fewer epochs, ascending.
    ///
    /// # Errors
    /// Columns that differ in length from the table.
    pub fn new(
        space: &'a dyn SearchSpace,
        architectures: &[Architecture],
        protocol: &'a Protocol,
        error: &'a [f64],
        costs: &'a [&'a [f64]],
        epochs: u32,
        short: Vec<ShortTraining<'a>>,
    ) -> Result<Self, BenchmarkError> {
        let expected = protocol.rows();
        let lengths = [architectures.len(), error.len()].into_iter().chain(short.iter().map(|short| short.error.len()));
        for (cost, found) in lengths.chain(costs.iter().map(|column| column.len())).enumerate() {
            if found != expected {
                let cost = cost.saturating_sub(2 + short.len());
                return Err(BenchmarkError::Rows { cost, found, expected });
            }
        }
        let row = |(row, architecture): (usize, &Architecture)| (space.canonical(architecture), row);
        let rows = architectures.iter().enumerate().map(row).collect();
        Ok(Self { space, rows, protocol, error, costs, epochs, short })
    }

    /// What a question costs, in full evaluations.
    fn cost(&self, question: &Question) -> f64 {
        question.epochs.map_or(1.0, |epochs| f64::from(epochs) / f64::from(self.epochs))
    }

    /// The objectives of a question; NaN where the architecture does not count, or is not in the table.
    fn answer(&self, question: &Question) -> Vec<f64> {
        let counts = |row: &&usize| self.protocol.point(**row).is_some();
        let Some(&row) = self.rows.get(&question.architecture).filter(counts) else {
            return vec![f64::NAN; self.protocol.objectives()];
        };
        let short = self.short.iter().find(|short| Some(short.epochs) == question.epochs);
        let error = short.map_or(self.error, |short| short.error)[row];
        std::iter::once(error).chain(self.costs.iter().map(|column| column[row])).collect()
    }

    /// Runs a method for `budget` full evaluations of different architectures and scores it at each of `checkpoints`,
    /// ascending numbers of evaluations. Where a method runs out of architectures before, its last scores stand.
    ///
    /// # Errors
    /// Objectives that cannot be scored.
    pub fn run(
        &self,
        method: Method,
        seed: u64,
        budget: usize,
        checkpoints: &[usize],
    ) -> Result<Vec<Checkpoint>, BenchmarkError> {
        let epochs: Vec<u32> = self.short.iter().map(|short| short.epochs).collect();
        let mut optimiser = method.optimiser(self.space, &epochs, seed);
        let cost = |question: &Question| self.cost(question);
        let evaluations = run(optimiser.as_mut(), budget as f64, cost, |question| self.answer(question));
        let mut set: Vec<usize> = Vec::new();
        let mut rest = evaluations.iter().peekable();
        let mut scored = Vec::with_capacity(checkpoints.len());
        for &evaluations in checkpoints.iter().filter(|&&evaluations| evaluations <= budget) {
            let limit = evaluations as f64 * (1.0 + 1e-12);
            while let Some(evaluation) = rest.next_if(|evaluation| evaluation.spent <= limit) {
                let row = self.rows.get(&evaluation.question.architecture);
                if evaluation.question.epochs.is_none()
                    && let Some(&row) = row
                    && self.protocol.point(row).is_some()
                {
                    set.push(row);
                }
            }
            let scores = if set.is_empty() { None } else { Some(self.protocol.score(&set)?) };
            scored.push(Checkpoint { evaluations, scores });
        }
        Ok(scored)
    }
}

/// Numbers of evaluations to score at, about evenly spaced on a logarithmic axis: 1, 2, 3, 5, 7, 10, 14, 20, ... and `budget`.
pub fn checkpoints(budget: usize) -> Vec<usize> {
    const STEPS: [f64; 7] = [1.0, 1.4, 2.0, 3.0, 4.0, 5.0, 7.0];
    let decades = (0..).map(|exponent| 10f64.powi(exponent)).take_while(|&decade| decade <= budget as f64);
    let mut all: Vec<usize> = decades
        .flat_map(|decade| STEPS.map(|step| (step * decade).round() as usize))
        .filter(|&evaluations| evaluations < budget)
        .chain([budget])
        .collect();
    all.dedup();
    all
}
