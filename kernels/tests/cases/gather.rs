//! Rows of a table by index.

use parnas_kernels::ops::{Gather, GatherGradient};

use crate::reference::gather::{gather, gather_gradient};
use crate::support::{assert_close, bits, devices, numbers, run};

/// Indices that repeat, leave rows out and now and then name no row.
fn indices(rows: u32, table_rows: u32) -> Vec<u32> {
    (0..rows)
        .map(|r| if r % 9 == 8 { table_rows + r % 2 * (u32::MAX - table_rows) } else { r * r * 5 % table_rows })
        .collect()
}

#[test]
fn gathered_rows_agree_with_the_reference() {
    for (rows, width, table_rows) in [(1, 1, 1), (33, 3, 41), (65, 127, 31), (1000, 300, 7)] {
        let kernel = Gather { rows, width, table_rows };
        kernel.validate().unwrap();
        let (mut table, indices) = (numbers(3, (table_rows * width) as usize), indices(rows, table_rows));
        // What lies beyond the table must not be read.
        table.extend(vec![f32::NAN; width as usize]);
        let exact = gather(&kernel, &table, &indices);
        for facts in devices() {
            let inputs = [table.clone(), bits(&indices), vec![f32::NAN; exact.len()]];
            let got = run(&facts, kernel.clone(), &inputs);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 0.0, 0.0);
        }
    }
}

#[test]
fn gradients_of_tables_agree_with_the_reference() {
    let extents = [(1, 1, 1), (33, 3, 41), (65, 127, 31), (1000, 300, 7), (700, 5, 1), (300, 33, 2000)];
    for (apart, (rows, width, table_rows)) in
        [false, true].into_iter().flat_map(|a| extents.map(|extents| (a, extents)))
    {
        let rows = if apart { rows.min(65) } else { rows };
        let kernel = GatherGradient { rows, width, table_rows, apart };
        kernel.validate().unwrap();
        let (indices, g) = (indices(rows, table_rows), numbers(4, (rows * width) as usize));
        let exact = gather_gradient(&kernel, &indices, &g);
        // The order of the sum is promised: in f32, too, it gives these bits.
        let mut ordered = vec![0.0f32; exact.len()];
        for (r, index) in indices.iter().enumerate().filter(|(_, index)| **index < table_rows) {
            let table = if apart { r * (table_rows * width) as usize } else { 0 };
            for j in 0..width as usize {
                ordered[table + *index as usize * width as usize + j] += g[r * width as usize + j];
            }
        }
        for facts in devices() {
            let inputs = [bits(&indices), g.clone(), vec![f32::NAN; exact.len()]];
            let got = run(&facts, kernel.clone(), &inputs);
            let what = format!("{kernel:?} on {}", facts.selector);
            assert_close(&what, &got[0], &exact, 1e-6, 1e-6);
            assert!(got[0] == ordered, "{what}: not the sum in the order of the rows");
        }
    }
}

/// y is linear in the table: <g, gather(table)> = <gather_gradient(g), table> holds for every table.
#[test]
fn gradients_of_tables_are_the_adjoint_of_gathering() {
    let (rows, width, table_rows) = (65, 33, 31);
    let (table, indices) = (numbers(6, (table_rows * width) as usize), indices(rows, table_rows));
    let g = numbers(8, (rows * width) as usize);
    let inner = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    for facts in devices() {
        let forward = Gather { rows, width, table_rows };
        let y = run(&facts, forward, &[table.clone(), bits(&indices), vec![f32::NAN; g.len()]]).remove(0);
        let backward = GatherGradient { rows, width, table_rows, apart: false };
        let dtable = run(&facts, backward, &[bits(&indices), g.clone(), vec![f32::NAN; table.len()]]).remove(0);
        let difference = inner(&g, &y) - inner(&dtable, &table);
        assert!(difference.abs() < 1e-4, "{difference} on {}", facts.selector);
    }
}

#[test]
fn impossible_tables_are_refused() {
    assert!(Gather { rows: 1, width: 0, table_rows: 1 }.validate().is_err());
    assert!(Gather { rows: 1, width: 1 << 16, table_rows: 1 << 16 }.validate().is_err());
    assert!(GatherGradient { rows: 1 << 18, width: 1, table_rows: 1, apart: false }.validate().is_err());
    assert!(GatherGradient { rows: 1 << 12, width: 1 << 10, table_rows: 1 << 10, apart: true }.validate().is_err());
}
