//! Why a benchmark fails, or says no.

use std::path::PathBuf;

use crate::files::FileError;
use crate::graph::GraphError;
use crate::search::SearchError;

/// Every error of a benchmark.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No case has this in its name.
    #[error("no case has `{asked}` in its name; there are: {known}")]
    UnknownCase {
        /// What was asked for.
        asked: String,
        /// The cases, comma separated.
        known: String,
    },
    /// Several cases have this in their names.
    #[error("several cases have `{asked}` in their names; name one of {found}")]
    AmbiguousCase {
        /// What was asked for.
        asked: String,
        /// Those that have it, comma separated.
        found: String,
    },
    /// A case's graph.
    #[error("the case `{case}` cannot be built")]
    Graph {
        /// The case.
        case: &'static str,
        /// Why.
        source: Box<GraphError>,
    },
    /// A case's step.
    #[error("the case `{case}` cannot be built")]
    Step {
        /// The case.
        case: &'static str,
        /// Why.
        source: Box<SearchError>,
    },
    /// The device.
    #[error(transparent)]
    Kernel(#[from] parnas_kernels::Error),
    /// Times that are none.
    #[error("`{device}` took no measurable time for {what}; its clock is too coarse")]
    NoTime {
        /// The device.
        device: String,
        /// What was timed.
        what: String,
    },
    /// A baseline that cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is no baseline.
    #[error("{}: not a baseline of this version: {reason}; `parnas bench --save FILE` writes one", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A baseline of another device says nothing about this one.
    #[error("{}: the baseline is of {theirs}, this is {ours}; compare on the device that it is of", path.display())]
    OtherDevice {
        /// The file.
        path: PathBuf,
        /// The baseline's device.
        theirs: String,
        /// The device at hand.
        ours: String,
    },
    /// None of the cases at hand is in the baseline.
    #[error("{}: none of the cases that were measured is in the baseline", path.display())]
    NothingInCommon {
        /// The file.
        path: PathBuf,
    },
    /// Cases that have become slower.
    #[error("{count} of {compared} timings {} slower than the baseline by more than {tolerance} %", if *count == 1 { "is" } else { "are" })]
    Regressions {
        /// How many.
        count: usize,
        /// Of how many.
        compared: usize,
        /// The tolerance in percent.
        tolerance: f64,
    },
}
