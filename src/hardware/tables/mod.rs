//! The tables of a benchmark in one compact file: every architecture of a space in the published order, and beside each what it
//! costs on many devices and what accuracy it reaches. Guide and format: `docs/tables.md`.
//!
//! The file is Parquet: a column a quantity, compressed, nulls where a value is missing, with units, batches, sources and
//! licences in its metadata, so that it can be opened by whatever reads Parquet.

mod check;
mod error;
mod import;
mod layout;
mod mapping;
mod parquet;
mod profiles;

pub use error::TablesError;
pub use import::{Import, import};
pub use mapping::Mapping;

/// The tables of a space.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// The search space's name.
    pub space: String,
    /// The hash of the space.
    pub space_hash: String,
    /// Every architecture, in the published order.
    pub architectures: Vec<String>,
    /// What is known of them.
    pub columns: Vec<Column>,
}

/// One quantity of every architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name in the file, each once.
    pub name: String,
    /// What it is.
    pub kind: ColumnKind,
    /// `ms`, `mJ`, `%`, ...; may be empty.
    pub unit: String,
    /// Where the numbers come from.
    pub source: String,
    /// Under which licence.
    pub licence: String,
    /// A value an architecture; NaN where it is missing.
    pub values: Vec<f64>,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// A hardware objective on a device.
    Device {
        /// The device's name.
        device: String,
        /// Images of one measured pass.
        batch: u32,
        /// `latency` or `energy`.
        objective: String,
    },
    /// An accuracy in percent.
    Accuracy {
        /// `c10`, `c100`, `in16`.
        dataset: String,
        /// `test`, `valid`, ...
        split: String,
        /// Epochs of training.
        epochs: u32,
    },
    /// Anything else, kept as it is.
    Other,
}

impl Tables {
    /// The devices, each once, in the order of their first columns.
    pub fn devices(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for column in &self.columns {
            if let ColumnKind::Device { device, .. } = &column.kind
                && !names.contains(&device.as_str())
            {
                names.push(device);
            }
        }
        names
    }

    /// The devices that were measured on networks for a dataset: those of other datasets have its name before a point.
    pub fn devices_of(&self, dataset: &str) -> Vec<&str> {
        let own = |name: &&str| name.split_once('.').is_none_or(|(other, _)| other == dataset);
        self.devices().into_iter().filter(own).collect()
    }

    /// A hardware objective on a device.
    pub fn device(&self, name: &str, objective: &str) -> Option<&Column> {
        self.columns.iter().find(|column| {
            matches!(&column.kind, ColumnKind::Device { device, objective: own, .. } if device == name && own == objective)
        })
    }

    /// An accuracy.
    pub fn accuracy(&self, dataset: &str, split: &str, epochs: u32) -> Option<&Column> {
        let wanted = ColumnKind::Accuracy { dataset: dataset.to_owned(), split: split.to_owned(), epochs };
        self.columns.iter().find(|column| column.kind == wanted)
    }

    /// The first column of an accuracy, if there is one.
    pub fn first_accuracy(&self) -> Option<&Column> {
        self.columns.iter().find(|column| matches!(column.kind, ColumnKind::Accuracy { .. }))
    }

    /// The row of an architecture.
    pub fn row(&self, architecture: &str) -> Option<usize> {
        self.architectures.iter().position(|own| own == architecture)
    }
}

impl Column {
    /// How many values are missing.
    pub fn missing(&self) -> usize {
        self.values.iter().filter(|value| value.is_nan()).count()
    }
}
