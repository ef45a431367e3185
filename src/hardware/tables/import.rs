//! From the CSV files that people have to one set of tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::Conflict;
use super::layout::Layout;
use super::mapping::{Mapping, Meaning};
use super::{Column, ColumnKind, Tables, TablesError};
use crate::files;
use crate::hardware::profile::is_valid_name;
use crate::space::SearchSpace;

/// What to import, and as what.
#[derive(Debug, Clone)]
pub struct Import<'a> {
    /// The CSV files.
    pub files: &'a [PathBuf],
    /// The meaning of the columns of files whose header is not a published one.
    pub mapping: Option<&'a Mapping>,
    /// Architectures that are known to stand at an index: `(index, text)`. Another order is refused.
    pub anchors: &'a [(usize, &'a str)],
}

/// A file as it was read: lines in the order of the indices.
struct Source {
    path: PathBuf,
    header: Vec<String>,
    /// `(line, cells)`.
    rows: Vec<(u64, Vec<String>)>,
    layout: Option<Layout>,
    index: Option<usize>,
    architecture: Option<usize>,
}

/// Reads the files and joins them.
///
/// # Errors
/// [`TablesError`] names file, line and column: an index or an architecture that is not where the published order has it, a
/// row count that is not the space's, a number that is none or that no quantity of its kind has, the same quantity with two values.
pub fn import(space: &dyn SearchSpace, request: &Import<'_>) -> Result<Tables, TablesError> {
    let expected = usize::try_from(space.count()).unwrap_or(usize::MAX);
    let mut sources = Vec::new();
    for path in request.files {
        sources.push(Source::read(path, request.mapping, space.name(), expected)?);
    }
    let architectures = order(space, &sources, request.anchors)?;
    let rows_of: HashMap<&str, usize> =
        architectures.iter().enumerate().map(|(row, own)| (own.as_str(), row)).collect();
    let mut columns: Vec<(Column, PathBuf, String)> = Vec::new();
    for source in &sources {
        for column in source.columns(request.mapping, &rows_of)? {
            join(&mut columns, column, source)?;
        }
    }
    Ok(Tables {
        space: space.name().to_owned(),
        space_hash: space.hash(),
        architectures,
        columns: columns.into_iter().map(|(column, ..)| column).collect(),
    })
}

/// How far two files may differ in the same quantity, as a part of it: HELP rounds to six digits.
const ROUNDING: f64 = 1e-5;

/// Adds a column; of one that is known already the first values are kept, and the others must be the same.
fn join(
    columns: &mut Vec<(Column, PathBuf, String)>,
    (column, name): (Column, String),
    source: &Source,
) -> Result<(), TablesError> {
    let same = |(known, ..): &&(Column, PathBuf, String)| known.name == column.name;
    let Some((known, other, _)) = columns.iter().find(same) else {
        columns.push((column, source.path.clone(), name));
        return Ok(());
    };
    for (index, (found, known)) in column.values.iter().zip(&known.values).enumerate() {
        let alike = (found - known).abs() <= ROUNDING * known.abs();
        if !(alike || found.is_nan() && known.is_nan()) {
            return Err(TablesError::Conflict(Box::new(Conflict {
                path: source.path.clone(),
                column: name,
                name: column.name.clone(),
                index,
                found: *found,
                other: other.clone(),
                known: *known,
            })));
        }
    }
    Ok(())
}

/// The architectures in the order of the indices, by the first file that has both.
fn order(space: &dyn SearchSpace, sources: &[Source], anchors: &[(usize, &str)]) -> Result<Vec<String>, TablesError> {
    let mut first: Option<Vec<String>> = None;
    for source in sources {
        let Some(place) = source.architecture else { continue };
        let column = &source.header[place];
        let mut seen = HashMap::new();
        let mut own = Vec::with_capacity(source.rows.len());
        for (row, (line, cells)) in source.rows.iter().enumerate() {
            let text = &cells[place];
            let refuse = |reason: String| source.cell(*line, column, reason);
            let architecture = space.parse(text).map_err(|error| refuse(error.to_string()))?;
            let printed = space.print(&architecture);
            if let Some(earlier) = seen.insert(printed.clone(), *line) {
                return Err(refuse(format!("{text} is already on line {earlier}")));
            }
            if let Some((_, anchor)) = anchors.iter().find(|(index, anchor)| *index == row && *anchor != printed) {
                return Err(refuse(format!(
                    "index {row} is {text}, where the published order has {anchor}; sort the file by the published index"
                )));
            }
            if let Some(known) = &first
                && known[row] != printed
            {
                return Err(refuse(format!("index {row} is {text}, and {} in an earlier file", known[row])));
            }
            own.push(printed);
        }
        first.get_or_insert(own);
    }
    first.ok_or(TablesError::NoOrder)
}

