//! Each rule of fusion within a graph: results and gradients keep their bits, and the rule did what it is for.
//!
//! The gradient does not start from ones, so that a fused backward pass which lost its upstream would show.

#[path = "support/adapter.rs"]
mod adapter;

use parnas::graph::{
    BatchNorm, Convolution, Graph, Initial, MatmulOptions, Persistent, Result, Role, Runtime, Statistics, Store, Tensor,
};
use parnas_kernels::ops::Function;
use parnas_kernels::{Fusion, Plan, device};

/// Numbers in [-1, 1) that look random.
fn numbers(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((((i + 1) * (2 * seed + 7) * 7919) % 4093) as f32) / 2046.5 - 1.0).collect()
}

/// A graph over tensors of its own, whose results and gradients are kept.
struct Case {
    store: Store,
    graph: Graph,
    kept: Vec<Persistent>,
}

impl Case {
    fn input(&mut self, name: &str, shape: &[usize]) -> Tensor {
        let seed = name.bytes().map(usize::from).sum();
        let data = numbers(seed, shape.iter().product());
        let persistent = self.store.add(name, shape, Role::Exchange, Initial::Data(data));
        self.graph.input(&persistent)
    }

    fn keep(&mut self, tensor: Tensor) -> Result<()> {
        let shape = self.graph.shape(tensor).to_vec();
        let name = format!("kept {}", self.kept.len());
        let into = self.store.add(name, &shape, Role::Exchange, Initial::Value(f32::NAN));
        self.graph.store(tensor, &into)?;
        self.kept.push(into);
        Ok(())
    }

    /// Keeps `y` and the gradients of `wanted`.
    fn keep_gradients(&mut self, y: Tensor, wanted: &[Tensor]) -> Result<()> {
        let shape = self.graph.shape(y).to_vec();
        let upstream = self.input("upstream", &shape);
        self.keep(y)?;
        for gradient in self.graph.gradients(&[(y, upstream)], wanted)? {
            self.keep(gradient)?;
        }
        Ok(())
    }
}

/// Builds a graph, runs it fused and not on every device, compares bits, and asserts that the rule was applied `times` times and saved
/// launches and memory traffic.
fn check(rule: &str, times: usize, build: impl Fn(&mut Case) -> Result<()>) {
    let mut case = Case { store: Store::new(0), graph: Graph::new(), kept: Vec::new() };
    build(&mut case).expect("the graph is built");
    let plan = |fusion| case.graph.compile_with(rule, case.store.buffers(), fusion).expect("the graph compiles");
    let (apart, fused) = (plan(Fusion::Off), plan(Fusion::On));
    let applied = fused.fused.fused.iter().filter(|fused| fused.rule == rule).count();
    assert_eq!(applied, times, "{rule}:\n{}\n{apart}\n{fused}", fused.fused);
    assert!(fused.launches.len() < apart.launches.len() && fused.cost().bytes < apart.cost().bytes, "{rule}");
    assert!(fused.peak_bytes() <= apart.peak_bytes(), "{rule}: memory");
    for selector in ["cpu".to_owned()].into_iter().chain(adapter::adapter()) {
        let facts = device::choose(Some(&selector)).expect("the device is there");
        let results = |plan: &Plan| -> Vec<Vec<f32>> {
            let mut runtime = Runtime::new(&facts, None, &case.store).expect("the device opens");
            let prepared = runtime.prepare(plan).expect("the plan is prepared");
            runtime.run(&prepared).expect("the plan runs");
            runtime.run(&prepared).expect("the plan runs");
            case.kept.iter().map(|kept| runtime.read(kept).expect("the result is read")).collect()
        };
        for (index, (apart, fused)) in results(&apart).iter().zip(results(&fused)).enumerate() {
            assert!(apart.iter().all(|value| value.is_finite()), "{rule}: result {index} on {selector}");
            let differs = apart.iter().zip(&fused).position(|(a, b)| a != b);
            assert_eq!(differs, None, "{rule}: result {index} on {selector}");
        }
    }
}

#[test]
fn chains_keep_results_and_gradients() {
    check("elementwise chain", 3, |case| {
        let (x, row, column) = (case.input("x", &[33, 41]), case.input("row", &[41]), case.input("column", &[33, 1]));
        let graph = &mut case.graph;
        let y = graph.affine(x, 2.0, -0.5)?;
        let y = graph.multiply(y, row)?;
        let y = graph.unary(Function::Tanh, y)?;
        let y = graph.subtract(y, column)?;
        let y = graph.unary(Function::Softplus, y)?;
        case.keep_gradients(y, &[x, row, column])
    });
}

