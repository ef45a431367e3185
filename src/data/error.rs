//! What can be wrong with data, said so that the user can mend it: the file, the byte, and what was expected there.

use std::path::PathBuf;

/// The layouts that [`super::Dataset::open`] knows, as its error lists them.
pub const KNOWN_LAYOUTS: &str = "known layouts: CIFAR-10 binary (a folder with data_batch_1.bin ... and \
test_batch.bin); MNIST or Fashion-MNIST IDX (a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, \
t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or .gz); without --data the bundled digits are used";

/// An error of a dataset, a split or a loader.
///
/// Offsets count bytes from the start of the file; within a `.gz` file, of its decompressed contents.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder that is needed is not there.
    #[error("{}: not found; {expected}", path.display())]
    Missing {
        /// The path that was looked for.
        path: PathBuf,
        /// What should have been there.
        expected: String,
    },
    /// Images are to be made larger, or to vanish.
    #[error(
        "key image_size: {asked} pixels are asked for, and the images of {name} are {height}x{width}: they are only made smaller"
    )]
    ImageSize {
        /// The side that was asked for.
        asked: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// The dataset.
        name: String,
    },
    /// The path exists but holds none of the known layouts.
    #[error("{}: not a dataset that is known here ({found}); {KNOWN_LAYOUTS}", path.display())]
    UnknownLayout {
        /// The path that was given.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// The operating system, or the gzip decoder, refused to read on.
    #[error("{}: byte {offset}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The file ends inside a header or a record.
    #[error(
        "{}: byte {offset}: truncated: {what} of {expected} bytes starts here, but only {found} bytes are left",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the incomplete part starts.
        offset: u64,
        /// The name of that part.
        what: &'static str,
        /// Its whole size in bytes.
        expected: u64,
        /// The bytes that are there.
        found: u64,
    },
    /// An IDX file opens with another magic number than its name promises.
    #[error(
        "{}: byte 0: wrong magic number {found:#010x}, expected {expected:#010x}",
        path.display()
    )]
    WrongMagic {
        /// The file.
        path: PathBuf,
        /// The magic number of the kind of file.
        expected: u32,
        /// What was read.
        found: u32,
    },
    /// Contents that no valid file has.
    #[error("{}: byte {offset}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A label that is not a class.
    #[error(
        "{}: byte {offset}: label {label} is out of range: there are {classes} classes, counted from 0",
        path.display()
    )]
    LabelOutOfRange {
        /// The file.
        path: PathBuf,
        /// Where the label stands.
        offset: u64,
        /// The label.
        label: u8,
        /// The number of classes.
        classes: usize,
    },
    /// Splits that cannot be made from this dataset.
    #[error("cannot split the data: {0}")]
    Split(String),
    /// A loader or prefetcher that cannot be made, or was handed buffers of the wrong size.
    #[error("cannot load batches: {0}")]
    Loader(String),
}
