//! The predictor and the hypernetwork with the weights that the paper released, which this repository does not hold.
//!
//! They are looked for in the folder that `PARNAS_SHARED_DATA` names, or in `../shared/data` beside the crate; where neither
//! is there, these tests say so and pass.

use std::path::{Path, PathBuf};

use parnas::graph::{Graph, Initial, Persistent, Role, Runtime, Store, Tensor};
use parnas::hyper::{BankHypernetwork, BankOptions, GraphPredictor};
use parnas::nn::{Shared, WeightSharing};
use parnas::space::nas_bench_201::cell_graph;
use parnas::space::{NasBench201, SearchSpace};

use crate::common::{Golden, Values, devices};

/// Latencies of the ten reference cells, each device's scaled to [0, 1].
const GTX_1080_TI: [f32; 10] =
    [0.160_84, 0.183_74, 0.0, 0.223_68, 0.725_36, 0.497_84, 0.378_41, 0.670_11, 0.211_27, 1.0];
const FPGA: [f32; 10] = [0.0722, 0.118_83, 0.0, 0.176_23, 0.335_43, 0.263_23, 0.305_83, 0.6009, 0.1296, 1.0];
const EYERISS: [f32; 10] = [0.033_33, 0.0, 0.0, 0.2, 0.1, 0.066_67, 0.433_33, 0.633_33, 0.233_33, 1.0];

/// Cells 0, 1, 2, 3 and 1462 of the benchmark.
const CELLS: [&str; 5] = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
];

/// The folder of the released weights.
fn released() -> Option<PathBuf> {
    let root = std::env::var_os("PARNAS_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = root.join("modnas");
    if !folder.is_dir() {
        println!("skipped: the released weights are not in {}", folder.display());
        return None;
    }
    Some(folder)
}

fn transposed(values: &Values) -> Vec<f32> {
    let (rows, columns) = (values.shape[0], values.shape[1]);
    (0..rows * columns).map(|place| values.data[place % rows * columns + place / rows]).collect()
}

fn near(what: &str, got: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let close = got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() <= bound);
    assert!(close, "{what}: got {got:?}, expected {expected:?}");
}

/// Compiles the graph, writes the parameters, and reads `results` after one run.
fn run(
    facts: &parnas_kernels::DeviceFacts,
    store: &mut Store,
    mut graph: Graph,
    parameters: &[(Persistent, Vec<f32>)],
    results: &[Tensor],
) -> Vec<Vec<f32>> {
    let kept: Vec<Persistent> = results
        .iter()
        .map(|result| {
            let kept = store.add("result", graph.shape(*result), Role::Exchange, Initial::Value(f32::NAN));
            graph.store(*result, &kept).expect("a result has its tensor's size");
            kept
        })
        .collect();
    let mut runtime = Runtime::new(facts, None, store).expect("the device opens");
    for (tensor, data) in parameters {
        runtime.write(tensor, data).expect("the parameter has this size");
    }
    let plan = graph.compile("released", store.buffers()).expect("the graph compiles");
    let prepared = runtime.prepare(&plan).expect("the plan is prepared");
    runtime.run(&prepared).expect("the plan runs");
    kept.iter().map(|kept| runtime.read(kept).expect("the result is read")).collect()
}

