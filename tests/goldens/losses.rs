//! Softmax, its logarithm, and cross-entropy.

use crate::common::{Golden, check};

#[test]
fn softmax_and_its_logarithm() {
    let golden = Golden::family("losses");
    for (name, logarithm) in
        [("softmax_narrow", false), ("softmax_wide", false), ("log_softmax_narrow", true), ("log_softmax_wide", true)]
    {
        check(&golden, name, |case| {
            let x = case.input("x");
            let y = case.graph.softmax(x, logarithm).expect("x has an axis");
            case.expect_with_gradients(y, &[("x", x)]);
        });
    }
}

#[test]
fn cross_entropy_of_shared_labels() {
    let golden = Golden::family("losses");
    for (name, smoothing) in [("cross_entropy_plain", 0.0), ("cross_entropy_smoothed", 0.1)] {
        check(&golden, name, |case| {
            let (x, labels) = (case.input("x"), case.input("labels"));
            let y = case.graph.cross_entropy(x, labels, smoothing).expect("the rows are a multiple of the labels");
            case.expect_with_gradients(y, &[("x", x)]);
        });
    }
}
