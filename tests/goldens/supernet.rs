//! The whole weight-sharing network of NAS-Bench-201, for two architectures at once: losses and every gradient.

use parnas::nn::{Normalisation, Shared, Supernet};
use parnas::space::NasBench201Config;
use parnas::space::nas_bench_201::NasBench201Supernet;
use parnas_kernels::ops::Unselected;

use crate::common::{Case, Golden, check};

const CONFIG: NasBench201Config =
    NasBench201Config { channels: 2, cells_per_stage: 1, image_channels: 1, height: 8, width: 8, classes: 4 };

fn build(case: &mut Case) {
    let network = NasBench201Supernet::new(&mut case.store, &CONFIG, false);
    let parameters: Vec<_> = network.trunk_parameters().into_iter().chain(network.body_parameters()).collect();
    for parameter in &parameters {
        let values = case.values(parameter.name());
        assert_eq!(values.shape, parameter.shape(), "{}", parameter.name());
        case.writes.push((parameter.clone(), values.data));
    }
    let (images, labels, weights) = (case.input("images"), case.input("labels"), case.input("weights"));
    let architectures = case.graph.shape(weights)[0];

    let graph = &mut case.graph;
    let trunk = Shared::new(graph, &network.trunk_parameters(), 1).expect("one has it");
    let body = Shared::new(graph, &network.body_parameters(), architectures).expect("they share it");
    let mut norm = Normalisation::batch();
    let x = network.trunk(graph, &trunk, images, &mut norm).expect("the shapes fit");
    let x = graph.repeat(x, 0, architectures).expect("the trunk has one architecture");
    let logits = network.body(graph, &body, x, weights, Unselected::Published, &mut norm).expect("the shapes fit");
    let loss = graph.cross_entropy(logits, labels, 0.0).expect("a label an image");
    let losses = graph.mean(loss, 1).expect("the axis of images");

    let wanted: Vec<_> =
        [weights].into_iter().chain(parameters.iter().map(|parameter| graph.input(parameter))).collect();
    let g = case.input("g");
    let gradients = case.graph.gradients(&[(losses, g)], &wanted).expect("everything has a gradient");
    case.expect("logits", logits);
    case.expect("losses", losses);
    case.expect("d_weights", gradients[0]);
    for (parameter, gradient) in parameters.iter().zip(&gradients[1..]) {
        case.expect(&format!("d_{}", parameter.name()), *gradient);
    }
}

#[test]
fn losses_and_all_gradients() {
    check(&Golden::family("supernet"), "supernet", build);
}
