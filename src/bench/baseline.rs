//! Timings kept in a file, and later ones held against them.

use std::fmt;
use std::path::Path;

use parnas_kernels::DeviceFacts;
use serde::{Deserialize, Serialize};

use super::{BenchError, Pass, Timing};
use crate::date::UtcTime;
use crate::files;

/// The kind and version of the file.
const SCHEMA: &str = "parnas-bench-1";

/// A device as a baseline names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// What `--device` calls it.
    pub selector: String,
    /// The adapter's name, or the processor's.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `cpu`.
    pub kind: String,
    /// Its backend.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// Threads of the CPU executor; of a software adapter, those of the machine.
    pub threads: usize,
}

impl DeviceRecord {
    /// The record of a device of this machine.
    pub fn of(facts: &DeviceFacts) -> Self {
        Self {
            selector: facts.selector.clone(),
            name: facts.name.clone(),
            kind: facts.kind.as_str().to_owned(),
            backend: facts.backend.to_owned(),
            driver: facts.driver.clone(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Whether times on the one say anything about the other. Drivers may differ: to see what another does is a use.
    fn is_comparable(&self, other: &Self) -> bool {
        (&self.name, &self.kind, &self.backend) == (&other.name, &other.kind, &other.backend)
            && (self.threads == other.threads || !matches!(self.kind.as_str(), "cpu" | "software"))
    }
}

impl fmt::Display for DeviceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}, {}", self.name, self.backend, self.kind)?;
        if matches!(self.kind.as_str(), "cpu" | "software") {
            write!(f, ", {} threads", self.threads)?;
        }
        write!(f, ")")
    }
}

/// The timings of one run on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    schema: String,
    /// When.
    pub date: String,
    /// The version of parnas.
    pub version: String,
    /// On what.
    pub device: DeviceRecord,
    /// The results.
    pub timings: Vec<Timing>,
}

/// A timing beside its baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The case.
    pub case: String,
    /// The pass.
    pub pass: Pass,
    /// The baseline's median and least milliseconds.
    pub before: (f64, f64),
    /// Those of now.
    pub now: (f64, f64),
}

impl Comparison {
    /// How much slower it is, as a factor: the smaller of what the medians say and what the minima say. A disturbance lifts a
    /// median, hardly ever the minimum too; what has become slower lifts both.
    pub fn factor(&self) -> f64 {
        (self.now.0 / self.before.0).min(self.now.1 / self.before.1)
    }

    /// Whether it is slower by more than `tolerance`, a share.
    pub fn is_regression(&self, tolerance: f64) -> bool {
        self.factor() > 1.0 + tolerance
    }

    /// Whether it is faster by more than `tolerance`, by medians and minima alike.
    pub fn is_gain(&self, tolerance: f64) -> bool {
        (self.now.0 / self.before.0).max(self.now.1 / self.before.1) < 1.0 / (1.0 + tolerance)
    }
}

impl Baseline {
    /// The baseline of what was measured now.
    pub fn new(facts: &DeviceFacts, timings: Vec<Timing>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            date: UtcTime::now().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: DeviceRecord::of(facts),
            timings,
        }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// Where the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let malformed = |reason: String| BenchError::Malformed { path: path.to_path_buf(), reason };
        let bytes = files::read(path)?;
        let baseline: Self = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if baseline.schema != SCHEMA {
            return Err(malformed(format!("its schema is `{}`, not `{SCHEMA}`", baseline.schema)));
        }
        if let Some(timing) = baseline.timings.iter().find(|timing| !(timing.median_ms > 0.0 && timing.min_ms > 0.0)) {
            return Err(malformed(format!("`{}` took no time", timing.case)));
        }
        Ok(baseline)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), BenchError> {
        // Numbers and texts always become JSON.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        Ok(files::write_atomically(path, text.as_bytes())?)
    }

    /// Refuses a baseline of another device.
    ///
    /// # Errors
    /// [`BenchError::OtherDevice`] with the names of both. `path` is where it was read.
    pub fn expect_device(&self, facts: &DeviceFacts, path: &Path) -> Result<(), BenchError> {
        let ours = DeviceRecord::of(facts);
        if self.device.is_comparable(&ours) {
            return Ok(());
        }
        let (theirs, ours) = (self.device.to_string(), ours.to_string());
        Err(BenchError::OtherDevice { path: path.to_path_buf(), theirs, ours })
    }

    /// Each of `timings` that the baseline has too, beside it.
    pub fn compare(&self, timings: &[Timing]) -> Vec<Comparison> {
        let known = |now: &Timing| {
            self.timings.iter().find(|before| (&before.case, before.pass) == (&now.case, now.pass)).map(|before| {
                Comparison {
                    case: now.case.clone(),
                    pass: now.pass,
                    before: (before.median_ms, before.min_ms),
                    now: (now.median_ms, now.min_ms),
                }
            })
        };
        timings.iter().filter_map(known).collect()
    }
}
