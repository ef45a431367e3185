//! Measurement files and tables of devices.

use std::path::Path;

use parnas::hardware::references::{NAS_BENCH_201, NAS_BENCH_201_INDICES};
use parnas::hardware::statistics::kendall_tau;
use parnas::hardware::{
    DeviceProfile, Expected, MeasurementError, MeasurementFile, ObjectiveBlock, Sample, TableError, read_table,
};
use serde_json::{Value, json};

fn profile(name: &str) -> DeviceProfile {
    DeviceProfile {
        name: name.into(),
        hardware: "a processor".into(),
        runtime: "cpu".into(),
        runtime_version: "0.1.0".into(),
        driver: String::new(),
        batch: 8,
        precision: "f32".into(),
        objectives: vec![ObjectiveBlock {
            objective: "latency".into(),
            unit: "ms".into(),
            // Numbers whose shortest decimal form is long.
            references: (1..=10).map(|value| f64::from(value) / 7.0).collect(),
            samples: vec![
                Sample { architecture: "x".into(), p50: 0.1 + 0.2, p90: 0.5, p99: 0.75, repeats: 20 },
                Sample { architecture: "y".into(), p50: 1.0, p90: 1.0, p99: 1.0, repeats: 1 },
            ],
        }],
    }
}

fn network() -> Value {
    json!({"channels": 8, "cells": 1, "image": [1, 8, 8], "head": {"dropout": 0.1}})
}

fn expected(network: &Value) -> Expected<'_> {
    Expected { space: "nas-bench-201", space_hash: "abc", network }
}

fn file() -> MeasurementFile {
    let references = NAS_BENCH_201.map(String::from).to_vec();
    MeasurementFile::new(expected(&network()), references, vec![profile("a_cpu_8"), profile("b_cpu_8")])
}

#[test]
fn a_file_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("measurements.json");
    let written = file();
    written.write(&path).unwrap();
    let read = MeasurementFile::read(&path, expected(&network())).unwrap();
    assert_eq!(read, written);

    let mut bad = written.clone();
    bad.profiles[1].objectives[0].samples[0].p90 = f64::NAN;
    assert!(matches!(bad.write(&path), Err(MeasurementError::Value { .. })));
    assert_eq!(MeasurementFile::read(&path, expected(&network())).unwrap(), written);

    // The decimal form of an arbitrary double comes back with its bits (here 2,000 of them).
    let mut many = written;
    many.profiles[0].objectives[0].samples = (0..2000u64)
        .map(|place| {
            let value = f64::from_bits(0x3ff0_0000_0000_0000 | place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12);
            Sample { architecture: place.to_string(), p50: value, p90: value, p99: value, repeats: 1 }
        })
        .collect();
    many.write(&path).unwrap();
    assert_eq!(MeasurementFile::read(&path, expected(&network())).unwrap(), many);
}

/// Each damage to a good file, with the message that names its key.
#[test]
fn every_refusal_names_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.json");
    let good = serde_json::to_value(file()).unwrap();
    let block = "/profiles/1/objectives/0";
    let damages: Vec<(String, Value, &str)> = vec![
        ("/schema".into(), json!("parnas-measurements-9"), "key schema: \"parnas-measurements-9\""),
        ("/space".into(), json!("ofa"), "key space: measured for ofa, this search needs nas-bench-201"),
        ("/space_hash".into(), json!("abd"), "key space_hash: measured for abd"),
        ("/network/channels".into(), json!(16), "key network.channels: measured with 16, this search has 8"),
        ("/network/head/dropout".into(), json!(0.2), "key network.head.dropout: measured with 0.2"),
        ("/network/image".into(), json!([1, 8]), "key network.image: measured with [1,8]"),
        ("/reference_architectures".into(), json!(["a"]), "key reference_architectures: 1 values"),
        (format!("{block}/references"), json!([1.0, 2.0]), "key profiles[1].objectives[0].references: 2 values"),
        (format!("{block}/references/3"), json!(0.0), "key profiles[1].objectives[0].references[3]: 0 is not"),
        (format!("{block}/references/3"), json!(-1), "key profiles[1].objectives[0].references[3]: -1 is not"),
        (format!("{block}/samples/1/p99"), json!(0.5), "key profiles[1].objectives[0].samples[1]: p50 1, p90 1"),
        (format!("{block}/samples/1/repeats"), json!(0), "key profiles[1].objectives[0].samples[1].repeats"),
        (
            format!("{block}/samples/1/architecture"),
            json!("x"),
            "key profiles[1].objectives[0].samples[1].architecture: x appears twice",
        ),
        ("/profiles/1/name".into(), json!("a_cpu_8"), "key profiles[1].name: a_cpu_8 appears twice"),
        ("/profiles/1/name".into(), json!("../b"), "key profiles[1].name: \"../b\" may only"),
        ("/profiles/1/batch".into(), json!(0), "key profiles[1].batch"),
        ("/profiles/1/precision".into(), json!("f16"), "key profiles[1].precision"),
        ("/profiles".into(), json!([]), "key profiles: there is no device"),
        ("/reference_architectures/1".into(), good["reference_architectures"][0].clone(), "appears twice"),
    ];
    let refusal = |text: String| -> String {
        std::fs::write(&path, text).unwrap();
        MeasurementFile::read(&path, expected(&network())).unwrap_err().to_string()
    };
    for (pointer, value, expected) in damages {
        let mut bad = good.clone();
        *bad.pointer_mut(&pointer).unwrap() = value;
        let message = refusal(bad.to_string());
        assert!(message.starts_with(&path.display().to_string()) && message.contains(expected), "{message}");
    }
    let text = good.to_string();
    let message = refusal(text[..text.len() / 2].into());
    assert!(message.contains("m.json: EOF while parsing") && message.contains("line 1 column"), "{message}");
    let message = refusal(text.replace("\"unit\"", "\"units\""));
    assert!(message.contains("unknown field `units`"), "{message}");
    // JSON has no infinity, but a number can be too large to hold.
    let message = refusal(text.replacen("\"p50\":1.0", "\"p50\":1e999", 1));
    assert!(message.contains("number out of range"), "{message}");
    let mut bad = good.clone();
    bad["network"].as_object_mut().unwrap().insert("classes".into(), json!(10));
    assert!(refusal(bad.to_string()).contains("key network.classes: measured with 10, this search has nothing"));
    let missing = folder.path().join("none.json");
    let error = MeasurementFile::read(&missing, expected(&network())).unwrap_err();
    assert!(matches!(error, MeasurementError::File(_)) && error.to_string().contains("none.json"));
}

