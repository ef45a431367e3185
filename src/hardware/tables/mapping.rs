//! What the columns of any other CSV file mean, as its user says in a TOML file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{ColumnKind, TablesError};
use crate::files;
use crate::hardware::profile::is_valid_name;

/// What a column holds and how to read it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Meaning {
    pub kind: ColumnKind,
    pub unit: String,
    /// The number that stands for a missing value.
    pub missing: Option<f64>,
}

/// A mapping file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The column of indices, from 0 in the published order.
    pub index: Option<String>,
    /// The column of architectures, as the space writes them.
    pub architecture: Option<String>,
    /// Where the numbers come from.
    #[serde(default)]
    pub source: String,
    /// Their licence.
    #[serde(default)]
    pub licence: String,
    /// The columns to take, by their names in the file.
    pub columns: BTreeMap<String, Mapped>,
}

/// A column of a mapping: a device's, or an accuracy.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapped {
    /// The device's name.
    pub device: Option<String>,
    /// `latency` (`ms`, `us` or `s`) or `energy` (`mJ` or `J`).
    pub objective: Option<String>,
    /// The unit in the file.
    pub unit: Option<String>,
    /// Images of one measured pass; 1 where it is not given.
    pub batch: Option<u32>,
    /// The dataset of an accuracy: `c10`, ...
    pub dataset: Option<String>,
    /// `test`, `valid`, ...; `test` where it is not given.
    pub split: Option<String>,
    /// Epochs of training; 200 where it is not given.
    pub epochs: Option<u32>,
    /// The number that stands for a missing value.
    pub missing: Option<f64>,
}

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no mapping: the message names the key.
    pub fn read(path: &Path) -> Result<Self, TablesError> {
        let refuse = |reason: String| TablesError::Mapping { path: path.to_path_buf(), reason };
        let text = String::from_utf8(files::read(path)?).map_err(|_| refuse("not UTF-8 text".to_owned()))?;
        let mapping: Self = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if mapping.index.is_none() && mapping.architecture.is_none() {
            return Err(refuse("write index = \"COLUMN\" or architecture = \"COLUMN\"".to_owned()));
        }
        for (name, column) in &mapping.columns {
            column.meaning().map_err(|reason| refuse(format!("columns.{name}: {reason}")))?;
        }
        Ok(mapping)
    }
}

impl Mapped {
    /// What the column means, with the factor that brings its values to the base unit.
    pub(super) fn meaning(&self) -> Result<(Meaning, f64), String> {
        let (kind, unit, factor) = match (&self.device, &self.dataset) {
            (Some(device), None) => {
                if !is_valid_name(device) {
                    return Err(format!("device {device:?}: a name has the characters a-z 0-9 _ . - only"));
                }
                let objective = self.objective.as_deref().unwrap_or("latency");
                let unit = self.unit.as_deref().unwrap_or("");
                let (base, factor) = match (objective, unit) {
                    ("latency", "ms") => ("ms", 1.0),
                    ("latency", "us") => ("ms", 1e-3),
                    ("latency", "s") => ("ms", 1e3),
                    ("energy", "mJ") => ("mJ", 1.0),
                    ("energy", "J") => ("mJ", 1e3),
                    ("latency", _) => return Err(format!("unit {unit:?} of a latency; write ms, us or s")),
                    ("energy", _) => return Err(format!("unit {unit:?} of an energy; write mJ or J")),
                    _ => return Err(format!("objective {objective:?}; write latency or energy")),
                };
                let batch = self.batch.unwrap_or(1);
                if batch == 0 {
                    return Err("batch 0; write 1 or more images".to_owned());
                }
                let kind = ColumnKind::Device { device: device.clone(), batch, objective: objective.to_owned() };
                (kind, base, factor)
            }
            (None, Some(dataset)) => {
                let factor = match self.unit.as_deref().unwrap_or("%") {
                    "%" => 1.0,
                    "fraction" => 100.0,
                    other => return Err(format!("unit {other:?} of an accuracy; write % or fraction")),
                };
                let split = self.split.clone().unwrap_or_else(|| "test".to_owned());
                let epochs = self.epochs.unwrap_or(200);
                (ColumnKind::Accuracy { dataset: dataset.clone(), split, epochs }, "%", factor)
            }
            _ => {
                return Err(
                    "write device = \"NAME\" for a hardware objective, or dataset = \"NAME\" for an accuracy".into()
                );
            }
        };
        Ok((Meaning { kind, unit: unit.to_owned(), missing: self.missing }, factor))
    }
}