#[test]
fn means_spread_their_gradients_within_a_chain() {
    check("elementwise chain", 2, |case| {
        let x = case.input("x", &[5, 33, 7]);
        let squares = case.graph.unary(Function::Square, x)?;
        let means = case.graph.mean(squares, 1)?;
        case.keep_gradients(means, &[x])
    });
}

#[test]
fn products_keep_results_and_gradients() {
    check("bias and ReLU into matrix product", 2, |case| {
        let (x, w, bias) = (case.input("x", &[65, 31]), case.input("w", &[31, 41]), case.input("bias", &[41]));
        let y = case.graph.matmul(x, w)?;
        let y = case.graph.add(y, bias)?;
        let y = case.graph.relu(y)?;
        case.keep_gradients(y, &[x, w, bias])
    });
}

#[test]
fn relu_gradients_read_the_result() {
    check("gradient of ReLU from its result", 1, |case| {
        let (x, w) = (case.input("x", &[2, 33, 31]), case.input("w", &[2, 41, 31]));
        let transposed = MatmulOptions { transpose_b: true, ..MatmulOptions::default() };
        let y = case.graph.matmul_with(x, w, transposed)?;
        let y = case.graph.relu(y)?;
        case.keep_gradients(y, &[x, w])
    });
}

#[test]
fn normalisations_keep_results_and_gradients() {
    check("ReLU and summand into normalisation", 2, |case| {
        let shape = [2, 3, 5, 7, 7];
        let (x, other) = (case.input("x", &shape), case.input("other", &shape));
        let (scale, shift) = (case.input("scale", &[2, 5]), case.input("shift", &[2, 5]));
        let statistics = Statistics::Batch;
        let options = BatchNorm { epsilon: 1e-5, affine: Some((scale, shift)), relu: false, statistics };
        let (y, _) = case.graph.batch_norm(x, options)?;
        let y = case.graph.relu(y)?;
        let y = case.graph.add(y, other)?;
        // What comes after reads the sum alone; the gradient of the ReLU reads its own result, which keeps it.
        let y = case.graph.affine(y, 0.5, 0.0)?;
        let (z, _) = case.graph.batch_norm(other, BatchNorm { affine: None, ..options })?;
        let z = case.graph.add(y, z)?;
        case.keep_gradients(z, &[x, other, scale, shift])
    });
}

#[test]
fn folds_keep_the_gradients_of_shared_weights() {
    check("sum and slice into fold", 3, |case| {
        let (x, w) = (case.input("x", &[3, 2, 4, 8, 8]), case.input("w", &[4, 4, 3, 3]));
        let (scale, shift) = (case.input("scale", &[4]), case.input("shift", &[4]));
        let graph = &mut case.graph;
        let [shared, scales, shifts] = [graph.share(w, 3)?, graph.share(scale, 3)?, graph.share(shift, 3)?];
        let three = Convolution { padding: 1, ..Convolution::default() };
        let centre = Convolution { centre_tap: true, ..Convolution::default() };
        let (first, second) = (graph.conv2d(x, shared, three)?, graph.conv2d(x, shared, centre)?);
        let sum = graph.add(first, second)?;
        let statistics = Statistics::Batch;
        let options = BatchNorm { epsilon: 1e-5, affine: Some((scales, shifts)), relu: true, statistics };
        let (y, _) = graph.batch_norm(sum, options)?;
        case.keep_gradients(y, &[w, scale, shift])
    });
}

/// A tensor cut into parts that go different ways and come together again.
fn cut_and_joined(case: &mut Case) -> Result<()> {
    let input = case.input("x", &[33, 12]);
    let x = case.graph.unary(Function::Tanh, input)?;
    let parts = [0, 3, 6].map(|start| case.graph.slice(x, 1, start, 3 + start / 6 * 3));
    let [a, b, c] = parts;
    let (a, b, c) = (case.graph.softmax(a?, false)?, case.graph.softmax(b?, true)?, case.graph.softmax(c?, false)?);
    let y = case.graph.concat(&[a, b, c], 1)?;
    case.keep_gradients(y, &[input])
}

#[test]
fn gradients_of_slices_lie_side_by_side() {
    check("gradients of slices side by side", 2, cut_and_joined);
}

#[test]
fn copies_join() {
    // The concatenation, the slices of the gradient, and the gradients of the slices; the slices of x became chains.
    check("copies joined", 3, cut_and_joined);
}

#[test]
fn copies_of_whole_tensors_disappear() {
    check("copy of a whole tensor", 5, |case| {
        let (x, w) = (case.input("x", &[13, 41]), case.input("w", &[41, 5]));
        let whole = case.graph.slice(x, 0, 0, 13)?;
        let product = case.graph.matmul(whole, w)?;
        let y = case.graph.softmax(product, false)?;
        case.keep_gradients(y, &[x, w])
    });
}
