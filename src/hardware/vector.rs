//! A device from its reference values alone: what a person writes down after timing the ten reference architectures anywhere.
//!
//! Two forms. CSV with a header, `architecture,latency_ms` and, where there is energy, `energy_mj`, a line for each reference
//! architecture in any order; or ten lines with a number each, latencies in milliseconds in the order of the space's references.

use std::path::{Path, PathBuf};

use super::TABLE_RUNTIME;
use super::profile::{DeviceProfile, ObjectiveBlock, REFERENCE_COUNT, is_valid_name};
use crate::files::{self, FileError};

/// The columns that are known: name, objective, unit.
const COLUMNS: [(&str, &str, &str); 2] = [("latency_ms", "latency", "ms"), ("energy_mj", "energy", "mJ")];

/// A file that describes no device.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in it is wrong.
    #[error("{}: line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what is expected.
        reason: String,
    },
}

/// Reads a device from a file; its name is that of the file. `references` are the space's reference architectures.
///
/// # Errors
/// [`VectorError`] names the line: a reference that is missing, appears twice or is none, a number that is not finite and above 0, an
/// unknown column.
pub fn read_vector(path: &Path, references: &[&str; REFERENCE_COUNT]) -> Result<DeviceProfile, VectorError> {
    let refuse = |line: u64, reason: String| VectorError::Line { path: path.to_path_buf(), line, reason };
    let bytes = files::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse(1, "not UTF-8 text".to_owned()))?;
    let first = text.lines().next().unwrap_or("").trim();
    let header: Vec<&str> =
        if first.starts_with("architecture") { first.split(',').map(str::trim).collect() } else { vec!["latency_ms"] };
    let named = header[0] == "architecture";
    let mut blocks = Vec::new();
    for name in header.iter().skip(usize::from(named)) {
        let known = COLUMNS.iter().find(|(column, ..)| column == name).ok_or_else(|| {
            refuse(
                1,
                format!("unknown column {name:?}; write architecture,latency_ms or architecture,latency_ms,energy_mj"),
            )
        })?;
        if blocks.iter().any(|block: &ObjectiveBlock| block.objective == known.1) {
            return Err(refuse(1, format!("the column {name} appears twice")));
        }
        blocks.push(ObjectiveBlock {
            objective: known.1.to_owned(),
            unit: known.2.to_owned(),
            references: vec![f64::NAN; REFERENCE_COUNT],
            samples: Vec::new(),
        });
    }
    let mut count = 0;
    let mut last = 1;
    for (number, row) in text.lines().enumerate().skip(usize::from(named)) {
        let line = number as u64 + 1;
        if row.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = row.split(',').map(str::trim).collect();
        if cells.len() != header.len() {
            return Err(refuse(line, format!("{} cells, {} are expected", cells.len(), header.len())));
        }
        let place = if named {
            let place = references.iter().position(|reference| *reference == cells[0]);
            place.ok_or_else(|| refuse(line, format!("{} is no reference architecture", cells[0])))?
        } else {
            count
        };
        if place >= REFERENCE_COUNT {
            return Err(refuse(line, format!("more than {REFERENCE_COUNT} values")));
        }
        for (block, cell) in blocks.iter_mut().zip(&cells[usize::from(named)..]) {
            let value = cell.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
            let value = value.ok_or_else(|| refuse(line, format!("{cell:?} is not a number above 0")))?;
            if !block.references[place].is_nan() {
                return Err(refuse(line, format!("{} appears twice", cells[0])));
            }
            block.references[place] = value;
        }
        count += 1;
        last = line;
    }
    if count != REFERENCE_COUNT {
        return Err(refuse(last, format!("{count} reference architectures, {REFERENCE_COUNT} are expected")));
    }
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().to_lowercase());
    let name = if is_valid_name(&stem) { stem } else { "device".to_owned() };
    Ok(DeviceProfile {
        hardware: name.clone(),
        name,
        runtime: TABLE_RUNTIME.to_owned(),
        runtime_version: String::new(),
        driver: String::new(),
        batch: 1,
        precision: "f32".to_owned(),
        objectives: blocks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    fn read(text: &str) -> Result<DeviceProfile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("My-Phone.csv");
        std::fs::write(&path, text).unwrap();
        read_vector(&path, &NAMES).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_give_the_references_in_their_order() {
        let plain: String = (1..=10).map(|value| format!("{value}\n")).collect();
        let profile = read(&plain).unwrap();
        assert_eq!(profile.name, "my-phone");
        assert_eq!(profile.features(), (1..=10).map(f64::from).collect::<Vec<_>>());
        let mut csv = "architecture,latency_ms,energy_mj\n".to_owned();
        for (place, name) in NAMES.iter().enumerate().rev() {
            csv += &format!("{name},{},{}\n", place + 1, 2 * (place + 1));
        }
        let both = read(&csv).unwrap();
        assert_eq!(both.objectives[0].references, profile.objectives[0].references);
        assert_eq!((both.objectives[1].unit.as_str(), both.objectives[1].references[9]), ("mJ", 20.0));
    }

    #[test]
    fn what_describes_no_device_is_refused_with_its_line() {
        let nine: String = (1..=9).map(|value| format!("{value}\n")).collect();
        for (text, expected) in [
            (nine.clone(), "9 reference architectures, 10 are expected"),
            (format!("{nine}0\n"), "line 10: \"0\" is not a number above 0"),
            (format!("{nine}nan\n"), "line 10"),
            (format!("{nine}1\n2\n"), "line 11: more than 10 values"),
            ("architecture,watts\n".to_owned(), "unknown column \"watts\""),
            ("architecture,latency_ms\nz,1\n".to_owned(), "line 2: z is no reference architecture"),
            ("architecture,latency_ms\na,1\na,2\n".to_owned(), "line 3: a appears twice"),
            (String::new(), "0 reference architectures"),
        ] {
            let message = read(&text).unwrap_err();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }
}
