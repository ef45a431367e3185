//! Attention: self and cross, causal and padded, and an elastic number of heads, truncated and partitioned.

use parnas::graph::{AttentionOptions, Graph, Initial, Role, Store, Tensor};
use parnas_kernels::ops::{Function, Unselected};

use crate::common::{Case, Golden, check};

/// Expects the output, and the gradients under these names.
fn expect(case: &mut Case, y: Tensor, inputs: &[(&str, Tensor)]) {
    case.expect("y", y);
    let g = case.input("g");
    let wanted: Vec<_> = inputs.iter().map(|(_, tensor)| *tensor).collect();
    let gradients = case.graph.gradients(&[(y, g)], &wanted).expect("attention has gradients");
    for ((name, _), gradient) in inputs.iter().zip(gradients) {
        case.expect(name, gradient);
    }
}

fn compare(name: &str, options: AttentionOptions, lengths: bool) {
    check(&Golden::family("attention"), name, |case| {
        let (q, k, v) = (case.input("q"), case.input("k"), case.input("v"));
        let lengths = lengths.then(|| case.input("lengths"));
        let y = case.graph.attention(q, k, v, AttentionOptions { lengths, ..options }).expect("the shapes fit");
        case.expect_with_gradients(y, &[("q", q), ("k", k), ("v", v)]);
    });
}

#[test]
fn self_attention() {
    compare("self", AttentionOptions { heads: 2, ..AttentionOptions::default() }, false);
    compare("causal", AttentionOptions { heads: 2, causal: true, ..AttentionOptions::default() }, false);
}

#[test]
fn cross_attention() {
    let causal = AttentionOptions { scale: Some(0.3), causal: true, ..AttentionOptions::default() };
    compare("causal_more_keys", causal, false);
    compare("causal_more_queries", causal, false);
    compare("cross_padded", AttentionOptions { heads: 3, ..AttentionOptions::default() }, true);
}

#[test]
fn truncated_heads() {
    for (name, unselected, gradient) in [
        ("truncated_relaxed", Unselected::Published, "d_head_scale"),
        ("truncated_one_hot", Unselected::Exact, "d_head_scale"),
        ("truncated_one_hot", Unselected::Published, "d_head_scale_selected"),
        ("truncated_one_hot", Unselected::Zero, "d_head_scale_selected"),
    ] {
        check(&Golden::family("attention"), name, |case| {
            let (q, k, v, scale) = (case.input("q"), case.input("k"), case.input("v"), case.input("head_scale"));
            let options = AttentionOptions { heads: 4, causal: true, unselected, ..AttentionOptions::default() };
            let options = AttentionOptions { head_scale: Some(scale), ..options };
            let y = case.graph.attention(q, k, v, options).expect("the shapes fit");
            expect(case, y, &[("d_q", q), ("d_k", k), ("d_v", v), (gradient, scale)]);
        });
    }
}

#[test]
fn partitioned_heads() {
    for (name, unselected, padded, gradient) in [
        ("partitioned_relaxed", Unselected::Published, false, "d_weights"),
        ("partitioned_one_hot", Unselected::Exact, true, "d_weights"),
        ("partitioned_one_hot", Unselected::Published, true, "d_weights_selected"),
        ("partitioned_one_hot", Unselected::Zero, true, "d_weights_selected"),
    ] {
        check(&Golden::family("attention"), name, |case| {
            let (q, k, v, weights) = (case.input("q"), case.input("k"), case.input("v"), case.input("weights"));
            let lengths = padded.then(|| case.input("lengths"));
            let options = AttentionOptions { lengths, unselected, ..AttentionOptions::default() };
            let graph = &mut case.graph;
            let y = graph.partitioned_attention(q, k, v, weights, &[2, 4], options).expect("the shapes fit");
            expect(case, y, &[("d_q", q), ("d_k", k), ("d_v", v), (gradient, weights)]);
        });
    }
}

