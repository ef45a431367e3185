//! `parnas bench` and `parnas profile` as a user starts them, and what they are made of.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use parnas::bench::{Baseline, Bound, Pass, Profile, Roofline, Sampling, Timing, case_with, cases, cases_with, trace};
use parnas_kernels::{DeviceFacts, DeviceKind};
use serde_json::Value;

/// Few and short samples: here it matters that there are times, not which.
const QUICK: Sampling = Sampling { samples: 2, time: Duration::from_millis(50), least: Duration::from_micros(100) };

fn parnas(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parnas")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn timing(case: &str, pass: Pass, median_ms: f64, min_ms: f64) -> Timing {
    Timing {
        engine: "parnas".to_owned(),
        device: "cpu".to_owned(),
        case: case.to_owned(),
        pass,
        median_ms,
        min_ms,
        spread_ms: 0.1,
        samples: 20,
        gflops: 1.0,
        gbytes: 1.0,
        roofline: 0.5,
        bound: Bound::Memory.as_str().to_owned(),
        clock: "wall".to_owned(),
        replays: 1,
        launches: 1,
        bytes: 8,
        prepare_ms: 0.5,
    }
}

/// A roofline that needs no measuring.
fn roofline() -> Roofline {
    Roofline { gflops: 100.0, copies: vec![(1 << 20, 80.0), (1 << 24, 40.0)] }
}

#[test]
fn every_case_can_be_built() {
    let names: Vec<&str> = cases().map(|case| case.name).collect();
    for expected in
        ["matmul 512^3", "conv 3x3 N64 C16 32x32", "mixed edge N64 C16 32x32", "supernet step", "modnas step A13"]
    {
        assert!(names.contains(&expected), "{names:?}");
    }
    for case in cases() {
        for pass in case.passes() {
            let workload = case.workload(*pass, &DeviceFacts::cpu()).expect("the case is built");
            assert!(workload.plan.cost().bytes > 0 && !workload.plan.launches.is_empty(), "{} {pass:?}", case.name);
        }
    }
    // Operations of 3 products of 512^3, of a convolution of 9 taps and its two gradients.
    let operations = |case: &str, pass| {
        let workload = case_with(case).unwrap().workload(pass, &DeviceFacts::cpu()).unwrap();
        workload.plan.cost().operations
    };
    assert_eq!(operations("matmul 512^3", Pass::Forward), 2 * 512u64.pow(3));
    assert_eq!(operations("matmul 512^3", Pass::Both), 3 * 2 * 512u64.pow(3));
    let taps = 2 * 64 * 16 * 16 * 9 * 32 * 32;
    let convolution = operations("conv 3x3 N64 C16 32x32", Pass::Both);
    assert!((3 * taps..3 * taps + taps / 10).contains(&convolution), "{convolution} beside {}", 3 * taps);
}

#[test]
fn cases_are_found_by_a_part_of_their_names() {
    assert_eq!(cases_with(&[]).unwrap().len(), cases().count());
    let two = cases_with(&["CONV 1x1".to_owned(), "softmax".to_owned()]).unwrap();
    assert_eq!(two.iter().map(|case| case.name).collect::<Vec<_>>(), ["conv 1x1 N64 C16 32x32", "softmax 2048x1000"]);
    assert_eq!(case_with("modnas step A1").unwrap().name, "modnas step A1");
    let message = case_with("conv").unwrap_err().to_string();
    assert!(message.contains("several cases have `conv`") && message.contains("conv 1x1 N64"), "{message}");
}

#[test]
fn a_roofline_holds_a_launch_against_a_copy_of_its_size() {
    let roofline = roofline();
    assert_eq!(
        [1, 1 << 20, 1 << 23, 1 << 24, 1 << 30].map(|bytes| roofline.gbytes(bytes)),
        [80.0, 80.0, 80.0, 40.0, 40.0]
    );
    let workload = |case: &str| case_with(case).unwrap().workload(Pass::Forward, &DeviceFacts::cpu()).unwrap();
    let (seconds, bound) = roofline.least_of(&workload("matmul 512^3").plan);
    assert_eq!(bound, Bound::Compute);
    assert!((seconds - 2.0 * 512f64.powi(3) / 100e9).abs() < 1e-12, "{seconds}");
    let (seconds, bound) = roofline.least_of(&workload("softmax").plan);
    assert_eq!(bound, Bound::Memory);
    // 2048 x 1000 numbers in and out are a little below 2^24 bytes.
    assert!((seconds - 2.0 * 4.0 * 2048e3 / 80e9).abs() < 1e-12, "{seconds}");
}

#[test]
fn a_measured_roofline_is_one() {
    let (roofline, timings) = Roofline::measure(&DeviceFacts::cpu(), QUICK).expect("the device is measured");
    // No machine that runs this does less than 10^8 operations a second, or more than 10^14.
    assert!((0.1..1e5).contains(&roofline.gflops), "{roofline:?}");
    assert!(roofline.copies.is_sorted_by_key(|(bytes, _)| *bytes) && roofline.copies.len() == 3);
    assert!(roofline.copies.iter().all(|(_, gbytes)| (0.01..1e5).contains(gbytes)), "{roofline:?}");
    assert!(timings.iter().all(|timing| timing.roofline > 0.0 && timing.roofline <= 1.0), "{timings:?}");
}

