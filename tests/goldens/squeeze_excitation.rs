//! Squeeze-and-excitation.

use parnas::nn::{Shared, SqueezeExcitation, WeightSharing};

use crate::common::{Golden, check};

#[test]
fn of_two_architectures() {
    check(&Golden::family("squeeze_excitation"), "layer", |case| {
        let layer = SqueezeExcitation::new(&mut case.store, "layer", 4, 2);
        let x = case.input("x");
        let parameters = layer.parameters();
        let shared = Shared::new(&mut case.graph, &parameters, 2).expect("two share them");
        let y = layer.apply(&mut case.graph, &shared, x).expect("the shapes fit");
        let names = ["reduce_weight", "reduce_bias", "expand_weight", "expand_bias"];
        let mut inputs = vec![("x", x)];
        for (name, parameter) in names.into_iter().zip(parameters) {
            inputs.push((name, case.graph.input(&parameter)));
            let data = case.values(name).data;
            case.writes.push((parameter, data));
        }
        case.expect_with_gradients(y, &inputs);
    });
}
