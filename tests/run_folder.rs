//! Run folders: made once, written by one process, and never left half made.

use std::path::Path;

use parnas::date::UtcTime;
use parnas::search::run_folder::{RunFiles, RunFolder, RunFolderError};

const NOON: u64 = 1_767_225_600;

fn create(run_dir: &Path) -> Result<RunFolder, RunFolderError> {
    RunFolder::create(run_dir, "digits", UtcTime::from_unix(NOON), "seed = 1\n")
}

#[test]
fn folders_are_named_by_date_and_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("deep").join("runs");
    let names: Vec<String> = (0..3)
        .map(|_| create(&runs).unwrap().files().root().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["digits-20260101-000000", "digits-20260101-000000-2", "digits-20260101-000000-3"]);
    let files = RunFiles::open(&runs.join(&names[1])).unwrap();
    assert_eq!(std::fs::read_to_string(files.configuration()).unwrap(), "seed = 1\n");
    assert!(files.front("cpu_parnas_1").parent().unwrap().is_dir());
    assert!(files.front("a/../b").ends_with("fronts/a_.._b.csv"));
}

#[test]
fn one_process_writes_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let first = create(folder.path()).unwrap();
    let root = first.files().root().to_path_buf();
    assert!(matches!(RunFolder::open(&root), Err(RunFolderError::Locked { .. })));
    RunFiles::open(&root).expect("reading needs no lock");
    drop(first);
    RunFolder::open(&root).expect("the lock ends with its holder");
}

#[test]
fn the_log_is_appended_to_and_torn_lines_are_ended() {
    let folder = tempfile::tempdir().unwrap();
    let first = create(folder.path()).unwrap();
    first.log("measuring").unwrap();
    let files = first.files().clone();
    drop(first);
    let whole = std::fs::read_to_string(files.log()).unwrap();
    assert!(whole.ends_with("Z measuring\n"), "{whole}");
    std::fs::write(files.log(), whole + "torn").unwrap();
    RunFolder::open(files.root()).unwrap().log("going on").unwrap();
    let text = std::fs::read_to_string(files.log()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1] == "torn" && lines[2].ends_with("Z going on"), "{text}");
}

#[test]
fn what_is_no_run_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| RunFolder::open(path).unwrap_err().to_string();
    assert!(open(&folder.path().join("none")).contains("no such run folder"));
    assert!(open(folder.path()).contains("it has no config.toml"));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = create(&file.join("runs")).unwrap_err().to_string();
    assert!(message.contains("cannot create the run folder") && message.contains("--run-dir"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_refused_and_left_whole() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let files = create(folder.path()).unwrap().files().clone();
    let mode = |mode| std::fs::set_permissions(files.root(), std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::remove_file(files.root().join(".lock")).unwrap();
    mode(0o555);
    // The superuser may write everywhere.
    let superuser = std::fs::write(files.root().join("probe"), "").is_ok();
    let result = RunFolder::open(files.root()).map(|_| ());
    let again = create(files.root()).map(|_| ());
    mode(0o755);
    if !superuser {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("writable for this user"), "{message}");
        assert!(matches!(again, Err(RunFolderError::Create { .. })));
    }
    assert_eq!(std::fs::read_to_string(files.configuration()).unwrap(), "seed = 1\n");
}