#[test]
fn slower_and_faster_are_told_from_noise() {
    let pass = Pass::Both;
    let baseline = Baseline::new(
        &DeviceFacts::cpu(),
        ["slower", "noisy", "lucky", "faster", "gone"].map(|case| timing(case, pass, 10.0, 9.0)).to_vec(),
    );
    let now = [
        timing("slower", pass, 12.0, 11.0),
        // The median is disturbed, the minimum not.
        timing("noisy", pass, 30.0, 9.1),
        timing("lucky", pass, 9.9, 5.0),
        timing("faster", pass, 5.0, 4.5),
        timing("new", pass, 1.0, 1.0),
        timing("slower", Pass::Forward, 99.0, 99.0),
    ];
    let compared = baseline.compare(&now);
    let verdicts: Vec<_> =
        compared.iter().map(|one| (one.case.as_str(), one.is_regression(0.1), one.is_gain(0.1))).collect();
    let expected = [("slower", true, false), ("noisy", false, false), ("lucky", false, false), ("faster", false, true)];
    assert_eq!(verdicts, expected);
    assert!(!compared[0].is_regression(0.25), "the tolerance counts");
}

#[test]
fn a_baseline_is_of_one_device() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baseline.json");
    let baseline = Baseline::new(&DeviceFacts::cpu(), vec![timing("a", Pass::Forward, 1.0, 1.0)]);
    baseline.write(&path).unwrap();
    let read = Baseline::read(&path).unwrap();
    assert_eq!(read, baseline);
    assert!(read.device.driver.contains(env!("CARGO_PKG_VERSION")) && read.version == env!("CARGO_PKG_VERSION"));
    read.expect_device(&DeviceFacts::cpu(), &path).unwrap();
    // Another driver is a reason to compare.
    read.expect_device(&DeviceFacts { driver: "newer".to_owned(), ..DeviceFacts::cpu() }, &path).unwrap();
    let other = DeviceFacts { name: "Radeon".to_owned(), kind: DeviceKind::Discrete, ..DeviceFacts::cpu() };
    let message = read.expect_device(&other, &path).unwrap_err().to_string();
    for expected in ["baseline.json", "`Radeon`", &format!("`{}`", DeviceFacts::cpu().name)] {
        assert!(message.contains(expected), "{expected} is not in {message}");
    }
    let mut elsewhere = read;
    elsewhere.device.threads += 1;
    assert!(elsewhere.expect_device(&DeviceFacts::cpu(), &path).is_err(), "other threads are another device");
}

#[test]
fn what_is_no_baseline_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baseline.json");
    let baseline = Baseline::new(&DeviceFacts::cpu(), vec![timing("a", Pass::Forward, 1.0, 1.0)]);
    let good = serde_json::to_value(&baseline).unwrap();
    let with = |change: fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        value.to_string()
    };
    for (contents, expected) in [
        ("{".to_owned(), "not a baseline"),
        (with(|value| value["schema"] = "parnas-bench-9".into()), "parnas-bench-9"),
        (with(|value| value["timings"][0]["median_ms"] = 0.0.into()), "`a` took no time"),
    ] {
        std::fs::write(&path, contents).unwrap();
        let message = Baseline::read(&path).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("baseline.json"), "{message}");
    }
    assert!(Baseline::read(Path::new("none.json")).unwrap_err().to_string().contains("check the path"));
}

#[test]
fn a_trace_is_what_chrome_reads_and_adds_up() {
    let facts = DeviceFacts::cpu();
    let workload = case_with("mixed edge").unwrap().workload(Pass::Both, &facts).unwrap();
    let profile = Profile::measure(&workload, &facts, &roofline()).expect("the case is profiled");
    assert_eq!(profile.launches.len(), workload.plan.launches.len());
    assert!(profile.launches.iter().all(|launch| launch.milliseconds > 0.0), "{profile:?}");
    assert!(profile.allocated >= workload.store.bytes() + workload.plan.peak_bytes());

    let kernels = profile.by_kernel();
    let sums = |of: fn(&parnas::bench::LaunchProfile) -> f64| {
        (profile.launches.iter().map(of).sum::<f64>(), kernels.iter().map(of).sum::<f64>())
    };
    for (singly, together) in [
        sums(|launch| launch.milliseconds),
        sums(|launch| launch.least),
        sums(|launch| launch.cost.bytes as f64),
        sums(|launch| launch.launches as f64),
    ] {
        assert!((singly - together).abs() <= 1e-9 * singly, "{singly} singly, {together} by kernel");
    }
    assert!(kernels.is_sorted_by(|a, b| a.milliseconds >= b.milliseconds));
    assert!(profile.singly().is_sorted_by(|a, b| a.milliseconds >= b.milliseconds));

    let trace: Value = serde_json::from_str(&trace(&profile, "a device", "a case").to_string()).unwrap();
    let events: Vec<&Value> =
        trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(events.len(), profile.launches.len());
    let mut end = 0.0;
    for (event, launch) in events.iter().zip(&profile.launches) {
        let (start, duration) = (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap());
        assert!((start - end).abs() < 1e-6 && duration > 0.0, "{event}");
        assert!(event["pid"].is_u64() && event["tid"].is_u64() && event["name"] == launch.kernel, "{event}");
        assert_eq!(event["args"]["bytes"].as_u64(), Some(launch.cost.bytes));
        end = start + duration;
    }
    assert!((end - 1e3 * profile.total()).abs() < 1e-6 * end, "{end} microseconds of {} milliseconds", profile.total());
}

