//! `metrics.csv`: a row every few steps, the step first.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, FileAction, FileError};

/// Metrics that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file has other columns.
    #[error("{}: its columns are {found}, this run writes {expected}; it belongs to another configuration", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// In the file.
        found: String,
        /// Of the run.
        expected: String,
    },
    /// A line that no run has written.
    #[error("{}: line {line}: it does not begin with a step; restore the file, or delete it to go on without it", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A row of another length than the columns.
    #[error("{}: a row of {found} values for {expected} columns", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Values.
        found: usize,
        /// Columns beside the step.
        expected: usize,
    },
}

/// The open file. Rows are kept in memory until [`flush`](Self::flush): those behind the last checkpoint would be dropped
/// by a resumed run anyway.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: BufWriter<File>,
    columns: usize,
}

impl Metrics {
    /// Starts the file, with these columns behind the step.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path, columns: &[&str]) -> Result<Self, MetricsError> {
        files::write_atomically(path, (header(columns) + "\n").as_bytes())?;
        Self::open(path, columns.len())
    }

    /// Goes on with the file of an interrupted run: rows after `done` steps are dropped, as is a last line that was not
    /// written to its end. A file that is gone is started again.
    ///
    /// # Errors
    /// Where it has other columns or lines that no run wrote, or cannot be read or written.
    pub fn resume(path: &Path, columns: &[&str], done: u64) -> Result<Self, MetricsError> {
        if !path.exists() {
            return Self::create(path, columns);
        }
        let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
        // Without its end a last line may have lost digits that nobody would miss.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut lines = whole.lines();
        let (found, expected) = (lines.next().unwrap_or_default(), header(columns));
        if found != expected {
            return Err(MetricsError::Columns { path: path.into(), found: found.to_owned(), expected });
        }
        let mut kept = expected + "\n";
        for (place, line) in lines.enumerate() {
            let step = line.split(',').next().and_then(|step| step.parse::<u64>().ok());
            let step = step.ok_or_else(|| MetricsError::Line { path: path.into(), line: place + 2 })?;
            if step <= done {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        files::write_atomically(path, kept.as_bytes())?;
        Self::open(path, columns.len())
    }

    fn open(path: &Path, columns: usize) -> Result<Self, MetricsError> {
        let file = OpenOptions::new().append(true).open(path).map_err(|source| writing(path, source))?;
        Ok(Self { path: path.into(), file: BufWriter::new(file), columns })
    }

    /// Adds the row of a step.
    ///
    /// # Errors
    /// [`MetricsError::Row`], and where the file cannot be written.
    pub fn append(&mut self, step: u64, values: &[f64]) -> Result<(), MetricsError> {
        if values.len() != self.columns {
            let (found, expected) = (values.len(), self.columns);
            return Err(MetricsError::Row { path: self.path.clone(), found, expected });
        }
        let row: String = values.iter().map(|value| format!(",{value}")).collect();
        Ok(writeln!(self.file, "{step}{row}").map_err(|source| writing(&self.path, source))?)
    }

    /// Brings all rows to the disk.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn flush(&mut self) -> Result<(), MetricsError> {
        let result = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        Ok(result.map_err(|source| writing(&self.path, source))?)
    }
}

fn header(columns: &[&str]) -> String {
    std::iter::once("step").chain(columns.iter().copied()).collect::<Vec<_>>().join(",")
}

fn writing(path: &Path, source: std::io::Error) -> FileError {
    FileError { path: path.into(), action: FileAction::Write, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_file_is_that_of_an_uninterrupted_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let columns = ["loss", "hardware"];
        let fill = |metrics: &mut Metrics, steps: std::ops::RangeInclusive<u64>| {
            for step in steps {
                metrics.append(step * 10, &[1.0 / step as f64, f64::NAN]).unwrap();
            }
            metrics.flush().unwrap();
        };
        fill(&mut Metrics::create(&path, &columns).unwrap(), 1..=6);
        let whole = std::fs::read_to_string(&path).unwrap();
        assert!(whole.starts_with("step,loss,hardware\n10,1,NaN\n20,0.5,NaN\n"), "{whole}");
        // A checkpoint after 30 steps, and any number of bytes behind it.
        let kept = whole.lines().take(4).map(|line| line.len() + 1).sum::<usize>();
        for length in kept..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            fill(&mut Metrics::resume(&path, &columns, 30).unwrap(), 4..=6);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole, "cut at {length}");
        }
    }

    #[test]
    fn other_files_and_rows_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut metrics = Metrics::create(&path, &["loss"]).unwrap();
        assert!(matches!(metrics.append(1, &[]), Err(MetricsError::Row { found: 0, expected: 1, .. })));
        let message = Metrics::resume(&path, &["error"], 1).unwrap_err().to_string();
        assert!(message.contains("step,loss") && message.contains("step,error"), "{message}");
        std::fs::write(&path, "step,loss\nten,1\n").unwrap();
        assert!(matches!(Metrics::resume(&path, &["loss"], 1), Err(MetricsError::Line { line: 2, .. })));
    }
}
