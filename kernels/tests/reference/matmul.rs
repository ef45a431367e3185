//! C = A B + bias, then max(0, .).

use parnas_kernels::ops::{Bias, Matmul};

use crate::support::Exact;

pub fn matmul(kernel: &Matmul, a: &[f32], b: &[f32], bias: &[f32]) -> Vec<Exact> {
    let [batch, m, n, k] = [kernel.batch, kernel.m, kernel.n, kernel.k].map(|extent| extent as usize);
    let mut c = Vec::new();
    for index in 0..batch {
        let a = if kernel.broadcast_a { a } else { &a[index * m * k..] };
        let b = if kernel.broadcast_b { b } else { &b[index * k * n..] };
        for row in 0..m {
            for column in 0..n {
                let mut sum = Exact::default();
                for depth in 0..k {
                    let u = if kernel.transpose_a { a[depth * m + row] } else { a[row * k + depth] };
                    let v = if kernel.transpose_b { b[column * k + depth] } else { b[depth * n + column] };
                    sum.add(f64::from(u) * f64::from(v));
                }
                match kernel.bias {
                    Bias::None => {}
                    Bias::Shared => sum.add(f64::from(bias[column])),
                    Bias::PerBatch => sum.add(f64::from(bias[index * n + column])),
                }
                if kernel.relu {
                    sum.value = sum.value.max(0.0);
                }
                c.push(sum);
            }
        }
    }
    c
}
