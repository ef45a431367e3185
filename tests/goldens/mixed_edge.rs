//! The mixed edge of NAS-Bench-201, relaxed and sampled, with the exact and the published gradient of what was not selected.

use parnas::graph::{MixedOptions, Statistics};
use parnas::nn::EPSILON;
use parnas_kernels::ops::Unselected;

use crate::common::{Golden, check};

fn compare(name: &str, unselected: Unselected, entangled: bool, onto: bool) {
    check(&Golden::family("mixed_edge"), name, |case| {
        let (x, weights, conv3) = (case.input("x"), case.input("weights"), case.input("conv3"));
        let mut inputs = vec![("x", x), ("weights", weights), ("conv3", conv3)];
        let architectures = case.graph.shape(x)[0];
        let shared3 = case.graph.share(conv3, architectures).expect("they share it");
        let shared1 = (!entangled).then(|| {
            let conv1 = case.input("conv1");
            inputs.push(("conv1", conv1));
            case.graph.share(conv1, architectures).expect("they share it")
        });
        let previous = onto.then(|| case.input("previous"));
        inputs.extend(previous.map(|previous| ("previous", previous)));
        let options = MixedOptions { epsilon: EPSILON, unselected, statistics: Statistics::Batch };
        let (y, _) = case.graph.mixed_edge(x, weights, shared3, shared1, previous, options).expect("the shapes fit");
        case.expect_with_gradients(y, &inputs);
    });
}

#[test]
fn relaxed() {
    compare("relaxed", Unselected::Exact, false, false);
    compare("onto", Unselected::Exact, false, true);
    compare("entangled_relaxed", Unselected::Exact, true, false);
}

#[test]
fn one_hot_with_exact_gradients() {
    compare("one_hot_exact", Unselected::Exact, false, false);
}

#[test]
fn one_hot_with_the_published_gradient() {
    compare("one_hot_published", Unselected::Published, false, false);
    compare("entangled_published", Unselected::Published, true, false);
}
