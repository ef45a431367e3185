//! Copies between strided views.

use parnas_kernels::ops::StridedCopy;

use crate::support::Exact;

pub fn strided_copy(kernel: &StridedCopy, source: &[f32], destination: &[f32]) -> Vec<Exact> {
    let mut copied: Vec<Exact> = destination.iter().map(|value| Exact::of(f64::from(*value))).collect();
    let [n0, n1, n2, n3] = kernel.shape;
    let place = |offset: u32, strides: [u32; 4], at: [u32; 4]| {
        (offset + at.iter().zip(strides).map(|(at, stride)| at * stride).sum::<u32>()) as usize
    };
    for at in (0..n0 * n1 * n2 * n3).map(|i| [i / n3 / n2 / n1, i / n3 / n2 % n1, i / n3 % n2, i % n3]) {
        let value = source[place(kernel.source_offset, kernel.source_strides, at)];
        copied[place(kernel.destination_offset, kernel.destination_strides, at)] = Exact::of(f64::from(value));
    }
    copied
}
