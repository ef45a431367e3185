//! The evaluation protocol of tabular benchmarks, and what chance and perfect knowledge reach under it.
//!
//! A tabular benchmark knows the error and the costs of every architecture of a space, so that a search can be scored
//! against the true front. Everything here takes plain columns, one value an architecture in one order, with NaN where a value is
//! missing, and knows no file format. An architecture is its row.
//!
//! | module | answers |
//! |---|---|
//! | [`protocol`] | which architectures count, how objectives are scaled, how good a set of architectures is |
//! | [`oracle`] | what a set of preferences reaches with perfect, or with given, predictions |
//! | [`random`] | what architectures drawn at random reach |
//! | [`baselines`] | what the baseline optimisers reach, evaluation by evaluation |
//! | [`results`] | the same over devices and seeds: runs, tables, summaries |
//!
//! A gap to the true front comes in parts: the true front less the [oracle](oracle::choose) on true columns is lost to the
//! scalarisation; the same on a predictor's costs or a supernet's losses, to the predictor or the ranking.

pub mod baselines;
pub mod oracle;
pub mod protocol;
pub mod random;
pub mod results;

use thiserror::Error;

use crate::pareto::PointError;
use crate::pareto::scalarisation::ScalarisationError;

/// Why columns cannot be scored, or a set of architectures cannot.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BenchmarkError {
    /// There is no cost: with the error alone there is no front.
    #[error("no cost is given beside the error; a front needs at least one")]
    NoCost,
    /// A column has another number of rows than the errors.
    #[error("cost {cost} has {found} rows where the error has {expected}")]
    Rows {
        /// Position of the cost.
        cost: usize,
        /// Its number of rows.
        found: usize,
        /// The number of rows of the error.
        expected: usize,
    },
    /// The filter leaves no architecture.
    #[error("none of {rows} architectures has an error below {limit} % and all its costs")]
    NothingKept {
        /// Number of architectures before the filter.
        rows: usize,
        /// The error from which on architectures are dropped.
        limit: f64,
    },
    /// An objective is the same for all architectures, so that it cannot be scaled.
    #[error("objective {objective} (0 is the error) is {value} for every architecture that is kept; leave it out")]
    Constant {
        /// Position of the objective, the error first.
        objective: usize,
        /// Its one value.
        value: f64,
    },
    /// A row that the table does not have.
    #[error("there is no architecture {index}: the table has {rows}")]
    Index {
        /// The row that was asked for.
        index: usize,
        /// The number of rows.
        rows: usize,
    },
    /// A set of architectures that holds none that counts.
    #[error("none of {given} architectures counts: each has an error of {limit} % or more, or a cost is missing")]
    NothingScored {
        /// Number of architectures in the set.
        given: usize,
        /// The error from which on architectures are dropped.
        limit: f64,
    },
    /// A prediction is missing for an architecture that counts.
    #[error("objective {objective} (0 is the error) of architecture {index} has no prediction")]
    Prediction {
        /// Position of the objective, the error first.
        objective: usize,
        /// The architecture.
        index: usize,
    },
    /// A random set is to be larger than the table, or to be drawn less than twice, so that nothing can be said of its spread.
    #[error(
        "cannot draw {repetitions} sets of {size} of {rows} architectures; at least 2 sets of at least 1 are needed"
    )]
    Draws {
        /// Architectures of a set.
        size: usize,
        /// Number of sets.
        repetitions: usize,
        /// Architectures of the table.
        rows: usize,
    },
    /// Preferences that do not fit the objectives.
    #[error(transparent)]
    Scalarisation(#[from] ScalarisationError),
    /// Points that cannot be scored.
    #[error(transparent)]
    Points(#[from] PointError),
}
