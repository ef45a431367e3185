//! The measurement file: what one machine measured of one space, in one network configuration.
//!
//! Users' guide and format: `docs/measurements.md`. The file is written whole or not at all, and reading believes
//! nothing: every value is checked, and every refusal names the file and the key.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::host::HostFacts;
use super::profile::{DeviceProfile, ObjectiveBlock, REFERENCE_COUNT, Sample, is_valid_name};
use super::table::TABLE_RUNTIME;
use crate::date::UtcTime;
use crate::files::{self, FileError};

/// The value of the key `schema` that this version reads and writes.
pub const SCHEMA: &str = "parnas-measurements-1";

/// The contents of a measurement file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementFile {
    /// [`SCHEMA`].
    pub schema: String,
    /// The search space's name.
    pub space: String,
    /// A hash of the space: its decisions and reference architectures.
    pub space_hash: String,
    /// The configuration of the standalone networks that were measured.
    pub network: Value,
    /// The machine.
    pub host: HostFacts,
    /// When, in UTC, RFC 3339.
    pub created: String,
    /// The version of parnas that wrote it.
    pub parnas_version: String,
    /// The [`REFERENCE_COUNT`] reference architectures, in the order of every block's `references`.
    pub reference_architectures: Vec<String>,
    /// The devices.
    pub profiles: Vec<DeviceProfile>,
}

/// What a search expects of the file it reads.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The search space's name.
    pub space: &'a str,
    /// The hash of the space.
    pub space_hash: &'a str,
    /// The configuration of the networks.
    pub network: &'a Value,
}

/// A measurement file that is refused.
#[derive(Debug, thiserror::Error)]
pub enum MeasurementError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not JSON, or lacks keys, or has unknown ones.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What and where, by line and column.
        reason: String,
    },
    /// It was written by another version, or is no measurement file.
    #[error("{}: key schema: {found}, this version reads {SCHEMA:?}; measure again with `parnas measure`", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What the key holds.
        found: String,
    },
    /// It was measured for another space, or another version of it.
    #[error(
        "{}: key {key}: measured for {found}, this search needs {expected}; measure again with `parnas measure`",
        path.display()
    )]
    Space {
        /// The file.
        path: PathBuf,
        /// `space` or `space_hash`.
        key: &'static str,
        /// In the file.
        found: String,
        /// In the search.
        expected: String,
    },
    /// It was measured on networks of another configuration.
    #[error(
        "{}: key {key}: measured with {found}, this search has {expected}; measure again with `parnas measure`, or \
         search with the configuration that was measured",
        path.display()
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// The first key that differs, such as `network.channels`.
        key: String,
        /// In the file.
        found: String,
        /// In the search.
        expected: String,
    },
    /// A value that no measurement has.
    #[error("{}: key {key}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Where, such as `profiles[2].objectives[0].references[3]`.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Something that may stand only once.
    #[error("{}: key {key}: {name} appears twice", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Where the second one stands.
        key: String,
        /// What it is.
        name: String,
    },
}

impl MeasurementFile {
    /// A file of this version, this machine and this moment.
    pub fn new(expected: Expected<'_>, reference_architectures: Vec<String>, profiles: Vec<DeviceProfile>) -> Self {
        Self {
            schema: SCHEMA.into(),
            space: expected.space.into(),
            space_hash: expected.space_hash.into(),
            network: expected.network.clone(),
            host: HostFacts::gather(),
            created: UtcTime::now().to_string(),
            parnas_version: env!("CARGO_PKG_VERSION").into(),
            reference_architectures,
            profiles,
        }
    }

    /// Reads a file and checks that it belongs to the search at hand.
    ///
    /// Numbers come back with the bits they were written with.
    ///
    /// # Errors
    /// [`MeasurementError`], always with the file and, where there is one, the key.
    pub fn read(path: &Path, expected: Expected<'_>) -> Result<Self, MeasurementError> {
        let bytes = files::read(path)?;
        let syntax =
            |error: serde_json::Error| MeasurementError::Syntax { path: path.into(), reason: error.to_string() };
        let value: Value = serde_json::from_slice(&bytes).map_err(syntax)?;
        match value.get("schema") {
            Some(Value::String(schema)) if schema == SCHEMA => {}
            found => {
                return Err(MeasurementError::Schema {
                    path: path.into(),
                    found: found.map_or("there is none".into(), Value::to_string),
                });
            }
        }
        // From the text again, not from the value: the error then has a line and a column.
        let file: Self = serde_json::from_slice(&bytes).map_err(syntax)?;
        for (key, found, wanted) in
            [("space", &file.space, expected.space), ("space_hash", &file.space_hash, expected.space_hash)]
        {
            if found != wanted {
                return Err(MeasurementError::Space {
                    path: path.into(),
                    key,
                    found: found.clone(),
                    expected: wanted.into(),
                });
            }
        }
        // Values of a benchmark's tables are those of its own networks, whatever the search trains.
        let tabled = !file.profiles.is_empty() && file.profiles.iter().all(|own| own.runtime == TABLE_RUNTIME);
        if !tabled && let Some((key, found, wanted)) = first_difference("network", &file.network, expected.network) {
            return Err(MeasurementError::Network { path: path.into(), key, found, expected: wanted });
        }
        file.validate(path)?;
        Ok(file)
    }

