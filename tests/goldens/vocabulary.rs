//! Outputs over a vocabulary: tied with the table of the inputs, shared by architectures, by plain logits and in chunks.

use parnas::graph::{Graph, LinearCrossEntropy, MatmulOptions, Tensor};
use parnas_kernels::ops::Function;

use crate::common::{Case, Golden, check};

/// A model of one layer whose table is used at both ends; its gradients from both ends add up.
fn tied(name: &str, loss: impl Fn(&mut Graph, Tensor, Tensor, Tensor) -> Tensor) {
    check(&Golden::family("vocabulary"), name, |case: &mut Case| {
        let [table, weight, tokens, labels] = ["table", "weight", "tokens", "labels"].map(|name| case.input(name));
        let graph = &mut case.graph;
        let embedded = graph.gather(table, tokens).expect("the table has two axes");
        let product = graph.matmul(embedded, weight).expect("the shapes fit");
        let h = graph.unary(Function::Tanh, product).expect("any shape fits");
        let shape = [1, graph.shape(h)[0], graph.shape(h)[1]];
        let h = graph.reshape(h, &shape).expect("the elements are as many");
        let y = loss(graph, h, table, labels);
        case.expect_with_gradients(y, &[("table", table), ("weight", weight)]);
    });
}

fn in_chunks(ignored: Option<u32>, chunk_rows: Option<usize>) -> impl Fn(&mut Graph, Tensor, Tensor, Tensor) -> Tensor {
    move |graph, h, table, labels| {
        let options = LinearCrossEntropy { smoothing: 0.1, ignored, chunk_rows };
        graph.linear_cross_entropy(h, table, labels, options).expect("the shapes fit")
    }
}

#[test]
fn tied_with_the_inputs() {
    tied("tied", |graph, h, table, labels| {
        let options = MatmulOptions { transpose_b: true, ..MatmulOptions::default() };
        let logits = graph.matmul_with(h, table, options).expect("the shapes fit");
        graph.cross_entropy(logits, labels, 0.1).expect("the rows have labels")
    });
    for chunk in [None, Some(1), Some(4), Some(13)] {
        tied("tied", in_chunks(None, chunk));
        tied("tied_ignored", in_chunks(Some(3), chunk));
    }
}

#[test]
fn of_two_architectures() {
    for (name, chunk_rows) in [("shared", Some(3)), ("shared", None), ("apart", Some(3)), ("apart", None)] {
        check(&Golden::family("vocabulary"), name, |case| {
            let [h, table, labels] = ["h", "table", "labels"].map(|name| case.input(name));
            let own = if name == "shared" { case.graph.share(table, 2).expect("two share it") } else { table };
            let options = LinearCrossEntropy { chunk_rows, ..LinearCrossEntropy::default() };
            let y = case.graph.linear_cross_entropy(h, own, labels, options).expect("the shapes fit");
            case.expect_with_gradients(y, &[("h", h), ("table", table)]);
        });
    }
    // One table for all without a share: its gradient is one chain over all rows.
    check(&Golden::family("vocabulary"), "shared", |case| {
        let [h, table, labels] = ["h", "table", "labels"].map(|name| case.input(name));
        let options = LinearCrossEntropy { chunk_rows: Some(5), ..LinearCrossEntropy::default() };
        let y = case.graph.linear_cross_entropy(h, table, labels, options).expect("the shapes fit");
        case.expect_with_gradients(y, &[("h", h), ("table", table)]);
    });
}
