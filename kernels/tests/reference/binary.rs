//! y = a op b, element by element, with strides.

use parnas_kernels::ops::{Binary, BinaryOperation};

use crate::support::Exact;

pub fn binary(kernel: &Binary, a: &[f32], b: &[f32]) -> Vec<Exact> {
    let mut y = Vec::new();
    let [n0, n1, n2, n3] = kernel.shape;
    for i in 0..n0 {
        for j in 0..n1 {
            for k in 0..n2 {
                for l in 0..n3 {
                    let at = |s: [u32; 4]| (i * s[0] + j * s[1] + k * s[2] + l * s[3]) as usize;
                    let (u, v) = (f64::from(a[at(kernel.a_strides)]), f64::from(b[at(kernel.b_strides)]));
                    let value = match kernel.operation {
                        BinaryOperation::Add => u + v,
                        BinaryOperation::Subtract => u - v,
                        BinaryOperation::Multiply => u * v,
                        BinaryOperation::Divide => u / v,
                        BinaryOperation::Maximum => u.max(v),
                        BinaryOperation::Minimum => u.min(v),
                        BinaryOperation::GreaterThan => f64::from(u8::from(u > v)),
                    };
                    y.push(Exact { value, magnitude: u.abs() + v.abs() + value.abs() });
                }
            }
        }
    }
    y
}
