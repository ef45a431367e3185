//! The devices of a search from a file that its user gives: measured ones, or those of a benchmark's tables.

use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::SearchError;
use super::config::Configuration;
use super::driver::{expected, read_measurements};
use super::setup::RunSpace;
use crate::files;
use crate::hardware::tables::Tables;
use crate::hardware::{MeasurementFile, references};
use crate::space::SearchSpace;

/// How a Parquet file begins.
const PARQUET: &[u8] = b"PAR1";

/// Devices to search for, from a file.
#[derive(Debug)]
pub struct Given {
    /// The devices as measurements.
    pub file: MeasurementFile,
    /// What the user should know of them.
    pub notes: Vec<String>,
}

/// The measurements at `path`, whichever kind of file it is.
///
/// Of tables, the devices that the configuration names have `predictor_cells` random cells as samples: the same on all devices,
/// which the predictor mixes cell by cell, and none that computes nothing (the published values of such cells on pixel3 and
/// raspi4 are bogus, a few microseconds). Cells without a value are no samples, and counted in a note.
///
/// # Errors
/// Where the file cannot be read, is of another space, lacks a device or its reference cells, or holds accuracies, which no
/// search may see.
pub fn given_measurements(configuration: &Configuration, path: &Path, space: &RunSpace) -> Result<Given, SearchError> {
    if !files::read(path)?.starts_with(PARQUET) {
        return Ok(Given { file: read_measurements(path, space)?, notes: Vec::new() });
    }
    let tables = Tables::read(path)?;
    let refuse = |reason: String| SearchError::Malformed { path: path.to_path_buf(), reason };
    if tables.space_hash != space.space.hash() {
        return Err(refuse(format!("tables of {}, another space or another version of it", tables.space)));
    }
    if let Some(column) = tables.first_accuracy() {
        return Err(refuse(format!(
            "it holds accuracies ({}), and a search must not know them; import the files of the devices alone into a file \
             of their own, and keep this one for `parnas eval`",
            column.name
        )));
    }
    let row = |text: &str| tables.row(text).ok_or_else(|| refuse(format!("no row for the reference cell {text}")));
    let anchors = references::NAS_BENCH_201.iter().map(|text| row(text)).collect::<Result<Vec<usize>, _>>()?;
    let mut cells = Vec::new();
    for (row, text) in tables.architectures.iter().enumerate() {
        if space.space.is_connected(&space.space.parse(text)?)? {
            cells.push(row);
        }
    }
    cells.shuffle(&mut ChaCha8Rng::seed_from_u64(configuration.seed));
    if configuration.predictor_cells > 0 {
        cells.truncate(configuration.predictor_cells);
    }
    let (asked, devices) = (&configuration.profiles, tables.devices());
    if let Some(unknown) = asked.iter().find(|name| !devices.contains(&name.as_str())) {
        return Err(SearchError::UnknownProfile { asked: unknown.clone(), available: devices.join(", ") });
    }
    let (mut profiles, mut notes) = (Vec::new(), Vec::new());
    for name in devices.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|own| own == name)) {
        let Some(profile) = tables.profile(name, &anchors, &cells) else {
            let reason = format!(
                "the device {name} has no value of some of the ten reference cells, which tell what it is like"
            );
            if !asked.is_empty() {
                return Err(refuse(format!("{reason}; leave it out of --profiles")));
            }
            notes.push(format!("{reason}: it is left out"));
            continue;
        };
        for block in &profile.objectives {
            if block.samples.len() < cells.len() {
                let missing = cells.len() - block.samples.len();
                notes.push(format!("{name}: {missing} of {} cells have no {}", cells.len(), block.objective));
            }
        }
        profiles.push(profile);
    }
    if profiles.is_empty() {
        return Err(refuse("it has no device with a value of all ten reference cells".to_owned()));
    }
    let texts = references::NAS_BENCH_201.map(str::to_owned).to_vec();
    let (description, hash) = (space.description(), space.space.hash());
    let mut file = MeasurementFile::new(expected(space, &description, &hash), texts, profiles);
    // The networks behind a benchmark's tables are its own.
    file.network = serde_json::json!({ "table": path.file_name().map(|name| name.to_string_lossy()) });
    Ok(Given { file, notes })
}
