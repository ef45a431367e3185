//! y = f(x).

use parnas_kernels::ops::Function;

use crate::support::Exact;

/// sqrt(2 / pi).
pub const GELU: f64 = 0.797_884_560_802_865_4;

/// The normal density.
pub fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// The normal distribution, by the series 1/2 + density(x) (x + x^3 / 3 + x^5 / 15 + ...).
pub fn normal(x: f64) -> f64 {
    if x.abs() > 12.0 {
        return f64::from(u8::from(x > 0.0));
    }
    let (mut term, mut sum) = (x, 0.0);
    for n in 1..400 {
        sum += term;
        term *= x * x / f64::from(2 * n + 1);
    }
    (0.5 + density(x) * sum).clamp(0.0, 1.0)
}

pub fn value(function: Function, x: f64) -> f64 {
    match function {
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
        Function::Gelu => x * normal(x),
        Function::GeluTanh => 0.5 * x * (1.0 + (GELU * (x + 0.044715 * x.powi(3))).tanh()),
        Function::Silu => x / (1.0 + (-x).exp()),
        Function::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Function::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
    }
}

pub fn unary(function: Function, x: &[f32]) -> Vec<Exact> {
    x.iter().map(|x| Exact::of(value(function, f64::from(*x)))).collect()
}
