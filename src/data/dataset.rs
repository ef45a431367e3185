//! A labelled image dataset in memory, and the recognition of what lies under a path.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{DataError, cifar10, digits, idx};

/// Images of one part of a dataset: bytes as they were stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    /// `[count, channels, height, width]`.
    pub pixels: Vec<u8>,
    /// `[count]`, each below the dataset's `classes`.
    pub labels: Vec<u8>,
}

impl Images {
    /// The number of images.
    pub fn count(&self) -> usize {
        self.labels.len()
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Images({})", self.count())
    }
}

/// A labelled image dataset: what was found, its shape, and all its pixels.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// `digits`, `cifar10`, `mnist` or `fashion-mnist`.
    pub name: String,
    /// Channels of an image.
    pub channels: usize,
    /// Rows of an image, in pixels.
    pub height: usize,
    /// Columns of an image, in pixels.
    pub width: usize,
    /// The number of classes; labels count from 0.
    pub classes: usize,
    /// The images a search may use.
    pub train: Images,
    /// The images no step of a search ever sees.
    pub test: Images,
    /// SHA-256 of shape, pixels and labels, in lower-case hexadecimal: the same for a plain and a gzipped file.
    pub sha256: String,
}

impl Dataset {
    /// Opens the dataset under `path`, or the bundled digits where there is none.
    ///
    /// A folder is recognised by the names of its files: CIFAR-10 binary first, then MNIST and Fashion-MNIST IDX.
    ///
    /// # Errors
    /// [`DataError::Missing`] and [`DataError::UnknownLayout`] where nothing known is found, the others where a file
    /// is malformed.
    pub fn open(path: Option<&Path>) -> Result<Self, DataError> {
        let Some(path) = path else {
            return digits::load();
        };
        let metadata = std::fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => DataError::Missing {
                path: path.into(),
                expected: "give the folder of a dataset, or leave --data out for the bundled digits".into(),
            },
            _ => DataError::Read { path: path.into(), offset: 0, source },
        })?;
        if !metadata.is_dir() {
            return Err(DataError::UnknownLayout {
                path: path.into(),
                found: "a file, where the folder of a dataset is expected".into(),
            });
        }
        let names = file_names(path)?;
        if cifar10::recognises(&names) {
            cifar10::load(path, &names)
        } else if idx::recognises(&names) {
            idx::load(path, &names)
        } else {
            let found = match names.first() {
                None => "an empty folder".into(),
                Some(first) => format!("a folder of {} entries, such as {first}", names.len()),
            };
            Err(DataError::UnknownLayout { path: path.into(), found })
        }
    }

    /// Bytes of one image: channels x height x width.
    pub fn image_size(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Puts a dataset together and hashes it. `shape` is channels, height, width.
    pub(super) fn assemble(name: &str, shape: [usize; 3], classes: usize, train: Images, test: Images) -> Self {
        let mut hash = Sha256::new();
        for extent in shape.into_iter().chain([classes, train.count(), test.count()]) {
            hash.update((extent as u64).to_le_bytes());
        }
        for part in [&train, &test] {
            hash.update(&part.pixels);
            hash.update(&part.labels);
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let [channels, height, width] = shape;
        Self { name: name.into(), channels, height, width, classes, train, test, sha256 }
    }
}

/// The names in a folder, sorted. Names that are not UTF-8 are no dataset's and are left out.
fn file_names(path: &Path) -> Result<Vec<String>, DataError> {
    let failed = |source| DataError::Read { path: path.into(), offset: 0, source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
