//! Rotary positions.

use parnas::graph::{Initial, Role, Rotary};
use parnas_kernels::ops::Rotary as Rotation;

use crate::common::{Golden, check};

#[test]
fn of_a_part_of_each_head() {
    let golden = Golden::family("rotary");
    // The start known beforehand, or a part of it read on the device.
    for (start, read) in [(5, None), (2, Some(3))] {
        check(&golden, "partial", |case| {
            let table = Initial::Data(Rotation::table(12, 2, 10_000.0));
            let table = case.store.add("table", &[12, 2, 2], Role::Constant, table);
            let table = case.graph.input(&table);
            let read_start = read.map(|read| {
                let start = case.store.add("start", &[1], Role::Exchange, Initial::Whole(vec![read]));
                case.graph.input(&start)
            });
            let x = case.input("x");
            let y = case.graph.rotary(x, Rotary { heads: 3, table, start, read_start }).expect("the shapes fit");
            case.expect_with_gradients(y, &[("x", x)]);
        });
    }
}