    /// Checks the contents and writes the file atomically.
    ///
    /// # Errors
    /// [`MeasurementError`]; a file that could not be read back is never written.
    pub fn write(&self, path: &Path) -> Result<(), MeasurementError> {
        self.validate(path)?;
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| MeasurementError::Syntax { path: path.into(), reason: error.to_string() })?;
        bytes.push(b'\n');
        Ok(files::write_atomically(path, &bytes)?)
    }

    fn validate(&self, path: &Path) -> Result<(), MeasurementError> {
        let check = Check { path };
        let references = "reference_architectures";
        check.ten(references, self.reference_architectures.len())?;
        check.once(references, "", self.reference_architectures.iter())?;
        if self.profiles.is_empty() {
            return Err(check.value("profiles", "there is no device".into()));
        }
        check.once("profiles", ".name", self.profiles.iter().map(|profile| &profile.name))?;
        for (place, profile) in self.profiles.iter().enumerate() {
            check.profile(&format!("profiles[{place}]"), profile)?;
        }
        Ok(())
    }
}

/// Checks of the parts of one file.
struct Check<'a> {
    path: &'a Path,
}

impl Check<'_> {
    fn value(&self, key: &str, reason: String) -> MeasurementError {
        MeasurementError::Value { path: self.path.into(), key: key.into(), reason }
    }

    fn ten(&self, key: &str, found: usize) -> Result<(), MeasurementError> {
        if found == REFERENCE_COUNT {
            return Ok(());
        }
        Err(self.value(key, format!("{found} values, there must be {REFERENCE_COUNT}")))
    }

    fn once<'a>(
        &self,
        key: &str,
        field: &str,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<(), MeasurementError> {
        let mut seen = HashSet::new();
        for (place, name) in names.enumerate() {
            if name.is_empty() {
                return Err(self.value(&format!("{key}[{place}]{field}"), "is empty".into()));
            }
            if !seen.insert(name) {
                return Err(MeasurementError::Duplicate {
                    path: self.path.into(),
                    key: format!("{key}[{place}]{field}"),
                    name: name.clone(),
                });
            }
        }
        Ok(())
    }

    fn profile(&self, key: &str, profile: &DeviceProfile) -> Result<(), MeasurementError> {
        if !is_valid_name(&profile.name) {
            let reason = format!("{:?} may only have the characters a-z 0-9 _ . -", profile.name);
            return Err(self.value(&format!("{key}.name"), reason));
        }
        if profile.batch == 0 {
            return Err(self.value(&format!("{key}.batch"), "must be at least 1".into()));
        }
        if profile.precision != "f32" {
            let reason = format!("{:?}, this version knows \"f32\"", profile.precision);
            return Err(self.value(&format!("{key}.precision"), reason));
        }
        let objectives = format!("{key}.objectives");
        if profile.objectives.is_empty() {
            return Err(self.value(&objectives, "there is no objective".into()));
        }
        let names = profile.objectives.iter().map(|block| &block.objective);
        self.once(&objectives, ".objective", names)?;
        for (place, block) in profile.objectives.iter().enumerate() {
            self.block(&format!("{objectives}[{place}]"), block)?;
        }
        Ok(())
    }

    fn block(&self, key: &str, block: &ObjectiveBlock) -> Result<(), MeasurementError> {
        self.ten(&format!("{key}.references"), block.references.len())?;
        for (place, &value) in block.references.iter().enumerate() {
            self.positive(&format!("{key}.references[{place}]"), value)?;
        }
        let names = block.samples.iter().map(|sample| &sample.architecture);
        self.once(&format!("{key}.samples"), ".architecture", names)?;
        for (place, sample) in block.samples.iter().enumerate() {
            self.sample(&format!("{key}.samples[{place}]"), sample)?;
        }
        Ok(())
    }

    fn sample(&self, key: &str, sample: &Sample) -> Result<(), MeasurementError> {
        for (name, value) in [("p50", sample.p50), ("p90", sample.p90), ("p99", sample.p99)] {
            self.positive(&format!("{key}.{name}"), value)?;
        }
        if sample.p50 > sample.p90 || sample.p90 > sample.p99 {
            let reason = format!("p50 {}, p90 {}, p99 {} do not ascend", sample.p50, sample.p90, sample.p99);
            return Err(self.value(key, reason));
        }
        if sample.repeats == 0 {
            return Err(self.value(&format!("{key}.repeats"), "must be at least 1".into()));
        }
        Ok(())
    }

    fn positive(&self, key: &str, value: f64) -> Result<(), MeasurementError> {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        Err(self.value(key, format!("{value} is not a finite number above 0")))
    }
}

/// The first key, depth first, under which two values differ, with both values as text.
fn first_difference(key: &str, found: &Value, expected: &Value) -> Option<(String, String, String)> {
    if let (Value::Object(found), Value::Object(expected)) = (found, expected) {
        let keys = found.keys().chain(expected.keys().filter(|name| !found.contains_key(*name)));
        for name in keys {
            let key = format!("{key}.{name}");
            let difference = match (found.get(name), expected.get(name)) {
                (Some(found), Some(expected)) => first_difference(&key, found, expected),
                (found, expected) => {
                    let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
                    Some((key, text(found), text(expected)))
                }
            };
            if difference.is_some() {
                return difference;
            }
        }
        return None;
    }
    // Numbers are compared by value: a configuration may say 1 where JSON came back with 1.0.
    let equal = match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => found == expected,
        _ => found == expected,
    };
    (!equal).then(|| (key.into(), found.to_string(), expected.to_string()))
}
