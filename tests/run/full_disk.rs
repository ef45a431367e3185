//! A disk that fills up: the message says so, and the last checkpoint stays whole.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::common::{
    argument, checkpoint, fail, interrupt, run_below, search, search_arguments, start, succeed, wait_for,
};

/// Too little for a checkpoint, enough for all smaller files.
const LEFT: u64 = 128 << 10;

/// A small file system in memory, taken away at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", argument(folder.path())]);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                println!("skipped: a small file system can be mounted by root only");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A failure would leave a mount behind, which the folder's own removal then reports.
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

/// Fills the file system of a file up to what is `left`.
fn fill(path: &Path, left: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let size = file.metadata().unwrap().len();
    file.set_len(size - left).unwrap();
}

#[test]
fn a_full_disk_is_told_before_the_first_checkpoint() {
    let Some(disk) = SmallDisk::mount("64k") else { return };
    let words = ["cannot write", "the disk is full", "another disk"];
    fail(&search_arguments(disk.path(), "cpu", &["--steps", "20"]), &words);
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let Some(disk) = SmallDisk::mount("8m") else { return };
    let flags = ["--steps", "600", "--checkpoint-every", "5"];
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = checkpoint(&search(elsewhere.path(), "cpu", &flags));

    let child = start(disk.path(), "cpu", &flags);
    wait_for(
        || run_below(disk.path()).is_some_and(|root| root.join("checkpoint.safetensors").is_file()),
        "a checkpoint",
    );
    interrupt(&child);
    child.wait_with_output().unwrap();
    let root = run_below(disk.path()).unwrap();
    let early = checkpoint(&root);
    assert!(early != whole, "the run was interrupted too late");

    let filler = disk.path().join("filler");
    for left in [0, LEFT] {
        fill(&filler, left);
        fail(&["resume", argument(&root)], &["cannot write", "the disk is full"]);
        assert!(checkpoint(&root) == early, "the last checkpoint has changed");
    }
    fs::remove_file(&filler).unwrap();
    succeed(&["resume", argument(&root)]);
    assert!(checkpoint(&root) == whole, "the run that met a full disk differs");
}