#[test]
fn bench_prints_a_line_of_json_a_timing_and_finds_regressions() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (saved, fast) = (path("saved.json"), path("fast.json"));
    let case = ["bench", "--device", "cpu", "--case", "softmax", "--rounds", "1"];
    let output = parnas(&[&case[..], &["--json", "--save", &saved]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |case: &str| lines.iter().filter(|line| line["case"] == case).collect::<Vec<_>>();
    assert_eq!((of("peak multiply-add").len(), of("peak copy 4 MiB").len(), of("softmax 2048x1000").len()), (1, 1, 2));
    for line in &lines {
        assert_eq!((line["engine"].as_str(), line["device"].as_str()), (Some("parnas"), Some("cpu")), "{line}");
        for key in ["median_ms", "min_ms"] {
            assert!(line[key].as_f64().unwrap() > 0.0, "{line}");
        }
        for key in ["spread_ms", "samples", "gflops", "gbytes", "roofline", "prepare_ms"] {
            assert!(line[key].is_number(), "{key} of {line}");
        }
    }
    let softmax = of("softmax 2048x1000");
    assert_eq!((softmax[0]["pass"].as_str(), softmax[1]["pass"].as_str()), (Some("forward"), Some("forward+backward")));

    // A baseline a hundred times as fast: no disturbance makes up for that.
    let mut baseline = Baseline::read(Path::new(&saved)).unwrap();
    assert_eq!(baseline.timings.len(), lines.len());
    for timing in &mut baseline.timings {
        (timing.median_ms, timing.min_ms) = (timing.median_ms / 100.0, timing.min_ms / 100.0);
    }
    baseline.write(Path::new(&fast)).unwrap();
    let output = parnas(&[&case[..], &["--baseline", &fast]].concat());
    let (table, message) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{table}{message}");
    assert!(message.contains("are slower than the baseline by more than 10 %"), "{message}");
    assert!(table.contains("roofline") && table.contains("slower  softmax 2048x1000"), "{table}");
}

#[test]
fn the_time_to_the_first_result_of_a_case_is_a_line() {
    let output = parnas(&["bench", "--first", "--device", "cpu", "--case", "layer norm", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let line: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
    assert_eq!(
        (line["engine"].as_str(), line["case"].as_str()),
        (Some("parnas"), Some("layer norm 2048x384")),
        "{line}"
    );
    assert!(line["first_ms"].as_f64().unwrap() > 0.0, "{line}");
}

#[test]
fn wrong_questions_are_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.json").to_string_lossy().into_owned();
    let radeon = DeviceFacts { name: "Radeon".to_owned(), ..DeviceFacts::cpu() };
    Baseline::new(&radeon, vec![timing("a", Pass::Forward, 1.0, 1.0)]).write(Path::new(&foreign)).unwrap();
    for (arguments, code, expected) in [
        (vec!["bench", "--case", "winograd"], 2, "no case has `winograd` in its name; there are: matmul 512^3"),
        (vec!["bench", "--device", "a100"], 1, "a100"),
        (vec!["bench", "--rounds", "0"], 2, "whole number from 1"),
        (vec!["bench", "--first", "--rounds", "2"], 2, "cannot be used with"),
        (vec!["bench", "--tolerance", "-1"], 2, "such as 0.1 for 10 %"),
        (vec!["bench", "--device", "cpu", "--baseline", &foreign], 1, "the baseline is of `Radeon`"),
        (vec!["bench", "--device", "cpu", "--baseline", "none.json"], 1, "check the path"),
        (vec!["profile", "--case", "conv"], 2, "several cases have `conv`"),
        (vec!["profile", "--case", "softmax", "--batch-size", "3"], 2, "--batch-size is a key of a search"),
        (vec!["profile", "--batch-size", "-3"], 2, "is not allowed"),
    ] {
        let output = parnas(&arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(expected) && output.stdout.is_empty(), "{arguments:?}: {message}");
    }
}

#[test]
fn profile_of_a_search_needs_no_run_and_writes_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("step.json");
    let file = path.to_string_lossy().into_owned();
    let output = parnas(&["profile", "--preset", "smoke", "--device", "cpu", "--trace", &file, "--launches", "3"]);
    let (out, message) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{message}");
    for expected in ["a step of `smoke`", "MiB planned", "MiB allocated", "% of the roofline", "more; `--launches"] {
        assert!(out.contains(expected), "{expected} is not in\n{out}");
    }
    let trace: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > 100);
}
