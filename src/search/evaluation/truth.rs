//! The benchmark as an evaluation sees it: the error of every architecture, and each device with its reference values and
//! true costs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::benchmark::protocol::Protocol;
use crate::hardware::tables::{ColumnKind, Tables, TablesError};
use crate::pareto::objective::Objective;
use crate::search::SearchError;
use crate::search::device::Device;
use crate::search::setup::RunSpace;
use crate::space::{Architecture, SearchSpace};

/// The epochs of training behind the accuracy that scores.
const EPOCHS: u32 = 200;
const SPLIT: &str = "test";

/// A benchmark that cannot score a run.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The file.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// There is no accuracy to score by.
    #[error("{}: no test accuracy after {EPOCHS} epochs on {dataset}; it has {available}", path.display())]
    NoAccuracy {
        /// The file.
        path: PathBuf,
        /// The dataset asked for.
        dataset: String,
        /// The accuracies there are.
        available: String,
    },
    /// A device that is asked for is not there.
    #[error("{}: no device {name}; there are {available}", path.display())]
    UnknownDevice {
        /// The file.
        path: PathBuf,
        /// The device asked for.
        name: String,
        /// The devices there are.
        available: String,
    },
    /// No device has all objectives of the run.
    #[error("{}: no device has all objectives of the run, {objectives}, on the ten reference architectures", path.display())]
    NoDevice {
        /// The file.
        path: PathBuf,
        /// The run's hardware objectives.
        objectives: String,
    },
}

/// A device of the benchmark.
#[derive(Debug)]
pub struct TruthDevice {
    /// As the networks of the run see it: ten reference values an objective.
    pub device: Device,
    /// The true cost of every architecture, a hardware objective each; NaN where it is missing.
    pub costs: Vec<Vec<f64>>,
    /// How sets of architectures are scored on it.
    pub protocol: Protocol,
}

/// The benchmark.
#[derive(Debug)]
pub struct Truth {
    /// The accuracy column that scores.
    pub name: String,
    /// Every architecture, in the order of the rows.
    pub architectures: Vec<Architecture>,
    /// The error in percent.
    pub error: Vec<f64>,
    /// The devices with all objectives of the run, in the order of the file.
    pub devices: Vec<TruthDevice>,
    places: HashMap<Architecture, usize>,
}

impl Truth {
    /// Opens the tables at `path` for a run with these objectives: the test accuracy on `dataset` after 200 epochs, and the devices
    /// `wanted`, or all where none is named.
    ///
    /// # Errors
    /// Where the file cannot be read, is of another space, or lacks what the run is to be scored by.
    pub fn open(
        path: &Path,
        dataset: &str,
        wanted: &[String],
        objectives: &[Objective],
        space: &RunSpace,
    ) -> Result<Self, SearchError> {
        let tables = Tables::read(path).map_err(TruthError::from)?;
        let architectures =
            tables.architectures.iter().map(|text| space.space.parse(text)).collect::<Result<Vec<_>, _>>()?;
        let places = architectures.iter().cloned().enumerate().map(|(row, own)| (own, row)).collect::<HashMap<_, _>>();
        let accuracy = tables.accuracy(dataset, SPLIT, EPOCHS).ok_or_else(|| {
            let known = tables.columns.iter().filter(|column| matches!(column.kind, ColumnKind::Accuracy { .. }));
            let names: Vec<&str> = known.map(|column| column.name.as_str()).collect();
            TruthError::NoAccuracy {
                path: path.to_path_buf(),
                dataset: dataset.to_owned(),
                available: if names.is_empty() { "none".to_owned() } else { names.join(", ") },
            }
        })?;
        let error: Vec<f64> = accuracy.values.iter().map(|accuracy| 100.0 - accuracy).collect();
        let references: Vec<usize> =
            space.references()?.iter().filter_map(|reference| places.get(reference).copied()).collect();
        let mut devices = Vec::new();
        let known = tables.devices_of(dataset);
        if let Some(name) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
            let (path, available) = (path.to_path_buf(), known.join(", "));
            return Err(TruthError::UnknownDevice { path, name: name.clone(), available }.into());
        }
        for name in known {
            if !wanted.is_empty() && !wanted.iter().any(|own| own == name) {
                continue;
            }
            let Some((device, costs)) = device_of(&tables, name, objectives, space, &architectures, &references)?
            else {
                continue;
            };
            let columns: Vec<&[f64]> = costs.iter().map(Vec::as_slice).collect();
            let protocol = Protocol::new(&error, &columns)?;
            devices.push(TruthDevice { device, costs, protocol });
        }
        if devices.is_empty() {
            let objectives: Vec<&str> = objectives[1..].iter().map(|objective| objective.name()).collect();
            let objectives = objectives.join(", ");
            return Err(TruthError::NoDevice { path: path.to_path_buf(), objectives }.into());
        }
        Ok(Self { name: accuracy.name.clone(), architectures, error, devices, places })
    }

    /// The rows of architectures, without those that the table does not have.
    pub fn rows(&self, architectures: &[Architecture]) -> Vec<usize> {
        architectures.iter().filter_map(|architecture| self.places.get(architecture).copied()).collect()
    }
}

/// A device with the true cost of every architecture, a hardware objective each.
type Known = (Device, Vec<Vec<f64>>);

/// A device with the true costs of every architecture; none where it lacks an objective or a reference.
fn device_of(
    tables: &Tables,
    name: &str,
    objectives: &[Objective],
    space: &RunSpace,
    architectures: &[Architecture],
    references: &[usize],
) -> Result<Option<Known>, SearchError> {
    let Some(profile) = tables.profile(name, references, &[]) else { return Ok(None) };
    let mut costs = Vec::new();
    for &objective in &objectives[1..] {
        let known = profile.block(objective.name()).and_then(|_| tables.device(name, objective.name()));
        match (objective.is_measured(), known) {
            (true, Some(column)) => costs.push(column.values.clone()),
            (true, None) => return Ok(None),
            (false, _) => {
                let exact = architectures.iter().map(|architecture| space.exact(objective, architecture));
                costs.push(exact.collect::<Result<Vec<f64>, SearchError>>()?);
            }
        }
    }
    Ok(Some((Device::new(&profile, objectives)?, costs)))
}
