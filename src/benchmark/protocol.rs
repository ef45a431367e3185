//! The published protocol: which architectures of a table count, how objectives are scaled, how a set is scored.
//!
//! As in the evaluation of MODNAS (Sukthanker et al., arXiv 2402.18213, public code): architectures with an error of 90 %
//! and more, which answer at random, are dropped first (341 of 15,625 in NAS-Bench-201), with them those whose cost is
//! missing; then the error and each cost are scaled to 0..1 by the least and the greatest value **of what is left on that
//! device**; the reference point of the hypervolume is (1, ..., 1); distances are to the true front of what is left.

use serde::{Deserialize, Serialize};

use super::BenchmarkError;
use crate::pareto::dominance::non_dominated;
use crate::pareto::hypervolume::hypervolume;
use crate::pareto::indicators::{gd, gd_plus, igd, igd_plus};

/// Architectures with an error of so many percent are dropped: with ten classes they answer at random.
pub const ERROR_LIMIT: f64 = 90.0;

/// How good a set of architectures is. All but the hypervolume are distances: 0 is perfect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Hypervolume of the set in scaled objectives, reference (1, ..., 1). Larger is better.
    pub hypervolume: f64,
    /// Generational distance of the set's front to the true front.
    pub gd: f64,
    /// The same, counting only where the set is worse.
    pub gd_plus: f64,
    /// Inverted generational distance: of the true front to the set's front.
    pub igd: f64,
    /// The same, counting only where the set is worse.
    pub igd_plus: f64,
}

impl Scores {
    /// The names of the scores, in the order of [`Scores::values`].
    pub const NAMES: [&'static str; 5] = ["hypervolume", "gd", "gd_plus", "igd", "igd_plus"];

    /// The scores as numbers.
    pub fn values(&self) -> [f64; 5] {
        [self.hypervolume, self.gd, self.gd_plus, self.igd, self.igd_plus]
    }

    /// Scores from numbers in the order of [`Scores::NAMES`].
    pub fn from_values([hypervolume, gd, gd_plus, igd, igd_plus]: [f64; 5]) -> Self {
        Self { hypervolume, gd, gd_plus, igd, igd_plus }
    }
}

/// The table of one device under the protocol. Objectives are the error first, then the costs in the order they were given.
#[derive(Debug, Clone)]
pub struct Protocol {
    rows: usize,
    /// The scaled objectives of every row; empty for a row that does not count.
    points: Vec<Vec<f64>>,
    kept: Vec<usize>,
    ranges: Vec<(f64, f64)>,
    front: Vec<usize>,
    front_points: Vec<Vec<f64>>,
}

impl Protocol {
    /// Filters and scales a table: `error` in percent, `[rows]`, and one column `[rows]` for each cost, NaN where missing.
    ///
    /// # Errors
    /// No cost, columns of different lengths, nothing left by the filter, an objective that is the same throughout.
    pub fn new(error: &[f64], costs: &[&[f64]]) -> Result<Self, BenchmarkError> {
        let rows = error.len();
        if costs.is_empty() {
            return Err(BenchmarkError::NoCost);
        }
        if let Some(cost) = costs.iter().position(|column| column.len() != rows) {
            return Err(BenchmarkError::Rows { cost, found: costs[cost].len(), expected: rows });
        }
        let counts = |&i: &usize| error[i] < ERROR_LIMIT && costs.iter().all(|column| column[i].is_finite());
        let kept: Vec<usize> = (0..rows).filter(counts).collect();
        if kept.is_empty() {
            return Err(BenchmarkError::NothingKept { rows, limit: ERROR_LIMIT });
        }
        let columns: Vec<&[f64]> = std::iter::once(error).chain(costs.iter().copied()).collect();
        let ranges = columns
            .iter()
            .enumerate()
            .map(|(objective, column)| match range(kept.iter().map(|&i| column[i])) {
                (low, high) if low < high => Ok((low, high)),
                (value, _) => Err(BenchmarkError::Constant { objective, value }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut points = vec![Vec::new(); rows];
        for &i in &kept {
            points[i] = columns.iter().zip(&ranges).map(|(column, range)| scale(column[i], *range)).collect();
        }
        let of_kept: Vec<&[f64]> = kept.iter().map(|&i| points[i].as_slice()).collect();
        let front: Vec<usize> = non_dominated(&of_kept).into_iter().map(|position| kept[position]).collect();
        let front_points = front.iter().map(|&i| points[i].clone()).collect();
        Ok(Self { rows, points, kept, ranges, front, front_points })
    }

    /// Number of rows of the table, with those that do not count.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of objectives, the error with them.
    pub fn objectives(&self) -> usize {
        self.ranges.len()
    }

    /// The architectures that count, ascending.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// The least and the greatest value of each objective among the architectures that count, in its own unit.
    pub fn ranges(&self) -> &[(f64, f64)] {
        &self.ranges
    }

    /// The scaled objectives of an architecture, each 0..1; `None` where it does not count or there is no such row.
    pub fn point(&self, index: usize) -> Option<&[f64]> {
        self.points.get(index).filter(|point| !point.is_empty()).map(Vec::as_slice)
    }

    /// The architectures that no other dominates, ascending; of several with equal objectives the first.
    pub fn true_front(&self) -> &[usize] {
        &self.front
    }

    /// Scores a set of architectures. Those that do not count add nothing; indicators are computed on those of the set
    /// that no other of the set dominates.
    ///
    /// # Errors
    /// [`BenchmarkError::Index`] for a row that is not there, [`BenchmarkError::NothingScored`] where no architecture counts.
    pub fn score(&self, set: &[usize]) -> Result<Scores, BenchmarkError> {
        if let Some(&index) = set.iter().find(|&&index| index >= self.rows) {
            return Err(BenchmarkError::Index { index, rows: self.rows });
        }
        let points: Vec<&[f64]> = set.iter().filter_map(|&index| self.point(index)).collect();
        if points.is_empty() {
            return Err(BenchmarkError::NothingScored { given: set.len(), limit: ERROR_LIMIT });
        }
        let best: Vec<&[f64]> = non_dominated(&points).into_iter().map(|position| points[position]).collect();
        Ok(Scores {
            hypervolume: hypervolume(&best, &vec![1.0; self.objectives()])?,
            gd: gd(&best, &self.front_points)?,
            gd_plus: gd_plus(&best, &self.front_points)?,
            igd: igd(&best, &self.front_points)?,
            igd_plus: igd_plus(&best, &self.front_points)?,
        })
    }

    /// The scores of the true front: all distances 0.
    ///
    /// # Errors
    /// None in practice: the front is never empty.
    pub fn score_true_front(&self) -> Result<Scores, BenchmarkError> {
        self.score(&self.front)
    }
}

/// The least and the greatest of some values; reversed infinities for none.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// Where a value lies between the ends of a range, 0 at the low one.
pub(super) fn scale(value: f64, (low, high): (f64, f64)) -> f64 {
    (value - low) / (high - low)
}
