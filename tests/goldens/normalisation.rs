//! Batch normalisation by each architecture's own statistics.

use parnas::graph::{BatchNorm, Graph, Initial, Role, Runtime, Statistics, Store};
use parnas::nn::EPSILON;

use crate::common::{BOUND, Golden, assert_close, check, devices};

/// How scale and shift come to the normalisation.
#[derive(Clone, Copy, PartialEq)]
enum Affine {
    None,
    Shared,
    Apart,
}

fn compare(name: &str, affine: Affine, relu: bool, fixed: bool) {
    check(&Golden::family("normalisation"), name, |case| {
        let x = case.input("x");
        let mut inputs = vec![("x", x)];
        if affine != Affine::None {
            inputs.extend([("scale", case.input("scale")), ("shift", case.input("shift"))]);
        }
        let mut affine_tensors = inputs[1..].iter().map(|(_, tensor)| *tensor).collect::<Vec<_>>();
        if affine == Affine::Shared {
            for tensor in &mut affine_tensors {
                *tensor = case.graph.share(*tensor, 2).expect("two share it");
            }
        }
        let statistics = if fixed { Statistics::Fixed(case.input("statistics")) } else { Statistics::Batch };
        let affine = affine_tensors.first().copied().zip(affine_tensors.last().copied());
        let options = BatchNorm { epsilon: EPSILON, affine, relu, statistics };
        let (y, _) = case.graph.batch_norm(x, options).expect("the shapes fit");
        case.expect_with_gradients(y, &inputs);
    });
}

#[test]
fn by_batch_statistics() {
    compare("plain", Affine::None, false, false);
    compare("affine", Affine::Shared, false, false);
    compare("affine_relu", Affine::Shared, true, false);
    compare("affine_apart", Affine::Apart, false, false);
}

#[test]
fn by_fixed_statistics() {
    compare("fixed", Affine::Shared, true, true);
}

#[test]
fn running_statistics_move_as_in_pytorch() {
    let golden = Golden::family("normalisation");
    let start = golden.values("running/running");
    let expected = golden.values("running/moved").data;
    for facts in devices() {
        let mut store = Store::new(0);
        let values = golden.values("running/x");
        let x = store.add("x", &values.shape, Role::Exchange, Initial::Data(values.data));
        let running = store.add("running", &start.shape, Role::State, Initial::Data(start.data.clone()));
        let kept = store.add("statistics", &start.shape, Role::Exchange, Initial::Value(0.0));
        let mut graph = Graph::new();
        let x = graph.input(&x);
        let &[_, n, _, h, w] = graph.shape(x) else { panic!("x has five axes") };
        let statistics = graph.batch_statistics(x).expect("x has five axes");
        graph.store(statistics, &kept).expect("the sizes are equal");
        graph.running_statistics(statistics, &running, n * h * w, 0.1).expect("the shapes are equal");
        let mut runtime = Runtime::new(&facts, None, &store).expect("the device opens");
        let plan = graph.compile("running", store.buffers()).expect("the graph compiles");
        let prepared = runtime.prepare(&plan).expect("the plan is prepared");
        runtime.run(&prepared).expect("the plan runs");
        let got = runtime.read(&kept).expect("the statistics are read");
        let statistics = golden.values("running/statistics").data;
        assert_close(&format!("statistics on {}", facts.selector), &got, &statistics, BOUND);
        let got = runtime.read(&running).expect("the statistics are read");
        assert_close(&format!("running statistics on {}", facts.selector), &got, &expected, BOUND);
    }
}
