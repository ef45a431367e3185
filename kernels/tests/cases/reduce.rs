//! Reductions.

use parnas_kernels::Kernel;
use parnas_kernels::ops::{Dot, FoldRows, Reduce, ReduceKind, RowLayout};

use crate::reference::reduce::{dot, fold_rows, reduce};
use crate::support::{assert_close, devices, numbers, run};

#[test]
pub(super) fn reductions_agree_with_the_reference() {
    let kinds = [ReduceKind::Sum, ReduceKind::SumOfSquares, ReduceKind::Maximum, ReduceKind::Minimum];
    let extents = [
        (1, 1, 1),
        (3, 31, 1),
        (65, 65, 1),
        (2, 127, 3),
        (3, 41, 65),
        (1, 33, 300),
        (1, 500, 127),
        (2, 70_001, 1),
        (1, 70_001, 3),
    ];
    for (kind, (outer, axis, inner)) in kinds.into_iter().flat_map(|kind| extents.map(|extents| (kind, extents))) {
        let kernel = Reduce { kind, outer, axis, inner, scale: 0.5 };
        kernel.validate().unwrap();
        // Negative everywhere for the maximum, so that no stray zero passes for it; positive for the minimum.
        let shift = [0.0, 0.0, -2.0, 2.0][kind as usize];
        let x: Vec<f32> = numbers(axis.into(), (outer * axis * inner) as usize).iter().map(|x| x + shift).collect();
        let y = vec![f32::NAN; (outer * inner) as usize];
        let exact = reduce(&kernel, &x);
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &[x.clone(), y.clone()]);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 2e-6, 1e-7);
        }
    }
}

#[test]
pub(super) fn inner_products_agree_with_the_reference() {
    for (outer, axis) in [(1, 1), (300, 33), (3, 65), (2, 127), (1, 70_001)] {
        let kernel = Dot { outer, axis };
        kernel.validate().unwrap();
        let len = (outer * axis) as usize;
        let (a, b) = (numbers(1, len), numbers(2, len));
        let exact = dot(&kernel, &a, &b);
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &[a.clone(), b.clone(), vec![f32::NAN; outer as usize]]);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 2e-6, 1e-7);
        }
    }
}

#[test]
fn rows_fold_in_order_in_any_number_of_steps() {
    for len in [1, 41, 5000] {
        let fold = |rows, initial| FoldRows {
            rows,
            len,
            scale: 1.0 / 13.0,
            initial,
            second: false,
            layout: RowLayout::rows_of(len),
        };
        let x = numbers(len as u64, 13 * len);
        let y = vec![f32::NAN; len];
        let exact = fold_rows(&fold(13, false), None, &x, None);
        for facts in devices() {
            let all = run(&facts, fold(13, false), &[x.clone(), y.clone()]).remove(0);
            assert_close(&format!("fold of {len} on {}", facts.selector), &all, &exact, 1e-6, 0.0);
            let first = run(&facts, fold(4, false), &[x[..4 * len].to_vec(), y.clone()]).remove(0);
            let rest = run(&facts, fold(9, true), &[first, x[4 * len..].to_vec(), y.clone()]).remove(0);
            assert!(all == rest, "13 rows and 4 + 9 rows of {len} differ on {}", facts.selector);
            let mut single = vec![0.0; len];
            for row in x.chunks(len) {
                single = run(&facts, fold(1, true), &[single, row.to_vec(), y.clone()]).remove(0);
            }
            assert!(all == single, "13 rows and 13 times one row of {len} differ on {}", facts.selector);
        }
    }
}

#[test]
pub(super) fn folds_read_slices_and_sums() {
    for (len, element, second) in [(1, 1, true), (41, 3, false), (41, 3, true), (5000, 1, true), (5000, 2, false)] {
        let layout = RowLayout { offset: 5, row: element * len + 7, element };
        let len = len as usize;
        let kernel = FoldRows { rows: 13, len, scale: -0.75, initial: true, second, layout };
        kernel.validate().unwrap();
        let slots = kernel.slots();
        let mut bindings: Vec<Vec<f32>> = (0..slots.len()).map(|i| numbers(i as u64, slots[i].len)).collect();
        let exact = fold_rows(&kernel, Some(&bindings[0]), &bindings[1], second.then_some(&bindings[2][..]));
        *bindings.last_mut().unwrap() = vec![f32::NAN; len];
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &bindings).remove(0);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got, &exact, 1e-6, 0.0);
        }
    }
}

#[test]
fn impossible_reductions_are_refused() {
    let kernel = Reduce { kind: ReduceKind::Sum, outer: 1, axis: 0, inner: 1, scale: 1.0 };
    assert!(kernel.validate().is_err());
    assert!(Reduce { axis: 256 * 65_535 + 1, ..kernel.clone() }.validate().is_err());
    assert!(Reduce { axis: 1 << 20, inner: 1 << 12, ..kernel }.validate().is_err());
    assert!(Dot { outer: 0, axis: 1 }.validate().is_err());
    assert!(
        FoldRows { rows: 65_536, len: 1, scale: 1.0, initial: false, second: false, layout: RowLayout::rows_of(1) }
            .validate()
            .is_err()
    );
}
