//! Files of tables: what is read back, what is refused, and which of their cells a search learns from.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use parnas::hardware::references::NAS_BENCH_201;
use parnas::hardware::tables::{Column, ColumnKind, Mapping, Tables};
use parnas::space::{NasBench201, SearchSpace};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{argument, fail, parnas, text};

fn column(name: &str, kind: ColumnKind, values: Vec<f64>) -> Column {
    Column { name: name.into(), kind, unit: "ms".into(), source: "a test".into(), licence: "MIT".into(), values }
}

fn device(name: &str, objective: &str) -> ColumnKind {
    ColumnKind::Device { device: name.into(), batch: 1, objective: objective.into() }
}

fn small() -> Tables {
    let test = ColumnKind::Accuracy { dataset: "c10".into(), split: "test".into(), epochs: 200 };
    Tables {
        space: "a".into(),
        space_hash: "b".into(),
        architectures: ["x", "y", "ü"].map(str::to_owned).to_vec(),
        columns: vec![
            column("one", device("d1", "latency"), vec![1.0, f64::NAN, 0.1 + 0.2]),
            column("two", device("d1", "energy"), vec![f64::NAN; 3]),
            column("three", device("d0", "latency"), vec![1e300, 0.0, 5e-324]),
            column("four", test, vec![10.0, 93.0, 93.0]),
            column("five", ColumnKind::Other, vec![-1.0, 2.0, 3.0]),
        ],
    }
}

fn written(tables: &Tables) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("small.parquet");
    tables.write(&path).expect("the tables are good");
    (folder, path)
}

#[test]
fn a_file_gives_back_the_bits_it_was_given() {
    let tables = small();
    let (_folder, path) = written(&tables);
    let read = Tables::read(&path).unwrap();
    assert_eq!((read.space.as_str(), read.space_hash.as_str()), ("a", "b"));
    assert_eq!(read.architectures, tables.architectures);
    for (own, known) in read.columns.iter().zip(&tables.columns) {
        let texts = |column: &Column| [&column.name, &column.unit, &column.source, &column.licence].map(String::clone);
        assert_eq!((texts(own), &own.kind), (texts(known), &known.kind));
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        assert!(own.values.iter().zip(&known.values).all(same), "{}", own.name);
    }
    assert_eq!((read.columns.len(), read.devices()), (5, vec!["d1", "d0"]));
    assert_eq!(read.device("d1", "energy").unwrap().missing(), 3);
    assert!(read.device("d0", "energy").is_none() && read.accuracy("c10", "test", 12).is_none());
    assert_eq!((read.row("ü"), read.row("z")), (Some(2), None));
}

/// What is done to tables before they are written.
type Change<'a> = &'a dyn Fn(&mut Tables);

#[test]
fn contents_that_no_tables_have_are_not_written() {
    let cases: [(Change, &str); 11] = [
        (&|tables| tables.architectures[2] = "x".into(), "column architecture: x is row 0 and row 2"),
        (&|tables| tables.architectures.clear(), "column architecture: there is no row"),
        (&|tables| tables.columns[1].name = "one".into(), "column one: a column has a name"),
        (&|tables| tables.columns[1].name = "architecture".into(), "column architecture: a column has a name"),
        (&|tables| tables.columns[2].values[1] = f64::INFINITY, "column three: the value of row 1 is infinite"),
        (&|tables| tables.columns[0].values.truncate(2), "column one: 2 values for 3 architectures"),
        (
            &|tables| tables.columns[2].kind = device("d1", "latency"),
            "column three: it is the same quantity as the column one",
        ),
        (&|tables| tables.columns[4].kind = tables.columns[3].kind.clone(), "column five: it is the same quantity"),
        (&|tables| tables.columns[2].kind = device("../d", "latency"), "column three: the device \"../d\""),
        (&|tables| tables.columns[2].kind = device("d2", ""), "column three: a device has a batch"),
        (
            &|tables| {
                tables.columns[1].kind =
                    ColumnKind::Device { device: "d1".into(), batch: 8, objective: "energy".into() }
            },
            "column two: the batch of d1 is 8, and 1 in an earlier column",
        ),
    ];
    for (change, expected) in cases {
        let mut tables = small();
        change(&mut tables);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.parquet");
        let message = tables.write(&path).unwrap_err().to_string();
        assert!(message.contains(&format!("refused.parquet: {expected}")), "{message}");
        assert!(!path.exists());
    }
}

#[test]
fn damaged_files_are_errors_and_never_a_panic() {
    let (folder, path) = written(&small());
    let bytes = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.parquet");
    for end in 0..bytes.len() {
        fs::write(&damaged, &bytes[..end]).unwrap();
        let message = Tables::read(&damaged).unwrap_err().to_string();
        assert!(message.contains("damaged.parquet") && message.contains("parnas import"), "{message}");
    }
    // A changed byte may be a changed value, which nothing can tell from another; whatever else it is, it is refused.
    let mut refused = 0;
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x55;
        fs::write(&damaged, &changed).unwrap();
        refused += usize::from(Tables::read(&damaged).is_err());
    }
    assert!(refused > bytes.len() / 4, "{refused} of {}", bytes.len());
}