impl Source {
    fn read(path: &Path, mapping: Option<&Mapping>, space: &str, expected: usize) -> Result<Self, TablesError> {
        let bytes = files::read(path)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
        let refuse = |error: &csv::Error| TablesError::Cell {
            path: path.to_path_buf(),
            line: error.position().map_or(1, csv::Position::line),
            column: "unknown".to_owned(),
            reason: error.to_string(),
        };
        let header: Vec<String> = reader.headers().map_err(|error| refuse(&error))?.iter().map(str::to_owned).collect();
        let layout = Layout::of(&header);
        let place = |name: &str| header.iter().position(|own| own == name);
        let (index, architecture) = match (layout, mapping) {
            (Some(_), _) => (place("index"), place("arch")),
            (None, Some(mapping)) => {
                let named = |name: &Option<String>| name.as_deref().and_then(place);
                (named(&mapping.index), named(&mapping.architecture))
            }
            (None, None) => (None, None),
        };
        let source = Self { path: path.to_path_buf(), header, rows: Vec::new(), layout, index, architecture };
        if layout.is_none() && mapping.is_none() {
            let reason =
                "the header is none of HELP's, HW-NAS-Bench's or NATS-Bench's; say what the columns are with --mapping";
            return Err(source.cell(1, source.header.first().map_or("", String::as_str), reason.to_owned()));
        }
        if index.is_none() && architecture.is_none() {
            let reason = "the file has neither the column of indices nor that of architectures that the mapping names";
            return Err(source.cell(1, source.header.first().map_or("", String::as_str), reason.to_owned()));
        }
        let mut rows = Vec::with_capacity(expected.min(1 << 20));
        for record in reader.records() {
            let record = record.map_err(|error| refuse(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            rows.push((line, record.iter().map(str::to_owned).collect::<Vec<_>>()));
        }
        if rows.len() != expected {
            return Err(TablesError::Rows {
                path: path.to_path_buf(),
                space: space.to_owned(),
                found: rows.len(),
                expected,
            });
        }
        if let Some(place) = index {
            for (row, (line, cells)) in rows.iter().enumerate() {
                if cells[place].parse() != Ok(row) {
                    let reason = format!("{:?} where index {row} is expected; sort the file by index", cells[place]);
                    return Err(source.cell(*line, &source.header[place], reason));
                }
            }
        }
        Ok(Self { rows, ..source })
    }

    fn cell(&self, line: u64, column: &str, reason: String) -> TablesError {
        TablesError::Cell { path: self.path.clone(), line, column: column.to_owned(), reason }
    }

    /// The quantities of the file, each with the name of its column there, in the order of the architectures.
    fn columns(
        &self,
        mapping: Option<&Mapping>,
        rows_of: &HashMap<&str, usize>,
    ) -> Result<Vec<(Column, String)>, TablesError> {
        let mut columns = Vec::new();
        let mut seen = HashMap::new();
        for (place, name) in self.header.iter().enumerate() {
            if let Some(earlier) = seen.insert(name.as_str(), place) {
                return Err(self.cell(1, name, format!("the column appears twice, as column {} too", earlier + 1)));
            }
            if Some(place) == self.index || Some(place) == self.architecture {
                continue;
            }
            let (meaning, factor, origin) = match (self.layout, mapping) {
                (Some(layout), _) => (layout.meaning(name), 1.0, layout.source()),
                (None, Some(mapping)) => {
                    let Some(mapped) = mapping.columns.get(name) else { continue };
                    let (meaning, factor) = mapped.meaning().map_err(|reason| self.cell(1, name, reason))?;
                    (meaning, factor, (mapping.source.as_str(), mapping.licence.as_str()))
                }
                (None, None) => continue,
            };
            if let ColumnKind::Device { device, .. } = &meaning.kind
                && !is_valid_name(device)
            {
                let reason = format!("{device:?} as a device's name: it has the characters a-z 0-9 _ . - only");
                return Err(self.cell(1, name, format!("{reason}; rename the column, or give a --mapping")));
            }
            let mut values = vec![f64::NAN; self.rows.len()];
            for (row, (line, cells)) in self.rows.iter().enumerate() {
                // Without indices the architectures' own order is the file's.
                let row = match (self.index, self.architecture) {
                    (None, Some(own)) => rows_of.get(cells[own].as_str()).copied().unwrap_or(row),
                    _ => row,
                };
                values[row] = self.value(*line, name, &cells[place], &meaning)? * factor;
            }
            columns.push((
                Column {
                    name: column_name(&meaning.kind, name),
                    kind: meaning.kind,
                    unit: meaning.unit,
                    source: origin.0.to_owned(),
                    licence: origin.1.to_owned(),
                    values,
                },
                name.clone(),
            ));
        }
        if let (None, Some(mapping)) = (self.layout, mapping) {
            let absent = mapping.columns.keys().find(|name| !self.header.contains(name));
            if let Some(name) = absent {
                return Err(self.cell(1, name, "the mapping names this column, and the file has none".to_owned()));
            }
        }
        Ok(columns)
    }

    /// A cell's number, NaN where it is missing. Costs are above 0 and accuracies within 0 and 100.
    fn value(&self, line: u64, column: &str, cell: &str, meaning: &Meaning) -> Result<f64, TablesError> {
        if cell.is_empty() {
            return Ok(f64::NAN);
        }
        let value: f64 = cell.parse().map_err(|_| self.cell(line, column, format!("{cell:?} is not a number")))?;
        if Some(value) == meaning.missing {
            return Ok(f64::NAN);
        }
        let refused = match &meaning.kind {
            ColumnKind::Device { .. } if !(value.is_finite() && value > 0.0) => {
                Some("a cost is above 0; leave the cell empty where it is missing")
            }
            ColumnKind::Accuracy { .. } if !(0.0..=100.0).contains(&value) => Some("an accuracy lies in 0 to 100 %"),
            _ if !value.is_finite() => Some("it must be finite"),
            _ => None,
        };
        match refused {
            Some(reason) => Err(self.cell(line, column, format!("{cell} is refused: {reason}"))),
            None => Ok(value),
        }
    }
}

/// The name of a quantity in the tables: `pixel3.latency`, `c10.test.200`, or the file's own.
fn column_name(kind: &ColumnKind, name: &str) -> String {
    match kind {
        ColumnKind::Device { device, objective, .. } => format!("{device}.{objective}"),
        ColumnKind::Accuracy { dataset, split, epochs } => format!("{dataset}.{split}.{epochs}"),
        ColumnKind::Other => name.to_owned(),
    }
}
