//! Tables that cannot be used, and what to do.

use std::path::PathBuf;

use crate::files::FileError;

/// Tables, or a file to make them of, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is no Parquet, or a damaged one.
    #[error("{}: not a readable Parquet file: {reason}; make it again with `parnas import`", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// The metadata are not those of tables of this version.
    #[error("{}: metadata key {key}: {reason}; make the file again with `parnas import`", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Contents that no tables have.
    #[error("{}: column {column}: {reason}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A cell, a line or the header of a CSV file.
    #[error("{}: line {line}, column {column}: {reason}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, from 1 (the header).
        line: u64,
        /// The column's name.
        column: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file that holds too few or too many architectures.
    #[error("{}: {found} architectures where the space {space} has {expected}; the whole table is needed", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// The space.
        space: String,
        /// Lines with an architecture.
        found: usize,
        /// Architectures of the space.
        expected: usize,
    },
    /// The same quantity in two files, with different values.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// A mapping that is no mapping.
    #[error("{}: {reason}", path.display())]
    Mapping {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No file says which architecture has which index.
    #[error(
        "none of the files has a column of architectures; give one that has, such as HELP's latencies, in the same command"
    )]
    NoOrder,
}

/// The same quantity in two files, with different values.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: column {column}: {name} is {found} for architecture {index}, and {known} in {}; leave one of the files out",
    path.display(),
    other.display()
)]
pub struct Conflict {
    /// The later file.
    pub path: PathBuf,
    /// Its column.
    pub column: String,
    /// The quantity.
    pub name: String,
    /// The row.
    pub index: usize,
    /// The value there.
    pub found: f64,
    /// The earlier file.
    pub other: PathBuf,
    /// The value there.
    pub known: f64,
}