#[test]
fn a_mapping_without_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mapping.toml");
    for (text, expected) in [
        ("index = 'i'\n[columns.a]\ndevice = 'd'\nunit = 'ms'\nbatch = 0\n", "columns.a: batch 0"),
        ("index = 'i'\n[columns.a]\ndevice = 'A phone'\nunit = 'ms'\n", "columns.a: device \"A phone\""),
        ("index = 'i'\n[columns.a]\ndevice = 'd'\n", "columns.a: unit \"\" of a latency; write ms, us or s"),
        ("index = 'i'\n[columns.a]\ndataset = 'c10'\nunit = 'ms'\n", "columns.a: unit \"ms\" of an accuracy"),
        ("[columns.a]\ndevice = 'd'\nunit = 'ms'\n", "write index"),
    ] {
        fs::write(&path, text).unwrap();
        let message = Mapping::read(&path).unwrap_err().to_string();
        assert!(message.contains(&format!("mapping.toml: {expected}")), "{message}");
    }
}

/// Cells beside the references.
const CELLS: usize = 60;

/// The references and some cells, on a device that has every value, one that lacks the values of every fourth cell, and one that
/// lacks that of a reference.
fn devices() -> Tables {
    let space = NasBench201::new();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut architectures: Vec<String> = NAS_BENCH_201.map(str::to_owned).to_vec();
    while architectures.len() < NAS_BENCH_201.len() + CELLS {
        let next = space.print(&space.random_network(&mut rng));
        if !architectures.contains(&next) {
            architectures.push(next);
        }
    }
    let cost =
        |text: &String| 0.01 * (1 + text.matches("conv_3x3").count() * 9 + text.matches("conv_1x1").count()) as f64;
    let whole: Vec<f64> = architectures.iter().map(cost).collect();
    let (mut some, mut unknown) = (whole.clone(), whole.clone());
    for row in (NAS_BENCH_201.len()..some.len()).step_by(4) {
        some[row] = f64::NAN;
    }
    unknown[4] = f64::NAN;
    Tables {
        space: space.name().to_owned(),
        space_hash: space.hash(),
        architectures,
        columns: vec![
            column("whole", device("whole", "latency"), whole),
            column("some", device("some", "latency"), some),
            column("unknown", device("unknown", "latency"), unknown),
        ],
    }
}

fn arguments<'a>(tables: &'a Path, runs: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["search", "--preset", "smoke", "--device", "cpu", "--tune", "false"];
    all.extend(["--steps", "6", "--measurements", argument(tables), "--run-dir", argument(runs)]);
    all.extend(more);
    all
}

#[test]
fn devices_that_cannot_be_searched_for_are_refused_before_there_is_a_run() {
    let (folder, path) = written(&devices());
    let runs = folder.path().join("runs");
    let refused = |more: &[&str], words: &[&str]| {
        fail(&arguments(&path, &runs, more), words);
        assert!(!runs.exists());
    };
    refused(&["--profiles", "hole"], &["no profile `hole`", "whole, some, unknown"]);
    refused(
        &["--profiles", "whole,unknown"],
        &["small.parquet", "unknown has no value of some of the ten reference cells"],
    );
    refused(&["--profiles", "whole", "--objectives", "loss,energy"], &["`energy`", "`whole` has no values of it"]);
    let mut other = devices();
    other.space_hash = "0".into();
    other.write(&path).unwrap();
    refused(&[], &["small.parquet", "another space"]);
    let mut none = devices();
    none.columns.drain(..2);
    none.write(&path).unwrap();
    refused(&[], &["no device with a value of all ten reference cells"]);
}

#[test]
fn a_search_learns_from_the_same_cells_on_every_device() {
    let (folder, path) = written(&devices());
    let runs = folder.path().join("runs");
    let search = |more: &[&str]| -> (serde_json::Value, String) {
        let output = parnas(&arguments(&path, &runs, more));
        let told = text(&output.stderr);
        assert!(output.status.success(), "{told}");
        let run = PathBuf::from(text(&output.stdout).trim_end());
        (serde_json::from_slice(&fs::read(run.join("measurements.json")).unwrap()).unwrap(), told)
    };
    let cells = |file: &serde_json::Value, place: usize| -> BTreeSet<String> {
        let samples = file["profiles"][place]["objectives"][0]["samples"].as_array().unwrap();
        samples.iter().map(|sample| sample["architecture"].as_str().unwrap().to_owned()).collect()
    };
    let (file, told) = search(&["--predictor-cells", "40"]);
    let names: Vec<&str> =
        file["profiles"].as_array().unwrap().iter().map(|own| own["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["whole", "some"]);
    assert_eq!(file["network"]["table"], "small.parquet");
    let (whole, some) = (cells(&file, 0), cells(&file, 1));
    assert!(whole.len() == 40 && some.len() < 40 && some.is_subset(&whole), "{} {}", whole.len(), some.len());
    assert!(told.contains(&format!("some: {} of 40 cells have no latency", 40 - some.len())), "{told}");
    assert!(told.contains("the device unknown has no value of some of the ten reference cells"), "{told}");
    // The draw depends on the seed alone, and 0 takes every cell from which a network can be made.
    let (again, _) = search(&["--predictor-cells", "40", "--profiles", "whole"]);
    assert_eq!(cells(&again, 0), whole);
    let (other, _) = search(&["--predictor-cells", "40", "--profiles", "whole", "--seed", "2"]);
    assert_ne!(cells(&other, 0), whole);
    let (all, _) = search(&["--predictor-cells", "0", "--profiles", "whole"]);
    let connected = devices().architectures.iter().filter(|text| connected(text)).count();
    assert_eq!(cells(&all, 0).len(), connected);
}

fn connected(text: &str) -> bool {
    let space = NasBench201::new();
    space.is_connected(&space.parse(text).unwrap()).unwrap()
}
