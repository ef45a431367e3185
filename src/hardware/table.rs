//! Device profiles from a published table.
//!
//! The layout is CSV without quotes: a header `index,arch,<device>,...`, then one line an architecture, one objective in
//! one unit throughout (`help_latency_ms.csv`: NAS-Bench-201 on 19 devices). Columns of a table become profiles that a
//! search takes as it takes measured ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::profile::{DeviceProfile, ObjectiveBlock, REFERENCE_COUNT, Sample, is_valid_name};
use crate::files::{self, FileError};

/// The runtime of a profile whose values come from a table rather than from a measurement here.
pub const TABLE_RUNTIME: &str = "table";

/// A profile out of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableProfile {
    /// The profile; `p50`, `p90` and `p99` of a sample are the one value of the table, `repeats` is 1.
    pub profile: DeviceProfile,
    /// Architectures whose value is empty, not finite or not above 0 (unsupported on the device): not samples.
    pub dropped: usize,
}

/// A table that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A cell, a line or the header is wrong.
    #[error("{}: line {line}, column {column}: {reason}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, from 1 (the header).
        line: usize,
        /// The column's name.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A device that the table does not have.
    #[error("{}: line 1: no column {column}; the devices of this table: {devices}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The device asked for.
        column: String,
        /// The devices there are.
        devices: String,
    },
    /// A reference architecture that the table does not have.
    #[error("{}: column arch: no line for the reference architecture {architecture}", path.display())]
    NoReference {
        /// The file.
        path: PathBuf,
        /// The architecture.
        architecture: String,
    },
}

/// Reads the columns `devices` (all of them where the list is empty) of one objective in one unit.
///
/// `references` are the space's reference architectures, written as in the table. A numeric suffix of a device's name
/// that is a power of two up to 1,024 is its batch (`titan_rtx_256`; `gold_6226` is a processor), otherwise 1.
///
/// # Errors
/// [`TableError`] names line and column. A reference whose value is missing or not above 0 is an error; any other such
/// value is dropped and counted.
pub fn read_table(
    path: &Path,
    devices: &[&str],
    objective: &str,
    unit: &str,
    references: &[&str; REFERENCE_COUNT],
) -> Result<Vec<TableProfile>, TableError> {
    let bytes = files::read(path)?;
    let cell_error = |line: usize, column: &str, reason: String| TableError::Cell {
        path: path.into(),
        line,
        column: column.into(),
        reason,
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        cell_error(line, "unknown", "not UTF-8 text".into())
    })?;
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map_or("", |(_, line)| line).split(',').map(str::trim).collect();
    for (place, expected) in ["index", "arch"].into_iter().enumerate() {
        let found = header.get(place).copied().unwrap_or("");
        if found != expected {
            return Err(cell_error(1, found, format!("column {} must be {expected}", place + 1)));
        }
    }
    let mut places = HashMap::new();
    for (place, &name) in header.iter().enumerate().skip(2) {
        if !is_valid_name(name) {
            return Err(cell_error(1, name, "a device's name has the characters a-z 0-9 _ . - only".into()));
        }
        if places.insert(name, place).is_some() {
            return Err(cell_error(1, name, "the column appears twice".into()));
        }
    }
    let wanted = if devices.is_empty() { &header[2..] } else { devices };
    let mut columns = Vec::with_capacity(wanted.len());
    for &device in wanted {
        let place = places.get(device).ok_or_else(|| TableError::NoColumn {
            path: path.into(),
            column: device.into(),
            devices: header[2..].join(", "),
        })?;
        columns.push((device, *place));
    }

    let mut first_line: HashMap<&str, usize> = HashMap::new();
    let mut rows: Vec<(usize, &str, Vec<Option<f64>>)> = Vec::new();
    for (number, text) in lines {
        let line = number + 1;
        if text.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = text.split(',').map(str::trim).collect();
        if cells.len() != header.len() {
            let column = header.get(cells.len()).or(header.last()).copied().unwrap_or("");
            return Err(cell_error(
                line,
                column,
                format!("the line has {} cells, the header {}", cells.len(), header.len()),
            ));
        }
        if let Some(first) = first_line.insert(cells[1], line) {
            return Err(cell_error(line, "arch", format!("{} is already on line {first}", cells[1])));
        }
        let mut values = Vec::with_capacity(columns.len());
        for &(name, place) in &columns {
            let cell = cells[place];
            let value = match cell.parse::<f64>() {
                Ok(value) => Some(value).filter(|value| value.is_finite() && *value > 0.0),
                Err(_) if cell.is_empty() => None,
                Err(_) => return Err(cell_error(line, name, format!("{cell:?} is not a number"))),
            };
            values.push(value);
        }
        rows.push((line, cells[1], values));
    }

    let mut reference_rows = Vec::with_capacity(REFERENCE_COUNT);
    for &reference in references {
        let row = rows.iter().find(|(_, architecture, _)| *architecture == reference);
        reference_rows
            .push(row.ok_or_else(|| TableError::NoReference { path: path.into(), architecture: reference.into() })?);
    }
    let mut profiles = Vec::with_capacity(columns.len());
    for (place, &(name, _)) in columns.iter().enumerate() {
        let mut values = Vec::with_capacity(REFERENCE_COUNT);
        for (line, architecture, row) in &reference_rows {
            values.push(row[place].ok_or_else(|| {
                let reason = format!("the reference architecture {architecture} needs a value above 0");
                cell_error(*line, name, reason)
            })?);
        }
        let samples: Vec<Sample> = rows
            .iter()
            .filter_map(|(_, architecture, row)| row[place].map(|value| sample(architecture, value)))
            .collect();
        let dropped = rows.len() - samples.len();
        let block = ObjectiveBlock { objective: objective.into(), unit: unit.into(), references: values, samples };
        profiles.push(TableProfile {
            profile: DeviceProfile {
                name: name.into(),
                hardware: name.into(),
                runtime: TABLE_RUNTIME.into(),
                runtime_version: String::new(),
                driver: String::new(),
                batch: batch_of(name),
                precision: "f32".into(),
                objectives: vec![block],
            },
            dropped,
        });
    }
    Ok(profiles)
}

fn sample(architecture: &str, value: f64) -> Sample {
    Sample { architecture: architecture.into(), p50: value, p90: value, p99: value, repeats: 1 }
}

pub(super) fn batch_of(name: &str) -> u32 {
    name.rsplit_once('_')
        .and_then(|(_, suffix)| suffix.parse::<u32>().ok())
        .filter(|batch| batch.is_power_of_two() && *batch <= 1024)
        .unwrap_or(1)
}