const REFERENCES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

#[test]
fn a_small_table_and_its_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let mut good = String::from("index,arch,gpu_32,gold_6226\n");
    for (index, name) in REFERENCES.iter().chain(&["k", "l"]).enumerate() {
        good += &format!("{index},{name},{},{}\n", index + 1, 12 - index);
    }
    let read = |text: &str, devices: &[&str]| {
        std::fs::write(&path, text).unwrap();
        read_table(&path, devices, "latency", "ms", &REFERENCES)
    };
    let tables = read(&good.replace("k,11,2", "k,-1,"), &["gold_6226", "gpu_32"]).unwrap();
    let (gold, gpu) = (&tables[0], &tables[1]);
    assert_eq!((gold.dropped, gpu.dropped), (1, 1));
    assert_eq!((gold.profile.batch, gpu.profile.batch), (1, 32));
    assert_eq!(gold.profile.features(), [12., 11., 10., 9., 8., 7., 6., 5., 4., 3.]);
    let samples = &gpu.profile.block("latency").unwrap().samples;
    assert_eq!((samples.len(), samples[10].architecture.as_str(), samples[10].p99), (11, "l", 12.0));

    let refusals = [
        (good.replace("j,10,3", "j,0,3"), "line 11, column gpu_32: the reference architecture j"),
        (good.replace("l,12,1", "l,12,fast"), "line 13, column gold_6226: \"fast\" is not a number"),
        (good.replace("l,12,1", "l,12"), "line 13, column gold_6226: the line has 3 cells, the header 4"),
        (good.replace("l,12,1", "a,12,1"), "line 13, column arch: a is already on line 2"),
        (good.replace("9,j,10,3\n", ""), "column arch: no line for the reference architecture j"),
        (good.replace("arch", "name"), "line 1, column name: column 2 must be arch"),
        (good.replace("gold_6226", "gpu_32"), "line 1, column gpu_32: the column appears twice"),
        (String::new(), "line 1, column : column 1 must be index"),
    ];
    for (text, expected) in refusals {
        let message = read(&text, &[]).unwrap_err().to_string();
        assert!(message.contains(&format!("table.csv: {expected}")), "{expected}: {message}");
    }
    let error = read(&good, &["phone"]).unwrap_err();
    assert!(matches!(error, TableError::NoColumn { .. }) && error.to_string().contains("gpu_32, gold_6226"));
}

#[test]
fn the_shared_table_of_19_devices() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !shared.exists() {
        println!("skipped: no shared data");
        return;
    }
    let path = shared.join("nb201/help_latency_ms.csv");
    let tables = read_table(&path, &[], "latency", "ms", &NAS_BENCH_201).unwrap();
    assert_eq!(tables.len(), 19);
    // The constants are the cells of the published indices.
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (index, architecture) in NAS_BENCH_201_INDICES.into_iter().zip(NAS_BENCH_201) {
        assert!(lines[index as usize + 1].starts_with(&format!("{index},{architecture},")));
    }
    for table in &tables {
        let block = table.profile.block("latency").unwrap();
        assert_eq!(block.samples.len() + table.dropped, 15_625, "{}", table.profile.name);
        let features = table.profile.normalised_features();
        assert!(features.iter().all(|value| value.is_finite()));
        assert!(features[..10].iter().sum::<f64>().abs() < 1e-9, "{}", table.profile.name);
    }
    // The published device vector of 1080ti_1, min-max normalised (MODNAS).
    let first = &tables[0].profile;
    assert_eq!((first.name.as_str(), first.batch), ("1080ti_1", 1));
    let raw = first.features();
    let (low, high) = raw.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    let published = [0.161, 0.184, 0.0, 0.224, 0.725, 0.498, 0.378, 0.670, 0.211, 1.0];
    for (value, published) in raw.iter().zip(published) {
        assert!(((value - low) / (high - low) - published).abs() < 6e-4);
    }
    // Two GPUs of one family order the cells alike; a phone and a GPU at batch 256 less so (values from scipy).
    let values = |name: &str| -> Vec<f64> {
        let table = tables.iter().find(|table| table.profile.name == name).unwrap();
        assert_eq!(table.dropped, 0);
        table.profile.objectives[0].samples.iter().map(|sample| sample.p50).collect()
    };
    for (first, second, tau) in
        [("1080ti_1", "titanx_1", 0.8733738049549244), ("samsung_s7", "titanx_256", 0.5550741806455637)]
    {
        let found = kendall_tau(&values(first), &values(second)).unwrap();
        assert!((found - tau).abs() < 1e-9, "{first} {second}: {found}");
    }
}
