//! Files that are whole or not there: writing through a temporary file and a rename.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that could not be read or written, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}; {}", path.display(), advice(*action, source))]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What was tried.
    pub action: FileAction,
    /// Why it failed.
    pub source: io::Error,
}

/// What was tried with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    /// Reading it.
    Read,
    /// Replacing or creating it.
    Write,
}

impl std::fmt::Display for FileAction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            FileAction::Read => "read",
            FileAction::Write => "write",
        })
    }
}

fn advice(action: FileAction, source: &io::Error) -> &'static str {
    match (action, source.kind()) {
        (FileAction::Read, io::ErrorKind::NotFound) => "check the path",
        (FileAction::Read, io::ErrorKind::PermissionDenied) => "make it readable for this user",
        (FileAction::Read, _) => "check that it is a whole, readable file",
        (FileAction::Write, io::ErrorKind::NotFound) => "its folder does not exist: create it first",
        (FileAction::Write, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            "its folder must be writable for this user: choose another folder or change its permissions"
        }
        (FileAction::Write, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            "the disk is full: free some space or choose a folder on another disk; an earlier version of the file is \
             left as it was"
        }
        (FileAction::Write, io::ErrorKind::IsADirectory) => "a folder stands in its place: choose another name",
        (FileAction::Write, _) => "an earlier version of the file is left as it was",
    }
}

/// Reads a whole file.
///
/// # Errors
/// [`FileError`] with the path.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError { path: path.into(), action: FileAction::Read, source })
}

/// Writes `bytes` to `path` so that, whatever happens and whenever, the path holds the old contents or all of the new.
///
/// The bytes go to a temporary file in the same folder (`.<name>.<process>.<number>.tmp`), are flushed to the disk, and
/// the file is renamed; then the folder is flushed, where the system can do that. The temporary file is removed
/// where a step fails; one that a killed process left behind is never read and may be deleted.
///
/// # Errors
/// [`FileError`] names the path and says what to do.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError { path: path.into(), action: FileAction::Write, source };
    let name = path
        .file_name()
        .ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name")))?;
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{}.{}.{number}.tmp", name.to_string_lossy(), std::process::id()));
    let written = write_flushed(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // The first failure is the one to report; a temporary file that cannot be removed does no harm.
        let _ = fs::remove_file(&temporary);
        return Err(failed(source));
    }
    flush_folder(folder).map_err(failed)
}

fn write_flushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable. Only Unix systems let a folder be opened for that.
#[cfg(unix)]
fn flush_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems (network, FUSE) cannot flush a folder, and the file stands all the same.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomically(&path, b"first, longer").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(read(&path).unwrap(), b"second");

        let nowhere = folder.path().join("none").join("a.json");
        let message = write_atomically(&nowhere, b"").unwrap_err().to_string();
        assert!(message.contains("a.json") && message.contains("create it"), "{message}");
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        let message = write_atomically(&taken, b"").unwrap_err().to_string();
        assert!(message.contains("choose another name"), "{message}");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "a temporary file was left behind");
    }
}
