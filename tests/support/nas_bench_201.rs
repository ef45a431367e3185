//! The public tables of NAS-Bench-201, where they are at hand.

// Each test needs a part of them.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// A table of numbers under their names, all columns of one length and in the row order that all files share.
pub struct Columns {
    names: Vec<String>,
    values: Vec<Vec<f64>>,
}

impl Columns {
    /// The column of a name.
    #[track_caller]
    pub fn column(&self, name: &str) -> &[f64] {
        let position = self.names.iter().position(|found| found == name);
        &self.values[position.unwrap_or_else(|| panic!("there is no column {name}"))]
    }
}

/// The tables, in one row order.
pub struct NasBench201Tables {
    /// The cells as they are written.
    pub architectures: Vec<String>,
    /// Accuracies in percent.
    pub accuracy: Columns,
    /// HELP's latencies in milliseconds.
    pub latency: Columns,
    /// HW-NAS-Bench's latencies and energies.
    pub hardware: Columns,
}

/// The 19 devices of HELP's tables, in the order of the published results.
pub const DEVICES: [&str; 19] = [
    "1080ti_1",
    "1080ti_32",
    "1080ti_256",
    "silver_4114",
    "silver_4210r",
    "samsung_a50",
    "pixel3",
    "essential_ph_1",
    "samsung_s7",
    "titanx_1",
    "titanx_32",
    "titanx_256",
    "gold_6240",
    "titan_rtx_256",
    "gold_6226",
    "fpga",
    "pixel2",
    "raspi4",
    "eyeriss",
];

/// Reads the tables from the folder that `PARNAS_SHARED_DATA` names, or from `../shared/data` beside the crate; without the folder
/// none, with a line that says so. Where the folder is there, tables that cannot be read are a failure.
pub fn tables() -> Option<NasBench201Tables> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("PARNAS_SHARED_DATA").map_or_else(beside, PathBuf::from);
    let folder = root.join("nb201");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    let accuracy = read(&folder.join("accuracy.csv"));
    let (latency, hardware) = (read(&folder.join("help_latency_ms.csv")), read(&folder.join("hw_nas_bench.csv")));
    let architectures = accuracy.iter().skip(1).map(|row| row[1].clone()).collect();
    Some(NasBench201Tables {
        architectures,
        accuracy: columns(&accuracy),
        latency: columns(&latency),
        hardware: columns(&hardware),
    })
}

impl NasBench201Tables {
    /// The test error on CIFAR-10 after 200 epochs, in percent.
    pub fn error(&self) -> Vec<f64> {
        self.accuracy.column("c10_test_200").iter().map(|accuracy| 100.0 - accuracy).collect()
    }
}

fn read(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Every column of numbers; cells that are no number, and the column of the cells' texts, are NaN.
fn columns(rows: &[Vec<String>]) -> Columns {
    let column = |c: usize| rows[1..].iter().map(|row| row[c].parse().unwrap_or(f64::NAN)).collect();
    Columns { names: rows[0].clone(), values: (0..rows[0].len()).map(column).collect() }
}
