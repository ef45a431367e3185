//! What tables must be, whether they were read or are about to be written.

use std::collections::{HashMap, HashSet};

use super::{ColumnKind, Tables};
use crate::hardware::profile::is_valid_name;

/// The name of the column of architectures.
pub(super) const ARCHITECTURE: &str = "architecture";

/// Something that no tables have: the column, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub column: String,
    pub reason: String,
}

/// Checks row counts, names, devices and values.
pub(super) fn check(tables: &Tables) -> Result<(), Fault> {
    let rows = tables.architectures.len();
    let fault = |column: &str, reason: String| Err(Fault { column: column.to_owned(), reason });
    let mut first = HashMap::with_capacity(rows);
    for (row, architecture) in tables.architectures.iter().enumerate() {
        if let Some(earlier) = first.insert(architecture.as_str(), row) {
            return fault(ARCHITECTURE, format!("{architecture} is row {earlier} and row {row}"));
        }
    }
    if rows == 0 {
        return fault(ARCHITECTURE, "there is no row".to_owned());
    }
    let mut names = HashSet::from([ARCHITECTURE]);
    let mut batches: HashMap<&str, u32> = HashMap::new();
    for (place, column) in tables.columns.iter().enumerate() {
        let name = column.name.as_str();
        if name.is_empty() || !names.insert(name) {
            return fault(name, "a column has a name, and no other column has it".to_owned());
        }
        if column.values.len() != rows {
            return fault(name, format!("{} values for {rows} architectures", column.values.len()));
        }
        if let Some(row) = column.values.iter().position(|value| value.is_infinite()) {
            return fault(name, format!("the value of row {row} is infinite; a missing value is a null"));
        }
        let earlier = &tables.columns[..place];
        if column.kind != ColumnKind::Other
            && let Some(other) = earlier.iter().find(|other| same_quantity(&column.kind, &other.kind))
        {
            return fault(name, format!("it is the same quantity as the column {}", other.name));
        }
        if let ColumnKind::Device { device, batch, objective } = &column.kind {
            if !is_valid_name(device) {
                return fault(name, format!("the device {device:?}: a name has the characters a-z 0-9 _ . - only"));
            }
            if *batch == 0 || objective.is_empty() {
                return fault(name, "a device has a batch of at least 1, and an objective".to_owned());
            }
            let known = *batches.entry(device).or_insert(*batch);
            if known != *batch {
                return fault(name, format!("the batch of {device} is {batch}, and {known} in an earlier column"));
            }
        }
    }
    Ok(())
}

/// Whether two columns would answer the same question. A device has one batch, which is no part of it.
fn same_quantity(one: &ColumnKind, other: &ColumnKind) -> bool {
    match (one, other) {
        (ColumnKind::Device { device, objective, .. }, ColumnKind::Device { device: second, objective: other, .. }) => {
            device == second && objective == other
        }
        _ => one == other,
    }
}
