//! Checkpoints: every learned or changing tensor after a step, in one safetensors file.
//!
//! The same content always makes the same bytes, and what is read is what was written, bit for bit: counters are held in
//! the bits of floats, so a NaN's bits matter too.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{self, FileError};

/// The kind and version of the files.
const SCHEMA: &str = "parnas-checkpoint-1";
/// The one entry of the file's metadata, which has no order of its own.
const ENTRY: &str = "parnas";

/// A checkpoint that cannot be written, or is refused.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is no checkpoint, or a damaged one.
    #[error("{}: not a whole checkpoint: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint is of another search space.
    #[error("{}: the checkpoint is of another search space (hash {found}, this run has {expected})", path.display())]
    Space {
        /// The file.
        path: PathBuf,
        /// In the file.
        found: String,
        /// In the run.
        expected: String,
    },
    /// A tensor is not as the run's configuration has it.
    #[error(
        "{}: tensor {tensor}: {reason}; the checkpoint belongs to another configuration than the config.toml beside it",
        path.display()
    )]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
}

/// All tensors of a run after a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The steps done.
    pub step: u64,
    /// The hash of the search space.
    pub space_hash: String,
    /// Shape and values by name.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: String,
    step: u64,
    space_hash: String,
    /// Of all values, in the order of names.
    sha256: String,
}

