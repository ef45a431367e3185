//! Sums and extremes along an axis; inner products; rows added in order.

use parnas_kernels::ops::{Dot, FoldRows, Reduce, ReduceKind, RowLayout};

use crate::support::Exact;

pub fn reduce(kernel: &Reduce, x: &[f32]) -> Vec<Exact> {
    let (axis, inner) = (kernel.axis as usize, kernel.inner as usize);
    let mut y = Vec::new();
    for o in 0..kernel.outer as usize {
        for i in 0..inner {
            let values = (0..axis).map(|j| f64::from(x[(o * axis + j) * inner + i]));
            let mut sum = Exact::default();
            match kernel.kind {
                ReduceKind::Sum => values.for_each(|v| sum.add(f64::from(kernel.scale) * v)),
                ReduceKind::SumOfSquares => values.for_each(|v| sum.add(f64::from(kernel.scale) * v * v)),
                ReduceKind::Maximum => sum.value = values.fold(f64::NEG_INFINITY, f64::max),
                ReduceKind::Minimum => sum.value = values.fold(f64::INFINITY, f64::min),
            }
            y.push(sum);
        }
    }
    y
}

pub fn dot(kernel: &Dot, a: &[f32], b: &[f32]) -> Vec<Exact> {
    let axis = kernel.axis as usize;
    let row = |(a, b): (&[f32], &[f32])| {
        let mut sum = Exact::default();
        a.iter().zip(b).for_each(|(a, b)| sum.add(f64::from(*a) * f64::from(*b)));
        sum
    };
    a.chunks(axis).zip(b.chunks(axis)).map(row).collect()
}

pub fn fold_rows(kernel: &FoldRows, initial: Option<&[f32]>, x: &[f32], second: Option<&[f32]>) -> Vec<Exact> {
    let RowLayout { offset, row, element } = kernel.layout;
    let mut y = vec![Exact::default(); kernel.len];
    for (p, y) in y.iter_mut().enumerate() {
        if let Some(initial) = initial {
            y.add(f64::from(initial[p]));
        }
        for r in 0..kernel.rows as usize {
            let at = offset as usize + r * row as usize + p * element as usize;
            y.add(f64::from(kernel.scale) * f64::from(x[at]));
            if let Some(second) = second {
                y.add(f64::from(kernel.scale) * f64::from(second[at]));
            }
        }
    }
    y
}
