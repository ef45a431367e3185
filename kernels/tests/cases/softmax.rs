//! Softmax, cross-entropy and correct answers.

use parnas_kernels::ops::{Correct, CrossEntropy, CrossEntropyGradient, Softmax, SoftmaxGradient};

use crate::reference::softmax::{
    correct, cross_entropy, cross_entropy_gradient, log_softmax, loss, softmax, softmax_gradient,
};
use crate::support::variants::run_each;
use crate::support::{assert_close, bits, devices, numbers, run};

const EXTENTS: [(u32, u32); 9] =
    [(1, 1), (41, 3), (300, 33), (3, 64), (3, 65), (31, 127), (2, 1000), (1, 70_001), (3, 50_304)];

/// Logits far from 0, so that an exponential without the shift would overflow.
fn logits(seed: u64, len: usize) -> Vec<f32> {
    numbers(seed, len).iter().map(|x| 4.0 * x + 95.0).collect()
}

/// Labels of all classes, one of them none.
fn labels(classes: u32, rows: u32) -> Vec<u32> {
    (0..rows).map(|r| if r % 7 == 3 { classes + r } else { (r * 11 + 2) % classes }).collect()
}

fn doubles(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

/// Asserts that `dx` is the gradient of sum g f(row) by central differences of `f`, for every row of `width` entries.
fn assert_gradient(what: &str, width: usize, x: &[f32], dx: &[f32], f: impl Fn(usize, &[f64]) -> f64) {
    for (row, (x, dx)) in x.chunks(width).zip(dx.chunks(width)).enumerate() {
        let mut x = doubles(x);
        for j in 0..width {
            let (step, own) = (1e-5, x[j]);
            x[j] = own + step;
            let above = f(row, &x);
            x[j] = own - step;
            let slope = (above - f(row, &x)) / (2.0 * step);
            x[j] = own;
            let error = (f64::from(dx[j]) - slope).abs();
            assert!(error < 2e-5, "{what}: gradient of row {row}, entry {j} is {}, by differences {slope}", dx[j]);
        }
    }
}

#[test]
fn softmax_agrees_with_the_reference() {
    for (logarithm, (rows, width)) in [false, true].into_iter().flat_map(|l| EXTENTS.map(|extents| (l, extents))) {
        let kernel = Softmax { rows, width, logarithm };
        kernel.validate().unwrap();
        let x = logits(width.into(), (rows * width) as usize);
        let exact = softmax(&kernel, &x);
        for (name, got) in run_each(kernel, &[x.clone(), vec![f32::NAN; x.len()]]) {
            assert_close(&name, &got[0], &exact, 4e-6, 1e-6);
        }
    }
}

#[test]
fn masked_entries_have_no_probability() {
    for facts in devices() {
        for width in [5, 200] {
            let mut x = vec![0.5; width];
            x[2..].fill(-1e9);
            let kernel = Softmax { rows: 1, width: width as u32, logarithm: false };
            let got = run(&facts, kernel, &[x, vec![f32::NAN; width]]);
            assert_eq!(got[0][..2], [0.5; 2], "on {}", facts.selector);
            assert!(got[0][2..].iter().all(|y| *y == 0.0), "on {}", facts.selector);
        }
    }
}

#[test]
fn gradients_of_softmax_agree_with_the_reference_and_with_differences() {
    for (logarithm, (rows, width)) in [false, true].into_iter().flat_map(|l| EXTENTS.map(|extents| (l, extents))) {
        let kernel = SoftmaxGradient { rows, width, logarithm };
        kernel.validate().unwrap();
        let x = logits(width.into(), (rows * width) as usize);
        let y: Vec<f32> = softmax(&Softmax { rows, width, logarithm }, &x).iter().map(|y| y.value as f32).collect();
        let g = numbers(7, x.len());
        let exact = softmax_gradient(&kernel, &y, &g);
        let upstream = doubles(&g);
        for (what, got) in run_each(kernel, &[y.clone(), g.clone(), vec![f32::NAN; x.len()]]) {
            assert_close(&what, &got[0], &exact, 2e-6, 1e-6);
            if width < 100 {
                assert_gradient(&what, width as usize, &x, &got[0], |row, x| {
                    let values = log_softmax(x).into_iter().map(|y| if logarithm { y } else { y.exp() });
                    values.zip(&upstream[row * width as usize..]).map(|(y, g)| y * g).sum()
                });
            }
        }
    }
}

#[test]
fn cross_entropy_agrees_with_the_reference() {
    for ((rows, classes), (share, smoothing)) in
        EXTENTS.into_iter().zip([(1, 0.0), (1, 0.1), (3, 0.1)].into_iter().cycle())
    {
        let label_rows = if rows % share == 0 { rows / share } else { rows };
        let kernel = CrossEntropy { rows, classes, label_rows, smoothing };
        kernel.validate().unwrap();
        let (x, labels) = (logits(classes.into(), (rows * classes) as usize), labels(classes, label_rows));
        let exact = cross_entropy(&kernel, &x, &labels);
        for facts in devices() {
            let inputs = [x.clone(), bits(&labels), vec![f32::NAN; rows as usize]];
            let got = run(&facts, kernel.clone(), &inputs);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 2e-6, 4e-6);
        }
    }
}

