//! `manifest.json`: the circumstances of a run, so that whoever repeats it knows what has to be the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parnas_kernels::DeviceFacts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::date::UtcTime;
use crate::files::{self, FileError};
use crate::hardware::HostFacts;

/// The kind and version of the files.
const SCHEMA: &str = "parnas-manifest-1";

/// A manifest that cannot be written, or is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is no manifest.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something has changed without which the run is another.
    #[error("{}: the run was started with {what} {then}, now it is {now}; it cannot go on with another", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What has changed.
        what: &'static str,
        /// At the start.
        then: String,
        /// Now.
        now: String,
    },
}

/// A data set by name and contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// Its name.
    pub name: String,
    /// SHA-256 of its contents.
    pub sha256: String,
}

/// The device that computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterRecord {
    /// What `--device` calls it.
    pub selector: String,
    /// The adapter's name, or the processor's.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `cpu`.
    pub kind: String,
    /// `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
}

/// A continuation of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// When, in UTC.
    pub time: String,
    /// After so many steps.
    pub step: u64,
    /// What had changed since the start.
    pub changes: Vec<String>,
}

/// What a manifest is made of.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// The seed.
    pub seed: u64,
    /// The search space.
    pub space: &'a str,
    /// Its hash.
    pub space_hash: &'a str,
    /// The device that computes.
    pub device: &'a DeviceFacts,
    /// The images.
    pub data: DataRecord,
    /// The bytes of the measurement file.
    pub measurements: Option<&'a [u8]>,
}

