//! Runs that end in every other way than by themselves, and go on to the same bits.

use std::path::Path;
use std::time::{Duration, Instant};

use parnas::search::checkpoint::Checkpoint;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::{
    EXIT_CODE_OF_INTERRUPTED, adapter, checkpoint, copy_of_finished, devices, fail, files, interrupt, json,
    measurements, parnas, profiles, run_below, search, start, succeed, text, wait_for,
};

/// Kills a search at `kills` moments that are spread over its whole time, and resumes each to its end.
fn kill_and_resume(kills: u32, steps: u64, checkpoint_every: u64) {
    let (steps_flag, every_flag) = (steps.to_string(), checkpoint_every.to_string());
    let flags = &["--steps", &steps_flag, "--checkpoint-every", &every_flag];
    let folder = tempfile::tempdir().unwrap();
    // The second one starts as warm as those that are killed.
    search(&folder.path().join("warm"), "cpu", flags);
    let started = Instant::now();
    let whole = checkpoint(&search(&folder.path().join("whole"), "cpu", flags));
    let time = started.elapsed();
    let measured = std::fs::read(measurements()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut before, mut early, mut stepping, mut scoring, mut ended) = (0, 0, 0, 0, 0);
    for kill in 0..kills {
        let runs = folder.path().join(kill.to_string());
        let mut child = start(&runs, "cpu", flags);
        let share = (f64::from(kill) + rng.random::<f64>()) / f64::from(kills);
        std::thread::sleep(time.mul_f64(share));
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");

        let Some(root) = run_below(&runs) else {
            before += 1;
            continue;
        };
        let kept = root.join("checkpoint.safetensors");
        if root.join("report.html").is_file() {
            ended += 1;
        } else if !root.join("measurements.json").is_file() {
            // Nothing was kept, and the program says so.
            let output = parnas(&["resume", root.to_str().unwrap()]);
            let message = text(&output.stderr);
            assert!(message.contains("start it again") || message.contains("not a run folder"), "{message}");
            before += 1;
            continue;
        } else if !kept.is_file() {
            early += 1;
        } else if Checkpoint::load(&kept).unwrap().step < steps {
            stepping += 1;
        } else {
            scoring += 1;
        }
        let out = succeed(&["resume", root.to_str().unwrap()]);
        assert_eq!(Path::new(out.trim_end()), root);
        assert!(checkpoint(&root) == whole, "kill {kill} at {share:.3} of the time: the resumed run differs");
        assert!(std::fs::read(root.join("measurements.json")).unwrap() == measured, "resume has measured");
        assert!(root.join("report.html").is_file());
    }
    println!(
        "{kills} kills: {before} before the run had begun, {early} before its first checkpoint, {stepping} \
         between steps, {scoring} while fronts were scored, {ended} after the end"
    );
    assert!(before + ended < kills, "no kill fell into the run");
}

#[test]
fn twenty_killed_runs_go_on_to_the_same_bits() {
    kill_and_resume(20, 300, 10);
}

/// Most of a short run on an adapter is building its pipelines, so these wait for the steps.
#[test]
fn killed_runs_on_an_adapter_go_on_to_the_same_bits() {
    let Some(device) = adapter() else { return };
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--steps", "40", "--checkpoint-every", "4"];
    let whole = checkpoint(&search(&folder.path().join("whole"), &device, &flags));
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for kill in 0..3 {
        let runs = folder.path().join(kill.to_string());
        let mut child = start(&runs, &device, &flags);
        let kept = || run_below(&runs).map(|root| root.join("checkpoint.safetensors")).filter(|path| path.is_file());
        wait_for(|| kept().is_some(), "a checkpoint");
        std::thread::sleep(Duration::from_millis(rng.random_range(0..200)));
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
        let step = Checkpoint::load(&kept().unwrap()).unwrap().step;
        println!("killed on {device}, the last checkpoint is of step {step}");
        let root = run_below(&runs).unwrap();
        succeed(&["resume", root.to_str().unwrap()]);
        assert!(checkpoint(&root) == whole, "the run that was killed after step {step} differs");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_to_go_on() {
    for (device, precision) in devices().into_iter().flat_map(|device| [(device.clone(), "f32"), (device, "f16")]) {
        let folder = tempfile::tempdir().unwrap();
        let steps = if device == "cpu" { "600" } else { "30" };
        let flags = ["--steps", steps, "--checkpoint-every", "5", "--precision", precision];
        let whole = checkpoint(&search(&folder.path().join("whole"), &device, &flags));
        let runs = folder.path().join("interrupted");
        let child = start(&runs, &device, &flags);
        wait_for(|| run_below(&runs).is_some_and(|root| root.join("checkpoint.safetensors").is_file()), "a checkpoint");
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(EXIT_CODE_OF_INTERRUPTED), "{message}");
        let root = run_below(&runs).unwrap();
        let hint = format!("`parnas resume {}`", root.display());
        assert!(message.contains("interrupted after step") && message.contains(&hint), "{message}");
        succeed(&["resume", root.to_str().unwrap()]);
        assert!(checkpoint(&root) == whole, "the resumed run differs in {precision} on {device}");
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_outside_the_steps_says_how_to_go_on_too() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    let child = start(runs, "cpu", &["--predictor-steps", "1000000"]);
    wait_for(|| run_below(runs).is_some_and(|root| root.join("manifest.json").is_file()), "the manifest");
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(EXIT_CODE_OF_INTERRUPTED), "{message}");
    assert!(message.contains("interrupted after step 0") && message.contains("`parnas resume"), "{message}");
}

#[test]
fn resuming_a_finished_run_changes_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = search(folder.path(), "cpu", &["--steps", "20"]);
    let before = files(&root);
    succeed(&["resume", root.to_str().unwrap()]);
    let after = files(&root);
    assert!(before.keys().eq(after.keys()));
    for name in ["checkpoint.safetensors", "measurements.json", "metrics.csv", "config.toml"] {
        assert!(before[Path::new(name)] == after[Path::new(name)], "{name} has changed");
    }
    assert_eq!(json(&root.join("manifest.json"))["resumes"].as_array().unwrap().len(), 1);
}

#[test]
fn one_process_at_a_time_writes_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let root = copy_of_finished(folder.path());
    let lock = std::fs::File::open(root.join(".lock")).unwrap();
    let before = files(&root);
    lock.lock().unwrap();
    for verb in ["resume", "report"] {
        fail(&[verb, root.to_str().unwrap()], &["another process is writing this run", root.to_str().unwrap()]);
    }
    // Questions read only.
    succeed(&["front", root.to_str().unwrap(), "--device", &profiles()[0], "--points", "2"]);
    lock.unlock().unwrap();
    assert!(before == files(&root));
}