/// In the paper's form: features scaled to [0, 1], raw milliseconds out.
#[test]
fn the_released_predictor_predicts_what_it_did() {
    let Some(folder) = released() else { return };
    let weights = Golden::open(&folder.join("nb201_predictor.safetensors"));
    let space = NasBench201::new();
    let encoded: Vec<f32> =
        CELLS.iter().flat_map(|cell| space.encode(&space.parse(cell).expect("it is a cell"))).collect();
    let golden = [
        ("1080ti_1", GTX_1080_TI, [8.5273, 10.8234, 9.6640, 4.9959, 17.0068]),
        ("fpga", FPGA, [12.4777, 25.6333, 24.3361, 7.5694, 42.9577]),
        ("eyeriss", EYERISS, [24.8491, 43.7458, 48.9490, 18.7138, 63.6276]),
    ];
    for facts in devices() {
        for (device, features, expected) in golden {
            let mut store = Store::new(0);
            let predictor = GraphPredictor::new(&mut store, "predictor", &cell_graph(), features.len());
            let names = ["gc1", "gc2", "gc3", "gc4", "fc_hw1", "fc_hw2", "fc3", "fc4", "fc5"];
            let mut data = Vec::new();
            for name in names {
                let weight = weights.values(&format!("meta_learner.{name}.weight"));
                // PyTorch's linear layers are [out, in]; the graph convolutions and ours are [in, out].
                data.push(if name.starts_with("gc") { weight.data } else { transposed(&weight) });
                data.push(weights.values(&format!("meta_learner.{name}.bias")).data);
            }
            let parameters = predictor.parameters();
            assert_eq!(parameters.len(), data.len());
            let width = space.width();
            let cells = store.add("cells", &[CELLS.len(), width], Role::Exchange, Initial::Data(encoded.clone()));
            let repeated = features.repeat(CELLS.len());
            let features =
                store.add("features", &[CELLS.len(), features.len()], Role::Exchange, Initial::Data(repeated));
            let mut graph = Graph::new();
            let shared = Shared::new(&mut graph, &parameters, 1).expect("one has it");
            let (cells, features) = (graph.input(&cells), graph.input(&features));
            let y = predictor.apply(&mut graph, &shared, cells, features).expect("the shapes fit");
            let parameters: Vec<_> = parameters.into_iter().zip(data).collect();
            let got = run(&facts, &mut store, graph, &parameters, &[y]);
            // The features above are rounded to five decimals.
            near(&format!("{device} on {}", facts.selector), &got[0], &expected, 5e-4);
        }
    }
}

#[test]
fn the_released_hypernetwork_answers_what_it_did() {
    let Some(folder) = released() else { return };
    let weights = Golden::open(&folder.join("nb201_hypernetwork.safetensors"));
    let keys = weights.values("hardware_embedding.weight");
    let (count, features) = (keys.shape[0], keys.shape[1]);
    let single: Vec<Values> =
        (0..count).map(|table| weights.values(&format!("hpn_factory.{table}.embedding.weight"))).collect();
    let (rows, total) = (single[0].shape[0], single[0].shape[1]);
    // One row holds that row of every table.
    let tables: Vec<f32> = (0..rows)
        .flat_map(|row| single.iter().flat_map(move |table| &table.data[row * total..(row + 1) * total]))
        .copied()
        .collect();
    for facts in devices() {
        let mut store = Store::new(0);
        let bank = BankHypernetwork::new(&mut store, BankOptions { tables: count, features, total, sine: true });
        let parameters = bank.parameters();
        let preferences = store.add("preferences", &[1, 2], Role::Exchange, Initial::Data(vec![0.5, 0.5]));
        let fpga = store.add("features", &[1, features], Role::Exchange, Initial::Data(FPGA.to_vec()));
        let mut graph = Graph::new();
        let shared = Shared::new(&mut graph, &parameters, 1).expect("one has it");
        let (preferences, fpga) = (graph.input(&preferences), graph.input(&fpga));
        let attention = bank.attention(&mut graph, &shared, fpga).expect("the shapes fit");
        let logits = bank.apply(&mut graph, &shared, preferences, fpga).expect("the shapes fit");
        let data: Vec<_> = parameters.into_iter().zip([keys.data.clone(), tables.clone()]).collect();
        let got = run(&facts, &mut store, graph, &data, &[attention, logits]);
        let what = format!("on {}", facts.selector);
        near(&what, &got[0][..4], &[0.013_665, 0.026_524, 0.013_287, 0.025_173], 2e-6);
        near(&what, &got[1][..5], &[-0.000_19, -0.001_59, -0.003_03, -0.001_11, 0.002_03], 6e-6);
        near(&what, &got[1][25..], &[-0.001_29, -0.001_07, 0.000_78, 0.000_09, -0.004_97], 6e-6);
    }
}
