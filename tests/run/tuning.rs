//! The variants of a run's kernels: measured once, frozen in its folder, taken again.

use std::fs;

use super::common::{adapter, argument, checkpoint, search, succeed};

/// Steps enough for two checkpoints, and as little else as can be.
const SHORT: [&str; 14] = [
    "--tune",
    "true",
    "--steps",
    "12",
    "--checkpoint-every",
    "6",
    "--predictor-steps",
    "5",
    "--pretraining-steps",
    "5",
    "--points",
    "2",
    "--random-architectures",
    "0",
];

#[test]
fn a_record_is_frozen_before_the_first_step_and_gives_the_same_bits_again() {
    let Some(device) = adapter() else {
        println!("skipped: there is no adapter");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("record.txt");
    let flags = [&SHORT[..], &["--tuning", argument(&record)]].concat();
    let first = search(&folder.path().join("first"), &device, &flags);
    let frozen = fs::read(first.join("tuning.txt")).expect("the record is frozen");
    assert!(String::from_utf8_lossy(&frozen).contains("conv2d"), "no convolution was tuned");
    assert_eq!(fs::read(&record).expect("the record is written where it was asked for"), frozen);

    // The same record, the same bits: nothing is measured again.
    let second = search(&folder.path().join("second"), &device, &flags);
    assert_eq!(fs::read(second.join("tuning.txt")).unwrap(), frozen);
    assert!(checkpoint(&first) == checkpoint(&second), "the weights differ");

    // A run that goes on takes its own record, whatever has become of the file.
    fs::write(&record, "nothing").unwrap();
    succeed(&["resume", argument(&second)]);
    assert_eq!(fs::read(second.join("tuning.txt")).unwrap(), frozen);
    fs::write(second.join("tuning.txt"), "nothing").unwrap();
    super::common::fail(&["resume", argument(&second)], &["tuning.txt", "line 1"]);
}

#[test]
fn nothing_is_tuned_on_the_cpu_or_where_it_is_not_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let on_the_cpu = search(folder.path(), "cpu", &SHORT);
    assert!(!on_the_cpu.join("tuning.txt").exists());
    super::common::fail(&["tune", "--device", "cpu", "--tuning", "none.txt"], &["one variant"]);
}
