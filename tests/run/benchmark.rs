//! A benchmark from its CSV files to the scores of a run: `import`, `query`, a search on tabled devices, `eval`, `front` for a device
//! that no training saw. The table is made up, with every cell of the space, so that nothing has to be at hand.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parnas::hardware::references::{NAS_BENCH_201, NAS_BENCH_201_INDICES};
use parnas::hardware::tables::Tables;

use crate::common::{fail, succeed};
use crate::nas_bench_201;

const OPERATIONS: [&str; 5] = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];

/// Every cell in an order in which the reference cells stand at their published indices.
fn cells() -> Vec<[usize; 6]> {
    let mut all: Vec<[usize; 6]> =
        (0..15_625usize).map(|code| std::array::from_fn(|edge| code / 5usize.pow(edge as u32) % 5)).collect();
    for (index, reference) in NAS_BENCH_201_INDICES.into_iter().zip(NAS_BENCH_201) {
        let place = all.iter().position(|cell| text_of(cell) == reference).expect("it is a cell");
        all.swap(place, index as usize);
    }
    // A swap may have moved an earlier reference; a second pass finds all in place.
    for (index, reference) in NAS_BENCH_201_INDICES.into_iter().zip(NAS_BENCH_201) {
        let place = all.iter().position(|cell| text_of(cell) == reference).expect("it is a cell");
        all.swap(place, index as usize);
    }
    all
}

fn text_of(cell: &[usize; 6]) -> String {
    let edge = |place: usize, from: usize| format!("{}~{from}", OPERATIONS[cell[place]]);
    format!("|{}|+|{}|{}|+|{}|{}|{}|", edge(0, 0), edge(1, 0), edge(2, 1), edge(3, 0), edge(4, 1), edge(5, 2))
}

/// A cost that weighs operations: what a made-up device takes.
fn cost(cell: &[usize; 6], weights: [f64; 5]) -> f64 {
    1.0 + cell.iter().map(|operation| weights[*operation]).sum::<f64>()
}

struct Files {
    _folder: tempfile::TempDir,
    latency: PathBuf,
    accuracy: PathBuf,
    devices: PathBuf,
    truth: PathBuf,
}

/// The files, made once: latencies of three devices, accuracies, and both imported.
fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let (mut latency, mut accuracy) =
            ("index,arch,quick_1,slow_32,other_1\n".to_owned(), "index,arch,c10_test_200,c10_test_12\n".to_owned());
        for (index, cell) in cells().iter().enumerate() {
            let text = text_of(cell);
            let quick = cost(cell, [0.0, 0.1, 1.0, 2.0, 0.5]);
            let slow = 10.0 * cost(cell, [0.0, 0.3, 0.5, 3.0, 2.0]);
            let other = 0.5 * cost(cell, [0.0, 0.1, 2.0, 2.5, 0.2]);
            writeln!(latency, "{index},{text},{quick},{slow},{other}").unwrap();
            let reached = 60.0 + 30.0 * (1.0 - (-cost(cell, [0.0, 0.1, 0.4, 0.9, 0.1])).exp());
            writeln!(accuracy, "{index},{text},{reached},{}", reached - 5.0).unwrap();
        }
        fs::write(path("latency.csv"), latency).unwrap();
        fs::write(path("accuracy.csv"), accuracy).unwrap();
        let files = Files {
            latency: path("latency.csv"),
            accuracy: path("accuracy.csv"),
            devices: path("devices.parquet"),
            truth: path("truth.parquet"),
            _folder: folder,
        };
        import(&[&files.latency], &files.devices);
        import(&[&files.latency, &files.accuracy], &files.truth);
        files
    })
}

fn as_text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

#[track_caller]
fn import(from: &[&Path], to: &Path) -> String {
    let mut arguments = vec!["import"];
    arguments.extend(from.iter().map(|path| as_text(path)));
    arguments.extend(["--output", as_text(to)]);
    succeed(&arguments)
}

