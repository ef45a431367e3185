//! The folder of a run: where its files lie, and the lock of the one process that writes them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::date::UtcTime;
use crate::files::{self, FileAction, FileError};

/// The names that are tried for a run whose folder exists.
const TRIES: u32 = 1000;

/// A run folder that cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// One of its files cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The folder cannot be made.
    #[error("cannot create the run folder {}: {source}; choose another folder with --run-dir", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no folder.
    #[error("{}: there is no such run folder", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The folder is none of a run.
    #[error("{}: not a run folder: it has no config.toml; give the folder that `parnas search` printed", path.display())]
    NoRun {
        /// The path.
        path: PathBuf,
    },
    /// Another process writes it.
    #[error("{}: another process is writing this run; wait for it to end, or stop it", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

/// Where the files of a run lie. Reading them takes no lock.
#[derive(Debug, Clone)]
pub struct RunFiles {
    root: PathBuf,
}

impl RunFiles {
    /// The files of an existing run.
    ///
    /// # Errors
    /// Where the path is no run folder.
    pub fn open(root: &Path) -> Result<Self, RunFolderError> {
        if !root.is_dir() {
            return Err(RunFolderError::Missing { path: root.into() });
        }
        let files = Self { root: root.into() };
        if !files.configuration().is_file() {
            return Err(RunFolderError::NoRun { path: root.into() });
        }
        Ok(files)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration, every key written out.
    pub fn configuration(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// What was measured.
    pub fn measurements(&self) -> PathBuf {
        self.root.join("measurements.json")
    }

    /// Which kernel variants compute, on a GPU.
    pub fn tuning(&self) -> PathBuf {
        self.root.join("tuning.txt")
    }

    /// The circumstances of the run.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// The curves of the search.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.csv")
    }

    /// What happened when.
    pub fn log(&self) -> PathBuf {
        self.root.join("log.txt")
    }

    /// All weights and states after the last step that was kept.
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint.safetensors")
    }

    /// Everything that was found.
    pub fn results(&self) -> PathBuf {
        self.root.join("results.json")
    }

    /// The folder of the hypernetworks after each checkpoint, for the curves of an evaluation.
    pub fn hypernetworks(&self) -> PathBuf {
        self.root.join("hypernetworks")
    }

    /// The hypernetwork after a step.
    pub fn hypernetwork(&self, step: u64) -> PathBuf {
        self.hypernetworks().join(format!("step-{step:09}.safetensors"))
    }

    /// What the supernet said of architectures.
    pub fn estimates(&self) -> PathBuf {
        self.root.join("estimates.csv")
    }

    /// The folder of an evaluation against the truth.
    pub fn evaluation(&self) -> PathBuf {
        self.root.join("eval")
    }

    /// The folder of the fronts.
    pub fn fronts(&self) -> PathBuf {
        self.root.join("fronts")
    }

    /// The front of a device. Letters that not every file system takes become `_`; names of profiles have none.
    pub fn front(&self, device: &str) -> PathBuf {
        self.of_device(device, "csv")
    }

    /// The front of a device as a picture, over its first hardware objective.
    pub fn front_picture(&self, device: &str) -> PathBuf {
        self.of_device(device, "svg")
    }

    fn of_device(&self, device: &str, extension: &str) -> PathBuf {
        let safe = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
        self.fronts().join(format!("{}.{extension}", device.chars().map(safe).collect::<String>()))
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }
}

/// A run folder that this process alone writes, until the value is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct RunFolder {
    files: RunFiles,
    log: File,
    _lock: File,
}

impl RunFolder {
    /// Makes the folder `<run_dir>/<name>-<date>` with its configuration; a number is appended where it exists.
    ///
    /// # Errors
    /// Where it cannot be made or written. Nothing is left behind then.
    pub fn create(run_dir: &Path, name: &str, now: UtcTime, configuration: &str) -> Result<Self, RunFolderError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| RunFolderError::Create { path, source }
        };
        fs::create_dir_all(run_dir).map_err(failed(run_dir))?;
        let first = format!("{name}-{}", now.compact());
        let names = std::iter::once(first.clone()).chain((2..=TRIES).map(|number| format!("{first}-{number}")));
        for name in names {
            let root = run_dir.join(name);
            match fs::create_dir(&root) {
                Ok(()) => {
                    return Self::fill(&root, configuration).inspect_err(|_| {
                        // The first error says what is wrong; one of cleaning up would only hide it.
                        let _ = fs::remove_dir_all(&root);
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&root)(error)),
            }
        }
        Err(failed(&run_dir.join(first))(io::ErrorKind::AlreadyExists.into()))
    }

    fn fill(root: &Path, configuration: &str) -> Result<Self, RunFolderError> {
        let files = RunFiles { root: root.into() };
        let lock = lock(&files)?;
        files::write_atomically(&files.configuration(), configuration.as_bytes())?;
        Self::locked(files, lock)
    }

    /// Opens the folder of an earlier run for writing.
    ///
    /// # Errors
    /// Where it is none, another process writes it, or it cannot be written.
    pub fn open(root: &Path) -> Result<Self, RunFolderError> {
        let files = RunFiles::open(root)?;
        let lock = lock(&files)?;
        Self::locked(files, lock)
    }

    fn locked(files: RunFiles, lock: File) -> Result<Self, RunFolderError> {
        let fronts = files.fronts();
        fs::create_dir_all(&fronts).map_err(|source| writing(&fronts, source))?;
        let path = files.log();
        let log = open_log(&path).map_err(|source| writing(&path, source))?;
        Ok(Self { files, log, _lock: lock })
    }

    /// Its files.
    pub fn files(&self) -> &RunFiles {
        &self.files
    }

    /// Appends a line with the time to the log.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn log(&self, text: &str) -> Result<(), RunFolderError> {
        let line = format!("{} {text}\n", UtcTime::now());
        Ok((&self.log).write_all(line.as_bytes()).map_err(|source| writing(&self.files.log(), source))?)
    }
}

fn writing(path: &Path, source: io::Error) -> FileError {
    FileError { path: path.into(), action: FileAction::Write, source }
}

fn lock(files: &RunFiles) -> Result<File, RunFolderError> {
    let path = files.lock();
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|source| writing(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RunFolderError::Locked { path: files.root.clone() }),
        // Some network file systems have no locks; refusing every run there would be worse than trusting their user.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(source)) => Err(writing(&path, source).into()),
    }
}

/// Opens a log for appending; a last line that was torn by a kill gets its end.
fn open_log(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}
