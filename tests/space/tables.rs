//! The published tables, where they are at hand.

use std::collections::{BTreeMap, BTreeSet};

use parnas::space::nas_bench_201::EDGES;
use parnas::space::{
    Architecture, MobileNetV3, MobileNetV3Config, NasBench201, NasBench201Config, Operation, SearchSpace,
};

fn shared_data(file: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    if !std::path::Path::new(folder).is_dir() {
        println!("skipped: no {folder}");
        return None;
    }
    let path = format!("{folder}/{file}");
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// What a cell computes, as a formula: edges that pass their input through vanish, sums do not depend on order. Cells with
/// one formula are isomorphic, although they may spend different numbers of convolutions on it.
fn formula(space: &NasBench201, architecture: &Architecture) -> String {
    let operations = space.operations(architecture).unwrap();
    // A node is the sorted list of the terms of its sum.
    let mut nodes = vec![vec!["x".to_owned()]];
    for node in 1..4 {
        let incoming = EDGES.into_iter().zip(operations).filter(|((to, _), _)| *to == node);
        let mut terms: Vec<String> = incoming
            .flat_map(|((_, from), operation)| match operation {
                Operation::SkipConnect => nodes[from].clone(),
                other => vec![format!("{}({})", other.name(), nodes[from].join("+"))],
            })
            .collect();
        terms.sort();
        nodes.push(terms);
    }
    nodes[3].join("+")
}

/// The parameter columns hold the exact count of the row's own cell, but for 150 rows, which hold that of an isomorphic cell
/// with one convolution more or less (`conv(x) + conv(x)` may be written with one convolution or two). No rule of the
/// cells tells these rows apart: most isomorphic cells have their own counts. Their training times and their FPGA
/// latencies, which are sums over the edges, follow the row's own cell. So it is the table that slipped there.
#[test]
fn parameters_equal_the_table_of_all_cells() {
    let Some(table) = shared_data("nb201/accuracy.csv") else {
        return;
    };
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|&column| column == name).unwrap();
    let architecture_column = column("arch");
    let datasets = [("c10_params_m", 10), ("c100_params_m", 100), ("in16_params_m", 120)];
    let columns = datasets.map(|(name, _)| column(name));
    let networks = datasets.map(|(_, classes)| NasBench201Config { classes, ..Default::default() });

    let space = NasBench201::new();
    let mut own_counts: BTreeMap<String, BTreeSet<[u64; 3]>> = BTreeMap::new();
    let mut cells = BTreeSet::new();
    let mut of_another_cell = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let architecture = space.parse(fields[architecture_column]).unwrap();
        assert_eq!(space.print(&architecture), fields[architecture_column]);
        // Millions with six digits after the point: single parameters.
        let published = columns.map(|column| (fields[column].parse::<f64>().unwrap() * 1e6).round() as u64);
        let counted = networks.map(|network| network.parameters(&architecture).unwrap());
        let formula = formula(&space, &architecture);
        if counted != published {
            of_another_cell.push((formula.clone(), published, line.to_owned()));
        }
        own_counts.entry(formula).or_default().insert(counted);
        cells.insert(architecture);
    }
    assert_eq!(cells.len(), 15_625);
    for (formula, published, line) in &of_another_cell {
        assert!(own_counts[formula].contains(published), "{line}");
    }
    assert_eq!(of_another_cell.len(), 150);
}

#[test]
fn measured_once_for_all_architectures_are_read() {
    let Some(lines) = shared_data("ofa/help_latency_ms.jsonl") else {
        return;
    };
    let space = MobileNetV3::new(MobileNetV3Config::published()).unwrap();
    let mut read = 0;
    for line in lines.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let architecture = space.parse(&record["arch"].to_string()).unwrap();
        let number = |key: &str, index: usize| record["arch"][key][index].as_i64().unwrap();
        let value = |decision: usize| space.decisions()[decision].number(architecture.choices()[decision]);
        for stage in 0..5 {
            assert_eq!(value(41 + stage), Some(number("d", stage)));
            for block in 0..4 {
                let index = 4 * stage + block;
                let exists = (block as i64) < number("d", stage);
                for (decision, key) in [(index, "ks"), (20 + index, "e")] {
                    assert_eq!(space.is_active(&architecture, decision), exists);
                    assert!(!exists || value(decision) == Some(number(key, index)));
                }
            }
        }
        assert_eq!(value(40), record["arch"]["r"].as_i64());
        read += 1;
    }
    assert_eq!(read, 5000);
}