#[test]
fn an_import_is_read_back_and_asked() {
    let files = files();
    let tables = Tables::read(&files.truth).expect("it was written whole");
    assert_eq!(tables.devices(), ["quick_1", "slow_32", "other_1"]);
    assert_eq!((tables.architectures.len(), tables.columns.len()), (15_625, 5));
    let cells = cells();
    let column = tables.device("slow_32", "latency").expect("it was imported");
    assert!(
        cells
            .iter()
            .zip(&column.values)
            .all(|(cell, value)| { (*value - 10.0 * cost(cell, [0.0, 0.3, 0.5, 3.0, 2.0])).abs() < 1e-12 })
    );
    assert!(tables.accuracy("c10", "test", 12).is_some() && tables.accuracy("c10", "valid", 200).is_none());
    let asked = succeed(&["query", as_text(&files.truth), "--index", "7", "--device", "slow_32"]);
    assert!(asked.starts_with(&format!("7 {}\n", text_of(&cells[7]))), "{asked}");
    assert!(asked.contains("ms (batch 32)"), "{asked}");
    let text = text_of(&cells[7]);
    let csv = succeed(&["query", as_text(&files.truth), "--architecture", &text, "--csv"]);
    assert_eq!(csv.lines().count(), 6, "{csv}");
    fail(&["query", as_text(&files.truth), "--index", "7", "--device", "quik_1"], &["did you mean quick_1"]);
    fail(&["query", as_text(&files.truth), "--index", "15625"], &["0 to 15624"]);
    fail(&["query", as_text(&files.truth), "--architecture", "|x|"], &["--architecture"]);
}

#[test]
fn files_that_do_not_fit_are_refused_where_they_do_not() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    let original = fs::read_to_string(&files.latency).unwrap();
    let lines: Vec<&str> = original.lines().collect();
    let output = folder.path().join("out.parquet");
    let refused = |name: &str, text: String, words: &[&str]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fail(&["import", as_text(&path), "--output", as_text(&output)], words);
        assert!(!output.exists());
    };
    let with = |line: usize, text: &str| {
        let mut changed: Vec<&str> = lines.clone();
        changed[line] = text;
        changed.join("\n")
    };
    let cell = |line: usize, place: usize, value: &str| {
        let mut cells: Vec<&str> = lines[line].split(',').collect();
        cells[place] = value;
        with(line, &cells.join(","))
    };
    refused("short.csv", lines[..100].join("\n"), &["99 architectures", "15625"]);
    refused("order.csv", cell(5, 0, "77"), &["line 6", "column index", "index 4 is expected"]);
    // The cell of index 9 is a reference of the published order.
    let mut swapped: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let (a, b) = (swapped[10].clone(), swapped[12].clone());
    swapped[10] = b.replacen("11,", "9,", 1);
    swapped[12] = a.replacen("9,", "11,", 1);
    refused("swapped.csv", swapped.join("\n"), &["line 11", "column arch", "published order"]);
    refused("twice.csv", cell(3, 1, lines[2].split(',').nth(1).unwrap()), &["line 4", "already on line 3"]);
    refused("zero.csv", cell(8, 3, "0"), &["line 9", "column slow_32", "above 0"]);
    refused("text.csv", cell(8, 2, "fast"), &["line 9", "column quick_1", "not a number"]);
    refused("unknown.csv", with(0, "number,arch,quick_1,slow_32,other_1"), &["--mapping"]);
    refused("double.csv", with(0, "index,arch,quick_1,quick_1,other_1"), &["column quick_1", "appears twice"]);
    // Another value of a device that is known.
    let other = folder.path().join("other.csv");
    fs::write(&other, cell(8, 2, "3.25")).unwrap();
    let arguments = ["import", as_text(&files.latency), as_text(&other), "--output", as_text(&output)];
    fail(&arguments, &["quick_1.latency is 3.25 for architecture 7", "latency.csv"]);
}

