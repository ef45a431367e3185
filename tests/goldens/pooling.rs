//! Average, maximum and global pooling.

use parnas_kernels::ops::PoolKind;

use crate::common::{Golden, check};

#[test]
fn windows() {
    let golden = Golden::family("pooling");
    let (average, counted) =
        (PoolKind::Average { count_include_padding: false }, PoolKind::Average { count_include_padding: true });
    for (name, kind, kernel, stride, padding) in [
        ("average_k3", average, 3, 1, 1),
        ("average_k3_counted", counted, 3, 1, 1),
        ("average_k2_stride2", average, 2, 2, 0),
        ("average_k3_stride2", average, 3, 2, 1),
        ("maximum_k3", PoolKind::Maximum, 3, 1, 1),
        ("maximum_k3_stride2", PoolKind::Maximum, 3, 2, 1),
        ("maximum_k2_stride2", PoolKind::Maximum, 2, 2, 0),
    ] {
        check(&golden, name, |case| {
            let x = case.input("x");
            let y = case.graph.pool2d(x, kind, kernel, stride, padding).expect("the shapes fit");
            case.expect_with_gradients(y, &[("x", x)]);
        });
    }
}

#[test]
fn global_average() {
    check(&Golden::family("pooling"), "global_average", |case| {
        let x = case.input("x");
        let &[a, n, c, h, w] = case.graph.shape(x) else { panic!("x has five axes") };
        let rows = case.graph.reshape(x, &[a, n, c, h * w]).expect("the same elements");
        let y = case.graph.mean(rows, 3).expect("the axis exists");
        case.expect_with_gradients(y, &[("x", x)]);
    });
}
