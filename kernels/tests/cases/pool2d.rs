//! Pooling.

use parnas_kernels::Kernel;
use parnas_kernels::ops::{Pool2d, Pool2dForward, Pool2dGradient, PoolKind};

use crate::reference::pool2d::{forward, gradient};
use crate::support::{assert_close, devices, numbers, run};

#[test]
pub(super) fn pooling_and_its_gradient_agree_with_the_reference() {
    let kinds = [
        PoolKind::Average { count_include_padding: false },
        PoolKind::Average { count_include_padding: true },
        PoolKind::Maximum,
    ];
    // planes, height, width, kernel, stride, padding
    let extents = [
        (1, 1, 1, 1, 1, 0),
        (3, 8, 8, 3, 1, 1),
        (5, 31, 33, 3, 2, 1),
        (2, 41, 3, 2, 2, 0),
        (65, 4, 4, 4, 4, 0),
        (127, 7, 9, 5, 3, 2),
        (3, 65, 10, 3, 4, 0),
        (3, 31, 34, 3, 2, 1),
    ];
    for (kind, (planes, height, width, kernel, stride, padding)) in
        kinds.into_iter().flat_map(|kind| extents.map(|extents| (kind, extents)))
    {
        let pool = Pool2d { kind, planes, height, width, kernel, stride, padding };
        pool.validate().unwrap();
        let mut x = numbers(1, (planes * height * width) as usize);
        // Ties: the first one of equals is the largest.
        x.iter_mut().for_each(|x| *x = (*x * 8.0).round() / 8.0);
        let outputs = Pool2dForward(pool).slots()[1].len;
        let dy = numbers(2, outputs);
        let (y, dx) = (forward(&pool, &x), gradient(&pool, &x, &dy));
        for facts in devices() {
            let what = format!("{pool:?} on {}", facts.selector);
            let got = run(&facts, Pool2dForward(pool), &[x.clone(), vec![f32::NAN; outputs]]);
            assert_close(&what, &got[0], &y, 1e-6, 1e-6);
            let mut inputs = vec![dy.clone(), vec![f32::NAN; x.len()]];
            if kind == PoolKind::Maximum {
                inputs.insert(0, x.clone());
            }
            let got = run(&facts, Pool2dGradient(pool), &inputs);
            assert_close(&format!("gradient of {what}"), &got[0], &dx, 1e-6, 1e-6);
        }
    }
}

/// The gradient of `sum(dy * y)` by central differences.
#[test]
fn gradients_are_the_slopes_of_the_forward_pass() {
    for kind in [PoolKind::Average { count_include_padding: false }, PoolKind::Maximum] {
        let pool = Pool2d { kind, planes: 2, height: 5, width: 7, kernel: 3, stride: 2, padding: 1 };
        let (x, dy) = (numbers(5, 70), numbers(6, Pool2dForward(pool).slots()[1].len));
        let loss =
            |x: &[f32]| -> f64 { forward(&pool, x).iter().zip(&dy).map(|(y, dy)| y.value * f64::from(*dy)).sum() };
        let slope = |place: usize| {
            let moved = |by: f32| {
                let mut moved = x.clone();
                moved[place] += by;
                (loss(&moved), f64::from(moved[place]))
            };
            let ((up, right), (down, left)) = (moved(1e-3), moved(-1e-3));
            (up - down) / (right - left)
        };
        for facts in devices() {
            let mut inputs = vec![dy.clone(), vec![f32::NAN; x.len()]];
            if kind == PoolKind::Maximum {
                inputs.insert(0, x.clone());
            }
            let got = run(&facts, Pool2dGradient(pool), &inputs).remove(0);
            for (place, got) in got.iter().enumerate() {
                let slope = slope(place);
                assert!(
                    (f64::from(*got) - slope).abs() < 1e-4,
                    "dx[{place}] of {pool:?} on {}: {got}, {slope}",
                    facts.selector
                );
            }
        }
    }
}

#[test]
fn impossible_pooling_is_refused() {
    let good = Pool2d { kind: PoolKind::Maximum, planes: 1, height: 4, width: 4, kernel: 3, stride: 1, padding: 1 };
    assert!(good.validate().is_ok());
    for bad in [
        Pool2d { padding: 2, ..good },
        Pool2d { kernel: 7, ..good },
        Pool2d { stride: 0, ..good },
        Pool2d { planes: 0, ..good },
        Pool2d { kernel: 256, height: 300, width: 300, ..good },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}
