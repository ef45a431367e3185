//! Softmax, cross-entropy, correct answers, and the gradients, along rows.

use parnas_kernels::ops::{Correct, CrossEntropy, CrossEntropyGradient, Softmax, SoftmaxGradient};

use crate::support::Exact;

fn doubles(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

/// The logarithm of the softmax of a row.
pub fn log_softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
    x.iter().map(|x| x - largest - sum.ln()).collect()
}

/// The loss of a row: the cross-entropy with the smoothed label, 0 where the label is no class.
pub fn loss(x: &[f64], label: u32, smoothing: f64) -> f64 {
    if label as usize >= x.len() {
        return 0.0;
    }
    let target = |j: usize| smoothing / x.len() as f64 + if j == label as usize { 1.0 - smoothing } else { 0.0 };
    log_softmax(x).iter().enumerate().map(|(j, log)| -target(j) * log).sum()
}

pub fn softmax(kernel: &Softmax, x: &[f32]) -> Vec<Exact> {
    let row = |x| log_softmax(&doubles(x)).into_iter().map(|y| Exact::of(if kernel.logarithm { y } else { y.exp() }));
    x.chunks(kernel.width as usize).flat_map(row).collect()
}

pub fn softmax_gradient(kernel: &SoftmaxGradient, y: &[f32], g: &[f32]) -> Vec<Exact> {
    let mut dx = Vec::new();
    for (y, g) in y.chunks(kernel.width as usize).zip(g.chunks(kernel.width as usize)) {
        let (y, g) = (doubles(y), doubles(g));
        let mut total = Exact::default();
        y.iter().zip(&g).for_each(|(y, g)| total.add(if kernel.logarithm { *g } else { y * g }));
        for (y, g) in y.iter().zip(&g) {
            let (own, factor) = if kernel.logarithm { (*g, y.exp()) } else { (y * g, *y) };
            dx.push(Exact { value: own - factor * total.value, magnitude: own.abs() + factor.abs() * total.magnitude });
        }
    }
    dx
}

pub fn cross_entropy(kernel: &CrossEntropy, logits: &[f32], labels: &[u32]) -> Vec<Exact> {
    let rows = logits.chunks(kernel.classes as usize).zip(labels.iter().cycle());
    rows.map(|(x, label)| Exact::of(loss(&doubles(x), *label, kernel.smoothing.into()))).collect()
}

pub fn cross_entropy_gradient(kernel: &CrossEntropyGradient, logits: &[f32], labels: &[u32], g: &[f32]) -> Vec<Exact> {
    let mut dx = Vec::new();
    let smoothing = f64::from(kernel.smoothing);
    for ((x, label), g) in logits.chunks(kernel.classes as usize).zip(labels.iter().cycle()).zip(g) {
        for (j, log) in log_softmax(&doubles(x)).into_iter().enumerate() {
            let g = if *label < kernel.classes { f64::from(*g) } else { 0.0 };
            let mut sum = Exact::of(g * log.exp());
            sum.add(-g * smoothing / f64::from(kernel.classes));
            sum.add(if j == *label as usize { -g * (1.0 - smoothing) } else { 0.0 });
            dx.push(sum);
        }
    }
    dx
}

pub fn correct(kernel: &Correct, logits: &[f32], labels: &[u32]) -> Vec<Exact> {
    let mut y = Vec::new();
    for (x, label) in logits.chunks(kernel.classes as usize).zip(labels.iter().cycle()) {
        let mut first = 0;
        (1..x.len()).for_each(|j| {
            if x[j] > x[first] {
                first = j
            }
        });
        y.push(Exact::of(f64::from(u8::from(first == *label as usize))));
    }
    y
}
