//! CIFAR-10 in its binary layout: records of one label byte and 3,072 pixel bytes (channels, rows, columns).
//!
//! Any number of whole records is accepted in each file, so that a subset is a dataset too. Source: Krizhevsky,
//! "Learning multiple layers of features from tiny images", 2009; layout: the dataset's page, "binary version".

use std::path::Path;

use super::{DataError, Dataset, Images};

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
const RECORD: usize = 1 + PIXELS;
const CLASSES: usize = 10;
const TEST_FILE: &str = "test_batch.bin";

/// Whether a folder with these file names is meant to be CIFAR-10 binary.
pub(super) fn recognises(names: &[String]) -> bool {
    names.iter().any(|name| name == TEST_FILE || is_training_file(name))
}

fn is_training_file(name: &str) -> bool {
    name.strip_prefix("data_batch_")
        .and_then(|rest| rest.strip_suffix(".bin"))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Loads the training files in the order of their numbers, and the test file.
pub(super) fn load(folder: &Path, names: &[String]) -> Result<Dataset, DataError> {
    let mut training: Vec<&String> = names.iter().filter(|name| is_training_file(name)).collect();
    // Shorter first, then by text: data_batch_2 before data_batch_10.
    training.sort_by_key(|name| (name.len(), name.as_str()));
    if training.is_empty() {
        return Err(DataError::Missing {
            path: folder.join("data_batch_1.bin"),
            expected: "CIFAR-10 needs at least one training file data_batch_<number>.bin".into(),
        });
    }
    let mut train = Images { pixels: Vec::new(), labels: Vec::new() };
    for name in training {
        append(&folder.join(name), &mut train)?;
    }
    let mut test = Images { pixels: Vec::new(), labels: Vec::new() };
    append(&folder.join(TEST_FILE), &mut test)?;
    Ok(Dataset::assemble("cifar10", SHAPE, CLASSES, train, test))
}

fn append(path: &Path, images: &mut Images) -> Result<(), DataError> {
    let bytes = std::fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => {
            DataError::Missing { path: path.into(), expected: "CIFAR-10 binary keeps its test images here".into() }
        }
        _ => DataError::Read { path: path.into(), offset: 0, source },
    })?;
    if bytes.is_empty() {
        return Err(DataError::Truncated {
            path: path.into(),
            offset: 0,
            what: "a record",
            expected: RECORD as u64,
            found: 0,
        });
    }
    images.pixels.reserve(bytes.len() / RECORD * PIXELS);
    images.labels.reserve(bytes.len() / RECORD);
    for (number, record) in bytes.chunks(RECORD).enumerate() {
        let offset = (number * RECORD) as u64;
        if record.len() < RECORD {
            return Err(DataError::Truncated {
                path: path.into(),
                offset,
                what: "a record",
                expected: RECORD as u64,
                found: record.len() as u64,
            });
        }
        let label = record[0];
        if usize::from(label) >= CLASSES {
            return Err(DataError::LabelOutOfRange { path: path.into(), offset, label, classes: CLASSES });
        }
        images.labels.push(label);
        images.pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}
