//! Bad input: a message that names what is at fault and says what to do, another exit code than 0, earlier runs untouched.

use std::fs;

use crate::common::{
    argument, checkpoint, copy_of_finished, csv, fail, files, finished, json, measurements, numbers, parnas, profiles,
    search_arguments, succeed, text,
};

/// A search that must fail, beside an earlier run that must stay as it was. Gives the exit code.
#[track_caller]
fn refused(flags: &[&str], words: &[&str]) -> Option<i32> {
    let runs = finished().parent().unwrap();
    let before = files(finished());
    let code = fail(&search_arguments(runs, "cpu", flags), words);
    assert!(before == files(finished()), "{flags:?} has changed an earlier run");
    code
}

/// The same with a configuration file of this text.
#[track_caller]
fn refused_file(contents: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    fs::write(&path, contents).unwrap();
    refused(&["--config", argument(&path)], &[&["bad.toml"], words].concat());
}

#[test]
fn bad_values_name_the_flag_or_the_key() {
    assert_eq!(refused(&["--batch-size", "-4"], &["--batch-size", "`-4`", "whole number, 1 or more"]), Some(2));
    refused_file("batch_size = -4\n", &["key batch_size", "-4", "whole number, 1 or more"]);
    refused_file("lerning_rate = 0.1\n", &["key lerning_rate", "did you mean learning_rate?"]);
    refused_file("steps = \n", &["not valid TOML"]);
    refused(&["--config", "/nowhere/at/all.toml"], &["/nowhere/at/all.toml", "check the path"]);
}

#[test]
fn unknown_devices_and_none_at_all() {
    let message = |flags: &[&str]| {
        let output = parnas(&[&["search", "--preset", "smoke"][..], flags].concat());
        (output.status.code(), text(&output.stderr))
    };
    let (code, told) = message(&["--device", "h900"]);
    assert!(code == Some(1) && told.contains("h900") && told.contains("cpu"), "{told}");
    // Without a file nothing is measured for a profile that measuring would not give.
    let (code, told) = message(&["--device", "cpu", "--profiles", "1080ti_1"]);
    assert!(code == Some(1) && told.contains("1080ti_1") && told.contains("--measurements"), "{told}");
    assert!(!told.contains("measuring"), "{told}");
    refused(&["--profiles", "pixel9_tpu_1"], &["pixel9_tpu_1", &profiles()[0]]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.json");
    let mut file = json(measurements());
    file["profiles"] = serde_json::json!([]);
    fs::write(&path, file.to_string()).unwrap();
    refused(&["--measurements", argument(&path)], &["none.json", "profiles", "there is no device"]);
}

#[test]
fn measurements_of_something_else() {
    refused(&["--channels", "8"], &["measurements.json", "network.channels", "4", "8", "parnas measure"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.json");
    let mut file = json(measurements());
    file["space_hash"] = serde_json::json!("0".repeat(64));
    fs::write(&path, file.to_string()).unwrap();
    refused(&["--measurements", argument(&path)], &["other.json", "space_hash", "parnas measure"]);
    let whole = fs::read(measurements()).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&["--measurements", argument(&path)], &["other.json", "line"]);
}

#[test]
fn truncated_images_name_the_file_and_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let idx = folder.path().join("idx");
    fs::create_dir(&idx).unwrap();
    let header = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let images = |count: u32, bytes: usize| [header(&[0x0803, count, 8, 8]), vec![1; bytes]].concat();
    let labels = |count: u32| [header(&[0x0801, count]), (0..count).map(|label| (label % 10) as u8).collect()].concat();
    for (name, bytes) in [
        ("train-images-idx3-ubyte", images(100, 6000)),
        ("train-labels-idx1-ubyte", labels(100)),
        ("t10k-images-idx3-ubyte", images(10, 640)),
        ("t10k-labels-idx1-ubyte", labels(10)),
    ] {
        fs::write(idx.join(name), bytes).unwrap();
    }
    refused(&["--data", argument(&idx)], &["train-images-idx3-ubyte", "byte 16", "truncated", "6400", "6000"]);

    let cifar = folder.path().join("cifar");
    fs::create_dir(&cifar).unwrap();
    fs::write(cifar.join("test_batch.bin"), vec![0; 2 * 3073]).unwrap();
    fs::write(cifar.join("data_batch_1.bin"), vec![0; 3 * 3073 + 10]).unwrap();
    refused(&["--data", argument(&cifar)], &["data_batch_1.bin", "byte 9219", "truncated", "3073", "10 bytes"]);
    refused(&["--data", "/nowhere/at/all"], &["/nowhere/at/all", "not found"]);
}

#[test]
fn a_step_that_does_not_fit_says_what_would() {
    refused(&["--memory", "1KiB"], &["needs", "--memory", "--channels", "--batch-size"]);
}

#[test]
fn run_folders_that_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let below = file.join("runs");
    fail(&search_arguments(&below, "cpu", &[]), &["cannot create the run folder", argument(&file), "--run-dir"]);
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn a_damaged_checkpoint_is_never_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let root = copy_of_finished(folder.path());
    let path = root.join("checkpoint.safetensors");
    let whole = checkpoint(&root);
    let mut flipped = whole.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], &whole[..4], &[]] {
        fs::write(&path, damaged).unwrap();
        let words = ["checkpoint.safetensors", "not a whole checkpoint"];
        fail(&["resume", argument(&root)], &words);
        fail(&["front", argument(&root), "--device", &profiles()[0]], &words);
        assert_eq!(fs::read(&path).unwrap(), damaged, "the damaged file is left for its owner");
    }
    fs::write(&path, &whole).unwrap();
    let table = csv(&succeed(&["front", argument(&root), "--device", &profiles()[0], "--points", "2"]));
    assert_eq!(numbers(&table, "preference_0").len(), 2);
}

#[test]
fn other_damaged_files_of_a_run_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = copy_of_finished(folder.path());
    let damage = |name: &str, verb: &[&str], words: &[&str]| {
        let path = root.join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        fail(verb, &[&[name], words].concat());
        fs::write(&path, whole).unwrap();
    };
    let report = fs::read(root.join("report.html")).unwrap();
    damage("results.json", &["report", argument(&root)], &["line"]);
    damage("manifest.json", &["report", argument(&root)], &["line"]);
    damage("manifest.json", &["resume", argument(&root)], &["line"]);
    assert!(report == fs::read(root.join("report.html")).unwrap(), "the report is left as it was");
    fs::remove_file(root.join("results.json")).unwrap();
    fail(&["report", argument(&root)], &["results.json", "check the path"]);
}