/// The circumstances of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The kind and version of the file.
    pub schema: String,
    /// The version of parnas.
    pub parnas_version: String,
    /// When the run started, in UTC.
    pub started: String,
    /// The seed.
    pub seed: u64,
    /// The search space.
    pub space: String,
    /// Its hash.
    pub space_hash: String,
    /// The machine.
    pub host: HostFacts,
    /// The device that computes.
    pub adapter: AdapterRecord,
    /// The images.
    pub data: DataRecord,
    /// SHA-256 of the measurement file.
    pub measurements_sha256: Option<String>,
    /// SHA-256 of each shader's text, by name.
    pub shaders_sha256: BTreeMap<String, String>,
    /// The continuations.
    pub resumes: Vec<Resume>,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Manifest {
    /// The manifest of a run that starts now.
    pub fn new(circumstances: &Circumstances<'_>) -> Self {
        let Circumstances { seed, space, space_hash, device, data, measurements } = circumstances;
        Self {
            schema: SCHEMA.to_owned(),
            parnas_version: env!("CARGO_PKG_VERSION").to_owned(),
            started: UtcTime::now().to_string(),
            seed: *seed,
            space: (*space).to_owned(),
            space_hash: (*space_hash).to_owned(),
            host: HostFacts::gather(),
            adapter: AdapterRecord {
                selector: device.selector.clone(),
                name: device.name.clone(),
                kind: device.kind.as_str().to_owned(),
                backend: device.backend.to_owned(),
                driver: device.driver.clone(),
            },
            data: data.clone(),
            measurements_sha256: measurements.map(sha256),
            shaders_sha256: parnas_shaders::FILES
                .iter()
                .map(|(name, text)| ((*name).to_owned(), sha256(text.as_bytes())))
                .collect(),
            resumes: Vec::new(),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`ManifestError::File`].
    pub fn save(&self, path: &Path) -> Result<(), ManifestError> {
        let malformed =
            |error: serde_json::Error| ManifestError::Malformed { path: path.into(), reason: error.to_string() };
        let text = serde_json::to_string_pretty(self).map_err(malformed)?;
        Ok(files::write_atomically(path, (text + "\n").as_bytes())?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ManifestError::File`] and [`ManifestError::Malformed`].
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { path: path.into(), reason };
        let manifest: Self =
            serde_json::from_slice(&files::read(path)?).map_err(|error| malformed(error.to_string()))?;
        if manifest.schema != SCHEMA {
            return Err(malformed(format!("its schema is {}, this version reads {SCHEMA}", manifest.schema)));
        }
        Ok(manifest)
    }

    /// Records that the run goes on after `step` steps under the circumstances of `now`, and lists what has changed since it
    /// started that may change the last bits of its result. `path` is for messages.
    ///
    /// # Errors
    /// [`ManifestError::Changed`] where it would be another run: other images, measurements, space or seed.
    pub fn resume(&mut self, path: &Path, now: &Self, step: u64) -> Result<Vec<String>, ManifestError> {
        let none = || "none".to_owned();
        let essential = [
            ("the seed", self.seed.to_string(), now.seed.to_string()),
            ("the search space", self.space.clone(), now.space.clone()),
            ("the search space of hash", self.space_hash.clone(), now.space_hash.clone()),
            ("the data set", self.data.name.clone(), now.data.name.clone()),
            ("data of SHA-256", self.data.sha256.clone(), now.data.sha256.clone()),
            (
                "measurements of SHA-256",
                self.measurements_sha256.clone().unwrap_or_else(none),
                now.measurements_sha256.clone().unwrap_or_else(none),
            ),
        ];
        if let Some((what, then, now)) = essential.into_iter().find(|(_, then, now)| then != now) {
            return Err(ManifestError::Changed { path: path.into(), what, then, now });
        }
        let circumstances = [
            ("parnas", &self.parnas_version, &now.parnas_version),
            ("the system", &self.host.system, &now.host.system),
            ("the processor", &self.host.processor, &now.host.processor),
            ("the device", &self.adapter.name, &now.adapter.name),
            ("the backend", &self.adapter.backend, &now.adapter.backend),
            ("the driver", &self.adapter.driver, &now.adapter.driver),
        ];
        let mut changes: Vec<String> = circumstances
            .into_iter()
            .filter(|(_, then, now)| then != now)
            .map(|(what, then, now)| format!("{what} was {then}, now it is {now}"))
            .collect();
        let names = self.shaders_sha256.keys().chain(now.shaders_sha256.keys());
        let mut shaders: Vec<&str> = names
            .filter(|name| self.shaders_sha256.get(*name) != now.shaders_sha256.get(*name))
            .map(String::as_str)
            .collect();
        shaders.sort_unstable();
        shaders.dedup();
        if !shaders.is_empty() {
            changes.push(format!("other shaders: {}", shaders.join(", ")));
        }
        self.resumes.push(Resume { time: now.started.clone(), step, changes: changes.clone() });
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest::new(&Circumstances {
            seed: 7,
            space: "nas-bench-201",
            space_hash: "abc",
            device: &DeviceFacts::cpu(),
            data: DataRecord { name: "digits".to_owned(), sha256: "def".to_owned() },
            measurements: Some(b"measured"),
        })
    }

    #[test]
    fn it_reads_back_and_hashes_every_shader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        manifest().save(&path).unwrap();
        let read = Manifest::load(&path).unwrap();
        assert_eq!(read.shaders_sha256.len(), parnas_shaders::FILES.len());
        // `printf measured | sha256sum`
        let expected = "6a5cc68c4c3410fedb035486291349f57104fe7592f91c6ba052f983000244f6";
        assert_eq!(read.measurements_sha256.as_deref(), Some(expected));
        assert_eq!(Manifest { started: read.started.clone(), ..manifest() }, read);
        std::fs::write(&path, "{}").unwrap();
        assert!(Manifest::load(&path).unwrap_err().to_string().contains("manifest.json"));
    }

    #[test]
    fn a_resumed_run_tells_what_has_changed() {
        let path = Path::new("runs/a/manifest.json");
        let mut first = manifest();
        assert_eq!(first.resume(path, &manifest(), 50).unwrap(), Vec::<String>::new());
        let mut now = manifest();
        now.adapter.driver = "another".to_owned();
        now.shaders_sha256.insert("matmul/matmul".to_owned(), "0".to_owned());
        let changes = first.resume(path, &now, 100).unwrap();
        assert!(changes[0].contains("the driver was") && changes[1] == "other shaders: matmul/matmul", "{changes:?}");
        assert_eq!(first.resumes.iter().map(|resume| resume.step).collect::<Vec<_>>(), [50, 100]);

        now = manifest();
        now.data.sha256 = "other".to_owned();
        let message = first.resume(path, &now, 150).unwrap_err().to_string();
        assert!(message.contains("data of SHA-256 def, now it is other"), "{message}");
        assert_eq!(first.resumes.len(), 2);
    }
}