#[test]
fn gradients_of_cross_entropy_agree_with_the_reference_and_with_differences() {
    for ((rows, classes), (share, smoothing)) in
        EXTENTS.into_iter().zip([(1, 0.1), (1, 0.0), (3, 0.1)].into_iter().cycle())
    {
        let label_rows = if rows % share == 0 { rows / share } else { rows };
        let kernel = CrossEntropyGradient { rows, classes, label_rows, smoothing };
        kernel.validate().unwrap();
        let (x, labels) = (logits(classes.into(), (rows * classes) as usize), labels(classes, label_rows));
        let g = numbers(5, rows as usize);
        let exact = cross_entropy_gradient(&kernel, &x, &labels, &g);
        for facts in devices() {
            let what = format!("{kernel:?} on {}", facts.selector);
            let inputs = [x.clone(), bits(&labels), g.clone(), vec![f32::NAN; x.len()]];
            let got = run(&facts, kernel.clone(), &inputs);
            assert_close(&what, &got[0], &exact, 4e-6, 1e-7);
            if classes < 100 {
                assert_gradient(&what, classes as usize, &x, &got[0], |row, x| {
                    f64::from(g[row]) * loss(x, labels[row % label_rows as usize], smoothing.into())
                });
            }
        }
    }
}

#[test]
fn correct_answers_agree_with_the_reference() {
    for (rows, classes) in EXTENTS {
        let label_rows = if rows % 3 == 0 { rows / 3 } else { rows };
        let kernel = Correct { rows, classes, label_rows };
        kernel.validate().unwrap();
        let mut x = numbers(classes.into(), (rows * classes) as usize);
        let labels = labels(classes, label_rows);
        for (row, x) in x.chunks_mut(classes as usize).enumerate() {
            // The label is often right, and every second time shares its value with the last entry, sometimes with the first.
            if let Some(own) = x.get_mut(labels[row % label_rows as usize] as usize).filter(|_| row % 3 != 1) {
                *own = 2.0;
                x[classes as usize - 1] = [2.0, 1.5][row % 2];
                x[0] = if row % 5 == 4 { 2.0 } else { x[0] };
            }
        }
        let exact = correct(&kernel, &x, &labels);
        assert!(rows < 30 || exact.iter().any(|y| y.value == 0.0) && exact.iter().any(|y| y.value == 1.0));
        for facts in devices() {
            let inputs = [x.clone(), bits(&labels), vec![f32::NAN; rows as usize]];
            let got = run(&facts, kernel.clone(), &inputs);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 0.0, 0.0);
        }
    }
}

#[test]
fn rows_of_what_is_no_number_are_not_correct() {
    for facts in devices() {
        for classes in [3, 100] {
            let kernel = Correct { rows: 1, classes, label_rows: 1 };
            let inputs = [vec![f32::NAN; classes as usize], bits(&[0]), vec![0.5]];
            assert_eq!(run(&facts, kernel, &inputs)[0], [0.0], "on {}", facts.selector);
        }
    }
}

#[test]
fn impossible_rows_are_refused() {
    assert!(Softmax { rows: 0, width: 3, logarithm: true }.validate().is_err());
    assert!(SoftmaxGradient { rows: 1, width: (1 << 22) + 1, logarithm: true }.validate().is_err());
    let kernel = CrossEntropy { rows: 6, classes: 3, label_rows: 3, smoothing: 0.0 };
    assert!(kernel.validate().is_ok());
    assert!(CrossEntropy { label_rows: 4, ..kernel.clone() }.validate().is_err());
    assert!(CrossEntropy { label_rows: 0, ..kernel.clone() }.validate().is_err());
    assert!(CrossEntropy { smoothing: 1.5, ..kernel.clone() }.validate().is_err());
    assert!(CrossEntropy { smoothing: f32::NAN, ..kernel }.validate().is_err());
    assert!(Correct { rows: 1 << 20, classes: 1 << 12, label_rows: 1 }.validate().is_err());
}
