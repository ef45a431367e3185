//! Which kernel variants a run computes with: a record that is measured once a device, kept for its user, and frozen in the run
//! folder before the first step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parnas_kernels::{DeviceFacts, DeviceKind, Record, Tuner};

use super::SearchError;
use super::config::Configuration;
use super::run_folder::RunFiles;
use crate::files;

/// Seconds that a search measures variants for, at most.
const SECONDS: f64 = 8.0;

/// A record that is no record.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct TuningError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: parnas_kernels::Error,
}

/// Reads a record.
///
/// # Errors
/// Where the file cannot be read, or is none.
pub fn read(path: &Path) -> Result<Record, SearchError> {
    let bytes = files::read(path)?;
    Record::parse(&String::from_utf8_lossy(&bytes))
        .map_err(|reason| TuningError { path: path.to_path_buf(), reason }.into())
}

/// Writes a record, and the folders above it.
///
/// # Errors
/// Where it cannot be written.
pub fn write(record: &Record, path: &Path) -> Result<(), SearchError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // Where it cannot be made, writing the file says why.
        let _ = std::fs::create_dir_all(folder);
    }
    Ok(files::write_atomically(path, record.to_string().as_bytes())?)
}

/// The file of this device, driver and set of shaders in the user's cache folder; none where the system names no folder.
pub fn cached(facts: &DeviceFacts) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_CACHE_HOME").or_else(|| {
        if cfg!(windows) {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            variable("HOME").map(|home| home.join("Library/Caches"))
        } else {
            variable("HOME").map(|home| home.join(".cache"))
        }
    });
    Some(folder?.join("parnas").join(format!("tuning-{:016x}.txt", Record::new(facts).key())))
}

/// The record that a new run starts from: the file that is asked for, else that of the cache, else an empty one. One of the cache
/// that cannot be read counts as none.
///
/// # Errors
/// Where the file that is asked for is there, but no record of this device.
fn known(asked: Option<&Path>, facts: &DeviceFacts) -> Result<Record, SearchError> {
    let record = match asked {
        Some(path) if path.is_file() => Some(read(path)?),
        Some(_) => None,
        None => cached(facts).filter(|path| path.is_file()).and_then(|path| read(&path).ok()),
    };
    Ok(record.filter(|record| record.is_of(facts)).unwrap_or_else(|| Record::new(facts)))
}

/// The tuner of a device that has not been told what to take: what the cache holds, and as long as a search measures for; none on the
/// CPU executor.
pub fn fresh(facts: &DeviceFacts) -> Option<Tuner> {
    let cached = cached(facts).filter(|path| path.is_file()).and_then(|path| read(&path).ok());
    let record = cached.filter(|record| record.is_of(facts)).unwrap_or_else(|| Record::new(facts));
    (facts.kind != DeviceKind::Cpu).then(|| Tuner::new(record, Duration::from_secs_f64(SECONDS)))
}

/// The tuner of a run; none on the CPU executor. A run that has a record in its folder, or has made steps without, measures
/// nothing; neither does one that is given the record of an earlier run: the same record, the same bits.
///
/// # Errors
/// Where a record is damaged.
pub fn tuner(
    configuration: &Configuration,
    facts: &DeviceFacts,
    files: &RunFiles,
    begun: bool,
) -> Result<Option<Tuner>, SearchError> {
    if facts.kind == DeviceKind::Cpu {
        return Ok(None);
    }
    if files.tuning().is_file() {
        return Ok(Some(Tuner::frozen(read(&files.tuning())?)));
    }
    if begun || !configuration.tune {
        return Ok(None);
    }
    let asked = configuration.tuning.as_deref();
    let record = known(asked, facts)?;
    if asked.is_some() && !record.is_empty() {
        return Ok(Some(Tuner::frozen(record)));
    }
    Ok(Some(Tuner::new(record, Duration::from_secs_f64(SECONDS))))
}

/// Ends the tuning of a run: its record goes to the run folder, and to where the next run looks for it. Returns what there is to
/// say: how many choices were made, and what was not allowed to win.
///
/// # Errors
/// Where the run folder or a file that was asked for cannot be written.
pub fn freeze(
    tuner: &mut Tuner,
    configuration: &Configuration,
    facts: &DeviceFacts,
    files: &RunFiles,
) -> Result<Vec<String>, SearchError> {
    tuner.freeze();
    let record = tuner.record();
    write(record, &files.tuning())?;
    match &configuration.tuning {
        Some(path) if !path.is_file() => write(record, path)?,
        Some(_) => {}
        // A cache that cannot be written costs the next run some seconds, and nothing else.
        None => drop(cached(facts).map(|path| write(record, &path))),
    }
    let mut notes = vec![format!(
        "{} of {} kernels run by a variant other than the plain one",
        others(record),
        record.choices().count()
    )];
    notes.extend(tuner.rejections().iter().map(|rejection| {
        format!("note: {} by `{}` is not used: {}", rejection.class, rejection.variant, rejection.reason)
    }));
    Ok(notes)
}

fn others(record: &Record) -> usize {
    record.choices().filter(|(_, choice)| choice.milliseconds < choice.plain_milliseconds).count()
}
