//! y = g f'(x).

use parnas_kernels::ops::Function;

use super::unary::{GELU, density, normal};
use crate::support::Exact;

pub fn unary_gradient(function: Function, x: &[f32], g: &[f32]) -> Vec<Exact> {
    x.iter()
        .zip(g)
        .map(|(x, g)| {
            let x = f64::from(*x);
            let slope = match function {
                Function::Affine { scale, .. } => f64::from(scale),
                Function::Relu => f64::from(u8::from(x > 0.0)),
                Function::Exp => x.exp(),
                Function::Log => 1.0 / x,
                Function::Sqrt => 0.5 / x.sqrt(),
                Function::Square => 2.0 * x,
                Function::Reciprocal => -1.0 / (x * x),
                Function::Sin => x.cos(),
                Function::Tanh => 1.0 / x.cosh().powi(2),
                Function::Sigmoid => 1.0 / (2.0 + x.exp() + (-x).exp()),
                Function::Abs => x.signum(),
                Function::Softplus => 1.0 / (1.0 + (-x).exp()),
                Function::Gelu => normal(x) + x * density(x),
                Function::GeluTanh => {
                    let t = (GELU * (x + 0.044715 * x.powi(3))).tanh();
                    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU * (1.0 + 3.0 * 0.044715 * x * x)
                }
                Function::Silu => {
                    let s = 1.0 / (1.0 + (-x).exp());
                    s + x * s * (1.0 - s)
                }
                Function::HardSwish => match x {
                    ..=-3.0 => 0.0,
                    3.0.. => 1.0,
                    _ => x / 3.0 + 0.5,
                },
                Function::HardSigmoid => f64::from(u8::from(x.abs() < 3.0)) / 6.0,
            };
            Exact::of(f64::from(*g) * slope)
        })
        .collect()
}
