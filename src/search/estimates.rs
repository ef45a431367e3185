//! What the supernet says of architectures, kept in a file of the run as it comes in: scoring that was interrupted goes on where
//! it stopped, to the same result, and an evaluation pays for nothing twice.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::SearchError;
use super::run_folder::RunFiles;
use super::session::Session;
use crate::files::{self, FileAction, FileError};
use crate::space::{Architecture, SearchSpace};
use crate::supernet::{Evaluation, Evaluator};

/// Architectures between two writes.
const GROUP: usize = 32;
/// Architectures that are evaluated at once.
const AT_ONCE: usize = 8;

/// The supernet's estimates on the upper level's images, in memory and on disk.
#[derive(Debug)]
pub struct Estimates {
    path: PathBuf,
    file: File,
    known: BTreeMap<Architecture, Evaluation>,
    evaluator: Option<Evaluator>,
}

impl Estimates {
    /// Opens the file of a checkpoint's estimates, or begins it. Estimates of other weights are thrown away, and so is a last line
    /// that a crash cut short.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn open(files: &RunFiles, session: &Session) -> Result<Self, SearchError> {
        let (path, checkpoint) = (&*files.estimates(), &*files.checkpoint());
        let hash: String = Sha256::digest(files::read(checkpoint)?).iter().map(|byte| format!("{byte:02x}")).collect();
        let header = format!("architecture,loss,accuracy,checkpoint {hash}\n");
        let mut known = BTreeMap::new();
        let mut text = header.clone();
        if path.is_file() {
            let old = String::from_utf8_lossy(&files::read(path)?).into_owned();
            if let Some(rows) = old.strip_prefix(&header) {
                for row in rows.split_inclusive('\n').filter(|row| row.ends_with('\n')) {
                    let Some((architecture, evaluation)) = parse(row.trim_end(), session) else { break };
                    known.insert(architecture, evaluation);
                    text += row;
                }
            }
        }
        files::write_atomically(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(|source| FileError {
            action: FileAction::Write,
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self { path: path.to_path_buf(), file, known, evaluator: None })
    }

    /// The estimates of `architectures`, in their order; what is not known yet is evaluated and written.
    ///
    /// # Errors
    /// Where the device fails, the file cannot be written, or `progress` says no.
    pub fn of(
        &mut self,
        session: &mut Session,
        architectures: &[Architecture],
        progress: &mut dyn FnMut(&str, u64, u64) -> bool,
    ) -> Result<Vec<Evaluation>, SearchError> {
        let mut open: Vec<Architecture> = Vec::new();
        for architecture in architectures.iter().map(|own| session.space.space.canonical(own)) {
            if !self.known.contains_key(&architecture) && !open.contains(&architecture) {
                open.push(architecture);
            }
        }
        let total = open.len() as u64;
        let mut done = 0;
        for group in open.chunks(GROUP) {
            let found = self.evaluate(session, group)?;
            let mut rows = String::new();
            for (architecture, evaluation) in group.iter().zip(found) {
                let Evaluation { loss, accuracy } = evaluation;
                rows += &format!("{},{loss},{accuracy}\n", session.space.space.print(architecture));
                self.known.insert(architecture.clone(), evaluation);
            }
            self.file.write_all(rows.as_bytes()).map_err(|source| FileError {
                action: FileAction::Write,
                path: self.path.clone(),
                source,
            })?;
            done += group.len() as u64;
            if !progress("estimates by the supernet", done, total) {
                return Err(SearchError::Interrupted);
            }
        }
        let own = |architecture: &Architecture| self.known[&session.space.space.canonical(architecture)];
        Ok(architectures.iter().map(own).collect())
    }

    /// How many architectures are known.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    fn evaluate(&mut self, session: &mut Session, group: &[Architecture]) -> Result<Vec<Evaluation>, SearchError> {
        let image = session.data.image();
        let Session { runtime, store, supernet, space, data, .. } = session;
        let evaluator = match &mut self.evaluator {
            Some(evaluator) => evaluator,
            none => none.insert(Evaluator::new(
                runtime,
                store,
                &*supernet,
                &space.space,
                AT_ONCE,
                image,
                &data.calibration,
                data.validation.batch(),
            )?),
        };
        Ok(evaluator.evaluate(runtime, &space.space, group, &data.calibration, &data.validation, |_| {})?)
    }
}

fn parse(row: &str, session: &Session) -> Option<(Architecture, Evaluation)> {
    let mut cells = row.rsplitn(3, ',');
    let (accuracy, loss, architecture) = (cells.next()?, cells.next()?, cells.next()?);
    let architecture = session.space.space.parse(architecture).ok()?;
    Some((architecture, Evaluation { loss: loss.parse().ok()?, accuracy: accuracy.parse().ok()? }))
}
