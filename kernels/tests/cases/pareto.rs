//! The Gram matrix and the min-norm solver.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{Gram, MinNorm};

use crate::reference::gram::gram;
use crate::support::pushed::run_pushed;
use crate::support::{Exact, assert_close, devices, numbers, run};

#[test]
fn gram_agrees_with_the_reference() {
    for facts in devices() {
        for (rows, len) in [(1, 1), (2, 41), (3, 1023), (5, 4099), (8, 127), (13, 270_001), (31, 1), (32, 3001)] {
            let g = numbers(rows as u64, rows * len);
            let previous = numbers(77, rows * rows);
            for accumulate in [false, true] {
                let kernel = Gram { rows: rows as u32, len, accumulate };
                let got = run_pushed(&facts, &[g.clone(), previous.clone()], rows * rows, |plan, operands| {
                    kernel.push(plan, "gram", operands[0], accumulate.then_some(operands[1]), operands[2])
                });
                let mut exact: Vec<Exact> = gram(&g, rows);
                if accumulate {
                    exact.iter_mut().zip(&previous).for_each(|(exact, x)| exact.add(f64::from(*x)));
                }
                assert_close(&format!("{kernel:?} on {}", facts.selector), &got, &exact, 1e-6, 1e-7);
            }
        }
    }
}

/// (weights, coefficients, squared norm) for rows of three numbers.
fn solve(facts: &DeviceFacts, rows: &[[f32; 3]], normalise: bool) -> (Vec<f32>, Vec<f32>, f32) {
    let n = rows.len();
    let g: Vec<f32> = rows.iter().flatten().copied().collect();
    let matrix: Vec<f32> = gram(&g, n).into_iter().map(|exact| exact.value as f32).collect();
    let kernel = MinNorm { rows: n as u32, normalise };
    kernel.validate().expect("the parameters are valid");
    let mut got = run(facts, kernel, &[matrix, vec![f32::NAN; n], vec![f32::NAN; n], vec![f32::NAN]]);
    let norm = got.remove(2)[0];
    (got.remove(1), got.remove(0), norm)
}

fn close(what: &str, got: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let near = got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() <= bound);
    assert!(near, "{what}: got {got:?}, expected {expected:?}");
}

/// `modnas.md` 11, from the official solver.
#[test]
fn min_norm_has_its_golden_values() {
    for facts in devices() {
        let what = format!("on {}", facts.selector);
        let (weights, coefficients, norm) = solve(&facts, &[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]], false);
        close(&what, &weights, &[0.8, 0.2], 1e-6);
        close(&what, &coefficients, &[0.8, 0.2], 1e-6);
        close(&what, &[norm], &[0.8], 1e-6);
        let (weights, _, norm) = solve(&facts, &[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [1.0, 1.0, 1.0]], false);
        close(&what, &weights, &[0.8, 0.2, 0.0], 1e-6);
        close(&what, &[norm], &[0.8], 1e-6);
        let four = [[1.0, 0.0, 0.0], [-0.5, 0.8, 0.0], [0.1, -0.9, 0.4], [0.3, 0.3, -1.0]];
        let (weights, _, norm) = solve(&facts, &four, false);
        close(&what, &weights, &[0.10121, 0.36895, 0.37843, 0.15141], 1e-5);
        assert!((0.0..1e-7).contains(&norm), "{what}: squared norm {norm}");
        assert_eq!(solve(&facts, &[[3.0, 0.0, 0.0]], false).0, [1.0], "{what}");
    }
}

#[test]
fn min_norm_takes_lengths_away() {
    for facts in devices() {
        let what = format!("on {}", facts.selector);
        // Unit vectors at a right angle weigh the same, whatever their lengths were.
        let (weights, coefficients, norm) = solve(&facts, &[[10.0, 0.0, 0.0], [0.0, 0.5, 0.0]], true);
        close(&what, &weights, &[0.5, 0.5], 1e-6);
        close(&what, &coefficients, &[0.05, 1.0], 1e-6);
        close(&what, &[norm], &[0.5], 1e-6);
        // A zero vector is the shortest combination, and its coefficient 0 is no division by zero.
        let (weights, coefficients, norm) = solve(&facts, &[[1.0, 0.0, 0.0], [0.0; 3], [0.0, 1.0, 0.0]], true);
        assert!(weights[1] > 0.99 && coefficients[1] == 0.0, "{what}: {weights:?} {coefficients:?}");
        assert!(norm < 1e-5 && coefficients.iter().all(|c| c.is_finite()), "{what}: {norm} {coefficients:?}");
        // Opposed and parallel pairs, and the smallest lengths whose squares are normal numbers.
        let (weights, _, norm) = solve(&facts, &[[1e-18, 0.0, 0.0], [-1e18, 0.0, 0.0]], true);
        close(&what, &weights, &[0.5, 0.5], 1e-5);
        close(&what, &[norm], &[0.0], 1e-5);
        let (weights, _, _) = solve(&facts, &[[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]], false);
        close(&what, &weights, &[0.999, 0.001], 1e-6);
    }
}

/// At the minimum every row's inner product with the combination is at least the squared norm (Frank-Wolfe's gap).
#[test]
fn min_norm_is_a_minimum_for_many_rows() {
    for facts in devices() {
        for n in [3, 13, 31, 32] {
            let len = 40;
            let g: Vec<f32> = numbers(n as u64, n * len).into_iter().map(|x| x + 0.4).collect();
            let exact = gram(&g, n);
            let matrix: Vec<f32> = exact.iter().map(|exact| exact.value as f32).collect();
            let kernel = MinNorm { rows: n as u32, normalise: false };
            let got = run(&facts, kernel, &[matrix, vec![0.0; n], vec![0.0; n], vec![0.0]]);
            let (weights, norm) = (&got[1], f64::from(got[2][0]));
            let what = format!("{n} rows on {}", facts.selector);
            assert!(weights.iter().all(|w| *w >= 0.0) && (weights.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{what}");
            let product =
                |i: usize| weights.iter().enumerate().map(|(j, w)| exact[i * n + j].value * f64::from(*w)).sum::<f64>();
            let square: f64 = (0..n).map(|i| f64::from(weights[i]) * product(i)).sum();
            assert!((square - norm).abs() < 1e-4 * norm, "{what}: norm {norm}, weights give {square}");
            let smallest = (0..n).map(product).fold(f64::MAX, f64::min);
            assert!(square - smallest < 0.02 * square, "{what}: {smallest} lies below {square}");
        }
    }
}

#[test]
fn nonsense_is_refused() {
    assert!(MinNorm { rows: 0, normalise: true }.validate().is_err());
    assert!(MinNorm { rows: 33, normalise: true }.validate().is_err());
    assert!(Gram { rows: 33, len: 4, accumulate: false }.validate().is_err());
    assert!(Gram { rows: 3, len: 0, accumulate: false }.validate().is_err());
    assert!(Gram { rows: 32, len: 1 << 28, accumulate: false }.validate().is_err());
}
