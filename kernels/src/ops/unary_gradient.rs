//! Derivatives of functions of one number, element by element.

use rayon::prelude::*;

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::functions::{exponential, hyperbolic_tangent, normal_distribution, sigmoid};
use crate::ops::unary::{GELU_SLOPE, for_each_function, gelu_exponent};
use crate::ops::{Chain, Function, Operation};

const CHUNK: usize = 8192;

impl Function {
    /// Its derivative at `v`; that of relu and of the magnitude is 0 at 0, that of the hard functions at -3 and 3 as PyTorch has it.
    #[inline(always)]
    pub fn derivative(self, v: f32) -> f32 {
        match self {
            Self::Affine { scale, .. } => scale,
            Self::Relu => f32::from(v > 0.0),
            Self::Exp => exponential(v),
            Self::Log => 1.0 / v,
            Self::Sqrt => 0.5 / v.sqrt(),
            Self::Square => 2.0 * v,
            Self::Reciprocal => -1.0 / (v * v),
            Self::Sin => v.cos(),
            Self::Tanh => {
                let t = hyperbolic_tangent(v);
                1.0 - t * t
            }
            Self::Sigmoid => {
                let s = sigmoid(v);
                s * (1.0 - s)
            }
            Self::Abs => f32::from(v > 0.0) - f32::from(v < 0.0),
            Self::Softplus => sigmoid(v),
            Self::Gelu => {
                let (below, density) = normal_distribution(v);
                // Beyond that the density is 0, and infinity times 0 would be no number.
                below + v.clamp(-20.0, 20.0) * density
            }
            Self::GeluTanh => {
                let v = v.clamp(-20.0, 20.0);
                let s = sigmoid(gelu_exponent(v));
                s + v * s * (1.0 - s) * GELU_SLOPE * (1.0 + 3.0 * 0.044_715 * v * v)
            }
            Self::Silu => {
                let v = v.clamp(-100.0, 100.0);
                let s = sigmoid(v);
                s * (1.0 + v * (1.0 - s))
            }
            Self::HardSwish => {
                let within = v * (1.0 / 3.0) + 0.5;
                let above = if v >= 3.0 { 1.0 } else { within };
                if v <= -3.0 { 0.0 } else { above }
            }
            // Not `&&`: a branch would keep the loop from becoming vector code.
            Self::HardSigmoid => {
                if (v > -3.0) & (v < 3.0) {
                    1.0 / 6.0
                } else {
                    0.0
                }
            }
        }
    }
}

/// `y = g * f'(x)`, element by element: `[len] x [len] -> [len]`. Slots `x`, `g`, `y`.
#[derive(Debug, Clone, PartialEq)]
pub struct UnaryGradient {
    /// The function whose derivative is taken.
    pub function: Function,
    /// Elements.
    pub len: usize,
}

impl Kernel for UnaryGradient {
    fn name(&self) -> &'static str {
        "unary_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("x", self.len).or_half(),
            Slot::read("g", self.len).or_half(),
            Slot::write("y", self.len).or_half(),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elementwise/unary_gradient", constants: vec![("OP", self.function.code())] }
    }

    fn parameters(&self) -> Words {
        let scale = match self.function {
            Function::Affine { scale, .. } => scale,
            _ => 0.0,
        };
        Words::new().u32(self.len as u32).f32(scale)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn elementwise(&self) -> Option<Chain> {
        Chain::flat(self.len, 2, Operation::Derivative(self.function))
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, g, y] = views.split();
        let (x, g, y) = (x.read(), g.read(), y.write());
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).zip(g.par_chunks(CHUNK)).for_each(|((y, x), g)| {
            // The choice is made within: what a closure captures is no constant beyond the dispatch.
            cpu.vectorised(
                #[inline(always)]
                || {
                    for_each_function!(self.function, |function| for ((y, x), g) in y.iter_mut().zip(x).zip(g) {
                        *y = g * function.derivative(*x);
                    })
                },
            );
        });
    }
}
