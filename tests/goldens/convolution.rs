//! Convolutions: forward, input gradient and weight gradient.

use parnas::graph::Convolution;

use crate::common::{Golden, check};

/// Compares the case with the weight shared by the two architectures of `x`.
fn shared(name: &str, options: Convolution) {
    check(&Golden::family("convolution"), name, |case| {
        let (x, w) = (case.input("x"), case.input("w"));
        let weight = case.graph.share(w, 2).expect("two share it");
        let y = case.graph.conv2d(x, weight, options).expect("the shapes fit");
        case.expect_with_gradients(y, &[("x", x), ("w", w)]);
    });
}

#[test]
fn dense() {
    shared("k3", Convolution { padding: 1, ..Convolution::default() });
    shared("k5", Convolution { padding: 2, ..Convolution::default() });
    shared("k1", Convolution::default());
}

#[test]
fn strided_and_dilated() {
    shared("stride2", Convolution { stride: 2, padding: 1, ..Convolution::default() });
    shared("k1_stride2", Convolution { stride: 2, ..Convolution::default() });
    shared("dilation2", Convolution { padding: 2, dilation: 2, ..Convolution::default() });
}

#[test]
fn grouped_and_depthwise() {
    shared("groups", Convolution { padding: 1, groups: 2, ..Convolution::default() });
    shared("depthwise", Convolution { padding: 1, groups: 5, ..Convolution::default() });
    shared("depthwise_k5_stride2", Convolution { stride: 2, padding: 2, groups: 4, ..Convolution::default() });
}

#[test]
fn after_relu_and_through_the_centre_tap() {
    shared("relu_input", Convolution { padding: 1, relu_input: true, ..Convolution::default() });
    shared("centre_tap", Convolution { relu_input: true, centre_tap: true, ..Convolution::default() });
}

#[test]
fn weights_of_each_architecture() {
    check(&Golden::family("convolution"), "apart", |case| {
        let (x, w) = (case.input("x"), case.input("w"));
        let options = Convolution { padding: 1, ..Convolution::default() };
        let y = case.graph.conv2d(x, w, options).expect("the shapes fit");
        case.expect_with_gradients(y, &[("x", x), ("w", w)]);
    });
}
