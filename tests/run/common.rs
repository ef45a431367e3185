//! The program, a measurement file made once, and short searches with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

#[path = "../support/adapter.rs"]
mod adapter;

pub use adapter::adapter;

/// The program with arguments, not yet started.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parnas"));
    command.args(arguments);
    command
}

/// Runs the program to its end.
pub fn parnas(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// A stream of the program as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program to success and gives its standard output.
#[track_caller]
pub fn succeed(arguments: &[&str]) -> String {
    let output = parnas(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs the program to failure; the message must have all of `words`. Gives the exit code.
#[track_caller]
pub fn fail(arguments: &[&str], words: &[&str]) -> Option<i32> {
    let output = parnas(arguments);
    let message = text(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    let told = message.split("error: ").last().filter(|_| message.contains("error: "));
    let told = told.unwrap_or_else(|| panic!("{arguments:?}: no error is told: {message}"));
    for word in words {
        assert!(told.contains(word), "{arguments:?}: `{word}` is not in: {told}");
    }
    output.status.code()
}

/// The devices that every search is tried on: the CPU executor and, where there is one, an adapter.
pub fn devices() -> Vec<String> {
    std::iter::once("cpu".to_owned()).chain(adapter()).collect()
}

/// A folder that this test target's shared files are made in, empty at the start.
fn shared() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("an earlier test's folder can go");
        }
        std::fs::create_dir_all(&folder).expect("the folder is made");
        folder
    })
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

/// A measurement file of this machine's CPU for the networks of the preset `smoke`, at two batch sizes.
pub fn measurements() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = shared().join("measurements.json");
        let flags = ["--measure-devices", "cpu", "--measure-batches", "1,8"];
        succeed(&[&["measure", "--preset", "smoke", "--output", argument(&path)][..], &flags].concat());
        path
    })
}

/// The names of its profiles.
pub fn profiles() -> Vec<String> {
    let file = json(measurements());
    let profiles = file["profiles"].as_array().expect("a list");
    profiles.iter().map(|profile| profile["name"].as_str().expect("a name").to_owned()).collect()
}

/// The arguments of a short search in `runs` on `device`.
pub fn search_arguments<'a>(runs: &'a Path, device: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["search", "--preset", "smoke", "--run-dir", argument(runs), "--device", device];
    if !more.contains(&"--measurements") {
        all.extend(["--measurements", argument(measurements())]);
    }
    // Runs are compared bit by bit: none may choose its kernels by a clock, but where a test is about that.
    if !more.contains(&"--tune") {
        all.extend(["--tune", "false"]);
    }
    all.extend(more);
    all
}

/// Runs a short search to its end; gives its folder, which is all that it writes to standard output.
#[track_caller]
pub fn search(runs: &Path, device: &str, more: &[&str]) -> PathBuf {
    let out = succeed(&search_arguments(runs, device, more));
    let root = out.strip_suffix('\n').expect("a line");
    assert!(!root.contains('\n') && Path::new(root).is_dir(), "{out}");
    root.into()
}

/// A finished run that tests share; they only read it.
pub fn finished() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| search(&shared().join("runs"), "cpu", &["--steps", "60"]))
}

/// A copy of the finished run, to be damaged.
pub fn copy_of_finished(folder: &Path) -> PathBuf {
    let copy = folder.join(finished().file_name().expect("a run has a name"));
    for (path, bytes) in files(finished()) {
        let path = copy.join(path);
        std::fs::create_dir_all(path.parent().expect("files lie in a folder")).expect("the folder is made");
        std::fs::write(path, bytes).expect("the file is written");
    }
    copy
}

/// All files below a folder, by their path in it.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is read") {
            let path = entry.expect("the entry is read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("it lies below").to_path_buf();
                all.insert(name, std::fs::read(&path).expect("the file is read"));
            }
        }
    }
    all
}

/// The bytes of a run's checkpoint.
pub fn checkpoint(root: &Path) -> Vec<u8> {
    std::fs::read(root.join("checkpoint.safetensors")).expect("the run has a checkpoint")
}

/// A file of JSON.
pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("the file is read")).expect("the file is JSON")
}

/// A table of CSV without quotes: its columns and rows.
pub fn csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = text.lines();
    let columns = cells(lines.next().expect("a header"));
    let rows: Vec<Vec<String>> = lines.map(cells).collect();
    assert!(rows.iter().all(|row| row.len() == columns.len()), "{text}");
    (columns, rows)
}

/// The numbers of a column.
#[track_caller]
pub fn numbers(table: &(Vec<String>, Vec<Vec<String>>), column: &str) -> Vec<f64> {
    let place =
        table.0.iter().position(|name| name == column).unwrap_or_else(|| panic!("no {column} in {:?}", table.0));
    table.1.iter().map(|row| row[place].parse().unwrap_or_else(|_| panic!("{} is no number", row[place]))).collect()
}

/// What Ctrl-C makes of the exit code.
pub const EXIT_CODE_OF_INTERRUPTED: i32 = 130;

/// Starts a short search, with its messages to be read later.
pub fn start(runs: &Path, device: &str, flags: &[&str]) -> Child {
    let mut search = command(&search_arguments(runs, device, flags));
    search.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// The one run folder below a folder, if there is one by now.
pub fn run_below(runs: &Path) -> Option<PathBuf> {
    std::fs::read_dir(runs).ok()?.next()?.ok().map(|entry| entry.path())
}

/// Waits until a file exists; ends the test where it never does.
pub fn wait_for(mut exists: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "{what} never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends what Ctrl-C sends.
#[cfg(unix)]
pub fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(status.success());
}
