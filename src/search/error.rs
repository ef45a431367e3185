//! Why a run stops.

use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use super::config::ConfigError;
use super::evaluation::TruthError;
use super::manifest::ManifestError;
use super::metrics::MetricsError;
use super::run_folder::RunFolderError;
use super::tuning::TuningError;
use crate::benchmark::BenchmarkError;
use crate::data::DataError;
use crate::files::FileError;
use crate::graph::GraphError;
use crate::hardware::tables::TablesError;
use crate::hardware::{MeasureError, MeasurementError, VectorError};
use crate::pareto::PointError;
use crate::pareto::limits::LimitError;
use crate::pareto::objective::Objective;
use crate::pareto::preferences::PreferenceError;
use crate::space::SpaceError;
use crate::supernet::EvaluatorError;

/// Every error of a run.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The space, or an architecture's text.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The device.
    #[error(transparent)]
    Kernel(#[from] parnas_kernels::Error),
    /// A measurement.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// A tuning record.
    #[error(transparent)]
    Tuning(#[from] TuningError),
    /// A measurement file.
    #[error(transparent)]
    Measurements(#[from] MeasurementError),
    /// The evaluation.
    #[error(transparent)]
    Evaluator(#[from] EvaluatorError),
    /// A preference.
    #[error(transparent)]
    Preference(#[from] PreferenceError),
    /// A limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A device from its reference values.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The tables of a benchmark.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// The tables of an evaluation.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// The scores of an evaluation.
    #[error(transparent)]
    Benchmark(#[from] BenchmarkError),
    /// Points that cannot be compared.
    #[error(transparent)]
    Points(#[from] PointError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The run folder.
    #[error(transparent)]
    RunFolder(#[from] RunFolderError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of a run that is not what it should be.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An objective that cannot be had.
    #[error("the objective `{objective}` cannot be used: {reason}")]
    Objective {
        /// The objective.
        objective: Objective,
        /// Why.
        reason: String,
    },
    /// Profiles that are asked for but not in the measurements.
    #[error("there is no profile `{asked}`; the measurements have {available}")]
    UnknownProfile {
        /// What was asked for.
        asked: String,
        /// What there is.
        available: String,
    },
    /// Profiles that are asked for where there is no file of measurements and measuring would not give them.
    #[error(
        "no device of this machine is the profile `{asked}`: give the file that has it with --measurements, or choose with --profiles \
         among what would be measured here: {available}"
    )]
    UnmeasuredProfile {
        /// What was asked for.
        asked: String,
        /// What measuring would give.
        available: String,
    },
    /// One architecture alone does not fit.
    #[error(
        "a step needs {needed} bytes even with one architecture at a time, {budget} are allowed; use a larger --memory, or \
         fewer --channels, a smaller --batch-size or fewer --cells-per-stage"
    )]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        budget: u64,
    },
    /// A run that was stopped before anything was kept.
    #[error(
        "{}: the run was stopped before its measurements were complete, so there is nothing to go on from; start it again \
         with `parnas search --config {}`",
        root.display(),
        root.join("config.toml").display()
    )]
    NothingToResume {
        /// The run folder.
        root: PathBuf,
    },
    /// A run without a checkpoint.
    #[error("{}: the run has no checkpoint yet; `parnas resume {}` goes on with it", root.display(), root.display())]
    NoCheckpoint {
        /// The run folder.
        root: PathBuf,
    },
    /// Limits that no architecture meets.
    #[error("no architecture meets the limits on `{device}`; the nearest one is {architecture}: {misses}")]
    Infeasible {
        /// The device.
        device: String,
        /// The nearest architecture.
        architecture: String,
        /// Which it misses, and by how much.
        misses: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Ctrl-C in a run that can go on.
    #[error("interrupted after step {step}; `parnas resume {}` goes on", root.display())]
    Stopped {
        /// The run folder.
        root: PathBuf,
        /// The steps done.
        step: u64,
    },
}