#[test]
fn a_mapping_tells_what_columns_are() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    let text =
        fs::read_to_string(&files.latency).unwrap().replacen("index,arch,quick_1,slow_32", "nr,cell,gpu,chip", 1);
    let (csv, mapping) = (folder.path().join("mine.csv"), folder.path().join("mine.toml"));
    fs::write(&csv, text.replacen("gpu,chip,other_1", "gpu,chip,left_out", 1)).unwrap();
    let good = "index = 'nr'\narchitecture = 'cell'\nsource = 'mine'\n[columns.gpu]\ndevice = 'my_gpu'\nunit = 'us'\nbatch = 8\n";
    fs::write(&mapping, good).unwrap();
    let output = folder.path().join("out.parquet");
    let arguments = ["import", as_text(&csv), "--mapping", as_text(&mapping), "--output", as_text(&output)];
    succeed(&arguments);
    let tables = Tables::read(&output).unwrap();
    let known = Tables::read(&files.devices).unwrap();
    let (mine, theirs) = (tables.device("my_gpu", "latency").unwrap(), known.device("quick_1", "latency").unwrap());
    assert_eq!((tables.columns.len(), mine.unit.as_str(), mine.source.as_str()), (1, "ms", "mine"));
    assert!(mine.values.iter().zip(&theirs.values).all(|(a, b)| (a * 1000.0 - b).abs() < 1e-9));
    for (text, word) in [
        (good.replace("'us'", "'hours'"), "unit \"hours\""),
        (good.replace("[columns.gpu]", "[columns.absent]"), "absent"),
        (good.replace("device = 'my_gpu'\n", ""), "device = \"NAME\""),
        (good.replace("batch", "batches"), "batches"),
    ] {
        fs::write(&mapping, text).unwrap();
        fail(&arguments, &[word]);
    }
}

/// A search on two tabled devices; the third is not among them.
fn search(run_dir: &Path) -> PathBuf {
    let arguments = [
        "search",
        "--preset",
        "smoke",
        "--device",
        "cpu",
        "--measurements",
        as_text(&files().devices),
        "--profiles",
        "quick_1,slow_32",
        "--predictor-cells",
        "60",
        "--steps",
        "20",
        "--draws-per-preference",
        "2",
        "--run-dir",
        as_text(run_dir),
    ];
    PathBuf::from(succeed(&arguments).trim_end())
}

