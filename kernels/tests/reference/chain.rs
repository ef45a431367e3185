//! y = a program, element by element: each step by its own reference, rounded to f32 as a tensor between launches would be.

use parnas_kernels::ops::{Binary, Chain, Operation, Value};

use super::binary::binary;
use super::unary::unary;
use super::unary_gradient::unary_gradient;
use crate::support::Exact;

pub fn chain(kernel: &Chain, inputs: &[Vec<f32>]) -> Vec<Exact> {
    let mut y = Vec::new();
    let [n0, n1, n2, n3] = kernel.shape;
    for at in (0..n0 * n1 * n2 * n3).map(|i| [i / n3 / n2 / n1, i / n3 / n2 % n1, i / n3 % n2, i % n3]) {
        let read = |index: usize| {
            let input = kernel.inputs[index];
            let place = input.offset + at.iter().zip(input.strides).map(|(at, stride)| at * stride).sum::<u32>();
            inputs[index][place as usize]
        };
        let mut values: Vec<f32> = Vec::new();
        let mut magnitude = 1.0f64;
        for step in &kernel.steps {
            let of = |value: Value| match value {
                Value::Input(index) => read(index),
                Value::Step(index) => values[index],
            };
            let result = match step.operation {
                Operation::Constant(value) => Exact::of(f64::from(value)),
                Operation::Unary(function) => unary(function, &[of(step.a)])[0],
                Operation::Derivative(function) => unary_gradient(function, &[of(step.a)], &[of(step.b)])[0],
                Operation::Binary(operation) => {
                    let one = Binary { operation, shape: [1; 4], a_strides: [0; 4], b_strides: [0; 4] };
                    binary(&one, &[of(step.a)], &[of(step.b)])[0]
                }
            };
            magnitude += result.magnitude;
            values.push(result.value as f32);
        }
        let value = f64::from(values.last().copied().unwrap_or_else(|| read(0)));
        y.push(Exact { value, magnitude });
    }
    y
}
