//! y = f(x).

use parnas_kernels::ops::Function;

use crate::support::Exact;

pub fn unary(function: Function, x: &[f32]) -> Vec<Exact> {
    x.iter()
        .map(|x| {
            let x = f64::from(*x);
            Exact::of(match function {
                Function::Affine { scale, shift } => f64::from(scale) * x + f64::from(shift),
                Function::Relu => x.max(0.0),
                Function::Exp => x.exp(),
                Function::Log => x.ln(),
                Function::Sqrt => x.sqrt(),
                Function::Square => x * x,
                Function::Reciprocal => 1.0 / x,
                Function::Sin => x.sin(),
                Function::Tanh => x.tanh(),
                Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
                Function::Abs => x.abs(),
                Function::Softplus => (1.0 + x.exp()).ln(),
            })
        })
        .collect()
}
