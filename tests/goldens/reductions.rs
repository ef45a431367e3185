//! Sums, means, extremes, ordered folds, and rows of a table.

use crate::common::{Golden, check};

#[test]
fn sums_and_means() {
    let golden = Golden::family("reductions");
    for axis in 0..3 {
        check(&golden, &format!("sum_{axis}"), |case| {
            let x = case.input("x");
            let y = case.graph.sum(x, axis).expect("the axis exists");
            case.expect_with_gradients(y, &[("x", x)]);
        });
        check(&golden, &format!("mean_{axis}"), |case| {
            let x = case.input("x");
            let y = case.graph.mean(x, axis).expect("the axis exists");
            case.expect_with_gradients(y, &[("x", x)]);
        });
    }
    check(&golden, "sum_long", |case| {
        let x = case.input("x");
        let y = case.graph.sum(x, 1).expect("the axis exists");
        case.expect_with_gradients(y, &[("x", x)]);
    });
}

#[test]
fn extremes() {
    check(&Golden::family("reductions"), "extremes", |case| {
        let x = case.input("x");
        let largest = case.graph.largest(x, 1).expect("the axis exists");
        let smallest = case.graph.smallest(x, 1).expect("the axis exists");
        case.expect("largest", largest);
        case.expect("smallest", smallest);
    });
}

/// A fold has no gradient of its own: it is what a shared tensor's gradient is made of.
#[test]
fn folds() {
    check(&Golden::family("reductions"), "fold", |case| {
        let x = case.input("x");
        let y = case.graph.fold(None, x, 0.25).expect("x has rows");
        case.expect("y", y);
    });
    // In two calls, the second from the result of the first.
    check(&Golden::family("reductions"), "fold", |case| {
        let x = case.input("x");
        let (head, tail) = (case.graph.slice(x, 0, 0, 2), case.graph.slice(x, 0, 2, 3));
        let (head, tail) = (head.expect("within the axis"), tail.expect("within the axis"));
        let first = case.graph.fold(None, head, 0.25).expect("it has rows");
        let y = case.graph.fold(Some(first), tail, 0.25).expect("the shapes fit");
        case.expect("y", y);
    });
}

#[test]
fn rows_of_a_table() {
    let golden = Golden::family("reductions");
    check(&golden, "gather", |case| {
        let (table, indices) = (case.input("table"), case.input("indices"));
        let y = case.graph.gather(table, indices).expect("the table has two axes");
        case.expect_with_gradients(y, &[("table", table)]);
    });
    // The same table, its gradient kept apart for each index.
    check(&golden, "gather", |case| {
        let (table, indices) = (case.input("table"), case.input("indices"));
        let shares = case.graph.len(indices);
        let shared = case.graph.share(table, shares).expect("they share it");
        let y = case.graph.gather(shared, indices).expect("one share an index");
        case.expect_with_gradients(y, &[("table", table)]);
    });
}