#[test]
fn a_run_on_tabled_devices_is_scored_against_the_truth() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    // No accuracy is open during a search: a file that has any is refused.
    let leaking = ["search", "--preset", "smoke", "--measurements", as_text(&files.truth)];
    fail(&leaking, &["accuracies", "parnas eval"]);
    let run = search(folder.path());
    let eval = |more: &[&str]| {
        let mut arguments = vec!["eval", as_text(&run), "--truth", as_text(&files.truth)];
        arguments.extend(more);
        succeed(&arguments)
    };
    let told = eval(&[]);
    let read = || -> serde_json::Value {
        serde_json::from_slice(&fs::read(run.join("eval/eval.json")).unwrap()).expect("it is JSON")
    };
    let mut first = read();
    let devices = first["devices"].as_array().unwrap();
    let names: Vec<(&str, bool)> =
        devices.iter().map(|own| (own["device"].as_str().unwrap(), own["searched"].as_bool().unwrap())).collect();
    assert_eq!(names, [("quick_1", true), ("slow_32", true), ("other_1", false)]);
    for device in devices {
        let bound = device["true_front"]["hypervolume"].as_f64().unwrap();
        let methods = device["methods"].as_array().unwrap();
        assert_eq!(methods.len(), 6);
        for method in methods {
            let volume = method["scores"]["hypervolume"].as_f64().unwrap();
            assert!(volume > 0.0 && volume <= bound + 1e-12, "{method}");
            assert!(method["scores"]["igd_plus"].as_f64().unwrap() >= 0.0);
        }
        let own = &device["attribution"];
        assert!(own["both"].as_f64() <= Some(bound) && own["both"].as_f64() >= own["neither"].as_f64());
    }
    assert!(told.contains("mean hypervolume over 3 devices") && told.contains("unseen"), "{told}");
    assert!(first["steps"].as_array().unwrap().len() >= 2);
    for file in ["eval/devices.csv", "eval/radar.svg", "eval/predictor.svg", "eval/steps.svg", "eval/other_1.svg"] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("Hypervolume on every device"));
    // An evaluation that was cut off goes on, to the same result: a part of the estimates is lost, a line cut.
    let estimates = fs::read_to_string(run.join("estimates.csv")).unwrap();
    fs::write(run.join("estimates.csv"), &estimates[..estimates.len() * 2 / 3]).unwrap();
    eval(&[]);
    let mut second = read();
    for result in [&mut first, &mut second] {
        result["seconds"] = serde_json::Value::Null;
    }
    assert_eq!(first, second);
    fail(&["eval", as_text(&run), "--truth", as_text(&files.devices)], &["no test accuracy"]);
    fail(&["eval", as_text(&run), "--truth", as_text(&files.truth), "--dataset", "c100"], &["c100", "c10.test.200"]);

    // A device that no training saw, by its reference values.
    let tables = Tables::read(&files.truth).unwrap();
    let column = tables.device("other_1", "latency").unwrap();
    let mut vector = "architecture,latency_ms\n".to_owned();
    for reference in NAS_BENCH_201 {
        writeln!(vector, "{reference},{}", column.values[tables.row(reference).unwrap()]).unwrap();
    }
    let path = folder.path().join("phone.csv");
    fs::write(&path, vector).unwrap();
    let front = succeed(&["front", as_text(&run), "--device-vector", as_text(&path), "--points", "5"]);
    assert_eq!(front.lines().count(), 6, "{front}");
    fs::write(&path, "1\n2\n").unwrap();
    fail(&["front", as_text(&run), "--device-vector", as_text(&path)], &["10 are expected"]);
    fail(&["front", as_text(&run)], &["--device NAME or --device-vector"]);
}

#[test]
fn the_published_files_are_imported_whole() {
    let Some(published) = nas_bench_201::tables() else { return };
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("PARNAS_SHARED_DATA").map_or_else(beside, PathBuf::from).join("nb201");
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("all.parquet");
    let paths = ["help_latency_ms.csv", "hw_nas_bench.csv", "accuracy.csv"].map(|name| root.join(name));
    import(&[&paths[0], &paths[1], &paths[2]], &output);
    let tables = Tables::read(&output).unwrap();
    assert_eq!(tables.architectures, published.architectures);
    for (dataset, best, index) in [("c10", 94.3733, 6111), ("c100", 73.5133, 9930), ("in16", 47.3111, 857)] {
        let column = tables.accuracy(dataset, "test", 200).unwrap();
        assert_eq!((column.values[index], column.values.iter().copied().fold(0.0, f64::max)), (best, best));
    }
    assert_eq!(tables.device("edgetpu", "latency").unwrap().missing(), 4699);
    assert_eq!(tables.device("titan_rtx_256", "latency").unwrap().values, published.latency.column("titan_rtx_256"));
    assert_eq!(tables.device("edgegpu", "energy").unwrap().values, published.hardware.column("c10_edgegpu_energy"));
    // Devices of both sources are there once, with the energy of the second.
    for device in nas_bench_201::DEVICES {
        assert!(tables.device(device, "latency").is_some(), "{device}");
    }
    assert!(tables.device("eyeriss", "energy").is_some() && tables.device("in16.pixel3", "latency").is_some());
    assert!(fs::metadata(&output).unwrap().len() < 8 << 20);
}
