//! Layer norm and RMS norm along the last axis, of fixed and of elastic width.

use parnas::graph::{LayerNorm, WidthChoice};
use parnas::nn::EPSILON;
use parnas_kernels::ops::Unselected;

use crate::common::{Golden, check};

fn compare(name: &str, centred: bool, names: &[&'static str], unselected: Option<Unselected>) {
    check(&Golden::family("layer_norm"), name, |case| {
        let x = case.input("x");
        let mut inputs = vec![("x", x)];
        let weights = unselected.map(|_| case.input("weights"));
        inputs.extend(weights.map(|weights| ("weights", weights)));
        let mut affine = Vec::new();
        for name in names {
            let tensor = case.input(name);
            inputs.push((name, tensor));
            let apart = case.graph.shape(tensor).len() == 2;
            affine.push(if apart { tensor } else { case.graph.share(tensor, 2).expect("two share it") });
        }
        let elastic = weights.zip(unselected).map(|(weights, unselected)| WidthChoice {
            weights,
            widths: &[4, 8, 12],
            unselected,
        });
        let (scale, shift) = (affine.first().copied(), affine.get(1).copied());
        let options = LayerNorm { epsilon: EPSILON, centred, scale, shift, elastic };
        let y = case.graph.layer_norm(x, options).expect("the shapes fit");
        case.expect_with_gradients(y, &inputs);
    });
}

#[test]
fn of_fixed_width() {
    compare("plain", true, &[], None);
    compare("affine", true, &["scale", "shift"], None);
    compare("affine_apart", true, &["scale", "shift"], None);
    compare("rms", false, &["scale"], None);
}

#[test]
fn of_elastic_width() {
    compare("elastic_relaxed", true, &["scale", "shift"], Some(Unselected::Zero));
    compare("elastic_rms", false, &["scale"], Some(Unselected::Zero));
    compare("elastic_exact", true, &["scale", "shift"], Some(Unselected::Exact));
    compare("elastic_selected", true, &["scale", "shift"], Some(Unselected::Zero));
}
