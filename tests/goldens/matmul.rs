//! Matrix products and the linear layer.

use parnas::graph::MatmulOptions;

use crate::common::{Golden, check};

#[test]
fn products_of_all_layouts() {
    let golden = Golden::family("matmul");
    for (name, transpose_a, transpose_b) in [
        ("plain", false, false),
        ("transposed_a", true, false),
        ("transposed_b", false, true),
        ("transposed_both", true, true),
        ("broadcast_a", false, false),
    ] {
        check(&golden, name, |case| {
            let (a, b) = (case.input("a"), case.input("b"));
            let options = MatmulOptions { transpose_a, transpose_b, ..MatmulOptions::default() };
            let y = case.graph.matmul_with(a, b, options).expect("the shapes fit");
            case.expect_with_gradients(y, &[("a", a), ("b", b)]);
        });
    }
}

#[test]
fn a_layer_with_bias_and_relu() {
    let golden = Golden::family("matmul");
    check(&golden, "layer", |case| {
        let (x, w, bias) = (case.input("x"), case.input("w"), case.input("bias"));
        let options = MatmulOptions { bias: Some(bias), relu: true, ..MatmulOptions::default() };
        let y = case.graph.matmul_with(x, w, options).expect("the shapes fit");
        case.expect_with_gradients(y, &[("x", x), ("w", w), ("bias", bias)]);
    });
    // Weights that two architectures share: the gradients, kept apart, add up to the same.
    check(&golden, "layer", |case| {
        let (x, w, bias) = (case.input("x"), case.input("w"), case.input("bias"));
        let shared_w = case.graph.share(w, 2).expect("two share it");
        let shared_bias = case.graph.share(bias, 2).expect("two share it");
        let options = MatmulOptions { bias: Some(shared_bias), relu: true, ..MatmulOptions::default() };
        let y = case.graph.matmul_with(x, shared_w, options).expect("the shapes fit");
        case.expect_with_gradients(y, &[("x", x), ("w", w), ("bias", bias)]);
    });
}
