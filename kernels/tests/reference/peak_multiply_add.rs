//! y[i] = the sum of 12 chains, each stepped by one multiply-add after another.

use parnas_kernels::ops::PeakMultiplyAdd;

use crate::support::Exact;

pub fn peak_multiply_add(kernel: &PeakMultiplyAdd, x: &[f32]) -> Vec<Exact> {
    let (factor, summand) = (f64::from(kernel.factor), f64::from(kernel.summand));
    x.iter()
        .map(|x| {
            let mut sum = Exact::default();
            for chain in 0..12 {
                let mut value = f64::from(*x) + f64::from(chain);
                for _ in 0..4 * kernel.rounds {
                    value = value * factor + summand;
                }
                sum.add(value);
            }
            sum
        })
        .collect()
}