/// With one-hot weights the partitioned attention is the chosen one, bit by bit: its output and its gradients.
#[test]
fn a_chosen_partition_is_the_plain_attention() {
    check(&Golden::family("attention"), "partitioned_one_hot", |case| {
        let (q, k, v, weights) = (case.input("q"), case.input("k"), case.input("v"), case.input("weights"));
        let g = case.input("g");
        let graph = &mut case.graph;
        let options = AttentionOptions::default();
        let y = graph.partitioned_attention(q, k, v, weights, &[2, 4], options).expect("the shapes fit");
        let gradients = graph.gradients(&[(y, g)], &[q, k, v]).expect("there are gradients");
        let mut differences = Vec::new();
        for (a, heads) in [2, 4].into_iter().enumerate() {
            let own = [q, k, v, g].map(|x| graph.slice(x, 0, a, 1).expect("there are two architectures"));
            let options = AttentionOptions { heads, ..options };
            let plain = graph.attention(own[0], own[1], own[2], options).expect("the shapes fit");
            let of_plain = graph.gradients(&[(plain, own[3])], &own[..3]).expect("there are gradients");
            for (whole, plain) in [y].iter().chain(&gradients).zip([plain].iter().chain(&of_plain)) {
                let part = graph.slice(*whole, 0, a, 1).expect("there are two architectures");
                let difference = graph.subtract(part, *plain).expect("the shapes are equal");
                let len = graph.len(difference);
                differences.push(graph.reshape(difference, &[len]).expect("the same elements"));
            }
        }
        let differences = graph.concat(&differences, 0).expect("rows");
        let differences = graph.unary(Function::Abs, differences).expect("any tensor has magnitudes");
        let largest = graph.largest(differences, 0).expect("it has an axis");
        let largest = graph.reshape(largest, &[1]).expect("the same element");
        case.expect("zero", largest);
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut store, mut graph) = (Store::new(0), Graph::new());
    let mut input = |graph: &mut Graph, shape: &[usize]| {
        let name = format!("tensor {shape:?}");
        graph.input(&store.add(name, shape, Role::Exchange, Initial::Value(0.0)))
    };
    let q = input(&mut graph, &[2, 3, 5, 32]);
    let k = input(&mut graph, &[2, 3, 7, 32]);
    let other = input(&mut graph, &[2, 4, 7, 32]);
    let flat = input(&mut graph, &[6, 5, 32]);
    let weights = input(&mut graph, &[2, 2]);
    let lengths = input(&mut graph, &[4]);
    let options = AttentionOptions { heads: 2, ..AttentionOptions::default() };
    assert!(graph.attention(q, k, k, options).is_ok());
    let error = graph.attention(q, other, other, options).unwrap_err().to_string();
    assert!(error.starts_with("attention: ") && error.contains("[2, 4, 7, 32]"), "{error}");
    assert!(graph.attention(flat, flat, flat, options).is_err());
    assert!(graph.attention(q, k, q, options).is_err());
    for heads in [0, 3, 16] {
        assert!(graph.attention(q, k, k, AttentionOptions { heads, ..options }).is_err(), "{heads}");
    }
    assert!(graph.attention(q, k, k, AttentionOptions { lengths: Some(lengths), ..options }).is_err());
    assert!(graph.attention(q, k, k, AttentionOptions { head_scale: Some(lengths), ..options }).is_err());
    let scaled = AttentionOptions { head_scale: Some(weights), ..options };
    assert!(graph.attention(q, k, k, scaled).is_ok());
    assert!(graph.partitioned_attention(q, k, k, weights, &[2, 4], options).is_ok());
    assert!(graph.partitioned_attention(q, k, k, weights, &[2, 4], scaled).is_err());
    let error = graph.partitioned_attention(q, k, k, weights, &[2], options).unwrap_err().to_string();
    assert!(error.starts_with("partitioned_attention: ") && error.contains("[2, 2]"), "{error}");
    assert!(graph.partitioned_attention(q, k, k, weights, &[2, 5], options).is_err());
}