impl Checkpoint {
    /// The tensors after `step` steps in the space of this hash.
    pub fn new(step: u64, space_hash: &str, tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Self {
        Self { step, space_hash: space_hash.to_owned(), tensors }
    }

    /// Writes the file: all of it or, whatever happens, nothing.
    ///
    /// # Errors
    /// [`CheckpointError::File`] where it cannot be written, [`CheckpointError::Tensor`] where a shape does not fit its
    /// values.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
            .collect();
        let views = bytes
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F32, (*shape).clone(), bytes).map_err(|error| {
                    let reason = error.to_string();
                    CheckpointError::Tensor { path: path.into(), tensor: (*name).clone(), reason }
                })?;
                Ok((name.as_str(), view))
            })
            .collect::<Result<Vec<_>, CheckpointError>>()?;
        let header = Header {
            schema: SCHEMA.to_owned(),
            step: self.step,
            space_hash: self.space_hash.clone(),
            sha256: hash(bytes.iter().map(|(name, _, bytes)| (name.as_str(), bytes.as_slice()))),
        };
        let malformed = |reason: String| CheckpointError::Malformed { path: path.into(), reason };
        let header = serde_json::to_string(&header).map_err(|error| malformed(error.to_string()))?;
        let metadata = HashMap::from([(ENTRY.to_owned(), header)]);
        let file = safetensors::serialize(views, Some(metadata)).map_err(|error| malformed(error.to_string()))?;
        Ok(files::write_atomically(path, &file)?)
    }

    /// Reads a file, and checks that no byte of it has changed.
    ///
    /// # Errors
    /// [`CheckpointError::File`] and [`CheckpointError::Malformed`].
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = files::read(path)?;
        let malformed = |reason: String| CheckpointError::Malformed { path: path.into(), reason };
        let safetensors = |error: safetensors::SafeTensorError| malformed(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(safetensors)?;
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let header = header.ok_or_else(|| malformed("parnas did not write this safetensors file".to_owned()))?;
        let header: Header = serde_json::from_str(header).map_err(|error| malformed(error.to_string()))?;
        if header.schema != SCHEMA {
            return Err(malformed(format!("its schema is {}, this version reads {SCHEMA}", header.schema)));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(safetensors)?;
        let mut views: Vec<(&str, TensorView<'_>)> = file.iter().collect();
        views.sort_by_key(|(name, _)| *name);
        if hash(views.iter().map(|(name, view)| (*name, view.data()))) != header.sha256 {
            return Err(malformed("its values do not have the hash that was written with them".to_owned()));
        }
        let mut tensors = BTreeMap::new();
        for (name, view) in views {
            if view.dtype() != Dtype::F32 {
                return Err(malformed(format!("tensor {name} is of type {:?}, not F32", view.dtype())));
            }
            let (values, _) = view.data().as_chunks::<4>();
            let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            tensors.insert(name.to_owned(), (view.shape().to_vec(), values));
        }
        Ok(Self { step: header.step, space_hash: header.space_hash, tensors })
    }

    /// Checks that the checkpoint is of this space and has exactly these tensors. `path` is for the message.
    ///
    /// # Errors
    /// [`CheckpointError::Space`] and [`CheckpointError::Tensor`].
    pub fn expect(
        &self,
        path: &Path,
        space_hash: &str,
        expected: &BTreeMap<String, Vec<usize>>,
    ) -> Result<(), CheckpointError> {
        if self.space_hash != space_hash {
            let (found, expected) = (self.space_hash.clone(), space_hash.to_owned());
            return Err(CheckpointError::Space { path: path.into(), found, expected });
        }
        let refused = |tensor: &String, reason: String| {
            Err(CheckpointError::Tensor { path: path.into(), tensor: tensor.clone(), reason })
        };
        for (name, shape) in expected {
            match self.tensors.get(name) {
                None => return refused(name, "it is missing".to_owned()),
                Some((found, _)) if found != shape => {
                    return refused(name, format!("its shape is {found:?}, the run needs {shape:?}"));
                }
                Some(_) => {}
            }
        }
        match self.tensors.keys().find(|name| !expected.contains_key(*name)) {
            Some(name) => refused(name, "the run has no such tensor".to_owned()),
            None => Ok(()),
        }
    }
}

fn hash<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in tensors {
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let bits = [f32::from_bits(7), f32::from_bits(0x7fa0_1234), f32::from_bits(0xffff_ffff), -0.0];
        let tensors = BTreeMap::from([
            ("weights".to_owned(), (vec![2, 2], bits.to_vec())),
            ("clock".to_owned(), (vec![1], vec![f32::from_bits(600)])),
            ("none".to_owned(), (vec![0, 3], Vec::new())),
        ]);
        Checkpoint::new(600, "space", tensors)
    }

    #[test]
    fn every_bit_comes_back_and_files_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        checkpoint().save(&first).unwrap();
        let read = Checkpoint::load(&first).unwrap();
        let bits = |checkpoint: &Checkpoint| -> Vec<u32> {
            checkpoint.tensors.values().flat_map(|(_, values)| values.iter().map(|value| value.to_bits())).collect()
        };
        assert_eq!((read.step, read.space_hash.as_str()), (600, "space"));
        assert_eq!(bits(&read), bits(&checkpoint()));
        assert_eq!(read.tensors["weights"].0, [2, 2]);
        read.save(&second).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        checkpoint().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(message.contains("checkpoint.safetensors"), "{message}");
        }
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(Checkpoint::load(&path).unwrap_err().to_string().contains("hash"));
    }

    #[test]
    fn another_configuration_is_refused_by_tensor() {
        let path = Path::new("runs/a/checkpoint.safetensors");
        let shapes = || -> BTreeMap<String, Vec<usize>> {
            checkpoint().tensors.into_iter().map(|(name, (shape, _))| (name, shape)).collect()
        };
        checkpoint().expect(path, "space", &shapes()).unwrap();
        let message = |hash: &str, shapes: &BTreeMap<String, Vec<usize>>| {
            checkpoint().expect(path, hash, shapes).unwrap_err().to_string()
        };
        assert!(message("other", &shapes()).contains("another search space"));
        let mut other = shapes();
        other.insert("weights".to_owned(), vec![4]);
        assert!(message("space", &other).contains("tensor weights: its shape is [2, 2], the run needs [4]"));
        other = shapes();
        other.insert("bias".to_owned(), vec![4]);
        assert!(message("space", &other).contains("tensor bias: it is missing"));
        other = shapes();
        other.remove("clock");
        assert!(message("space", &other).contains("tensor clock: the run has no such tensor"));
    }
}
