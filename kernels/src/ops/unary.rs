//! Functions of one number, element by element.

use rayon::prelude::*;

use super::{Chain, Operation};
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::functions::{exponential, hyperbolic_tangent, logarithm_of_one_plus, normal_distribution, sigmoid};

/// Elements that one task of the CPU kernel computes: enough to pay for the task, few enough to stay in a cache.
const CHUNK: usize = 8192;

/// A function of one number. The order is that of `OP` in `elementwise/unary.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// `scale * x + shift`.
    Affine {
        /// The factor.
        scale: f32,
        /// The summand.
        shift: f32,
    },
    /// `max(x, 0)`.
    Relu,
    /// `exp(x)`.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// `x * x`.
    Square,
    /// `1 / x`.
    Reciprocal,
    /// `sin(x)`.
    Sin,
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `|x|`.
    Abs,
    /// `log(1 + exp(x))`.
    Softplus,
    /// `x P(X <= x)` for a normal `X`: the Gaussian error linear unit (Hendrycks and Gimpel, 2016), exact.
    Gelu,
    /// Its approximation `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `x / (1 + exp(-x))`, also called swish.
    Silu,
    /// `x clamp(x + 3, 0, 6) / 6` (Howard et al., ICCV 2019).
    HardSwish,
    /// `clamp(x + 3, 0, 6) / 6`.
    HardSigmoid,
}

/// `(1 + tanh(u)) / 2` is the sigmoid of `2 u`: this is `2 u` of [`Function::GeluTanh`].
#[inline(always)]
pub(super) fn gelu_exponent(v: f32) -> f32 {
    GELU_SLOPE * v * (1.0 + 0.044_715 * v * v)
}

/// `2 sqrt(2 / pi)`.
pub(super) const GELU_SLOPE: f32 = 1.595_769_2;

#[inline(always)]
fn hard_sigmoid(v: f32) -> f32 {
    (v + 3.0).clamp(0.0, 6.0) * (1.0 / 6.0)
}

/// Runs `$body` with `$function` a constant: the choice must not be made element by element, or the loop is no vector code.
macro_rules! for_each_function {
    ($of:expr, |$function:ident| $body:expr) => {
        for_each_function!(@ $of, $function, $body, Relu Exp Log Sqrt Square Reciprocal Sin Tanh Sigmoid Abs Softplus
            Gelu GeluTanh Silu HardSwish HardSigmoid)
    };
    (@ $of:expr, $function:ident, $body:expr, $($name:ident)*) => {
        match $of {
            Function::Affine { scale, shift } => {
                let $function = Function::Affine { scale, shift };
                $body
            }
            $(Function::$name => {
                let $function = Function::$name;
                $body
            })*
        }
    };
}
pub(super) use for_each_function;

impl Function {
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Affine { .. } => 0,
            Self::Relu => 1,
            Self::Exp => 2,
            Self::Log => 3,
            Self::Sqrt => 4,
            Self::Square => 5,
            Self::Reciprocal => 6,
            Self::Sin => 7,
            Self::Tanh => 8,
            Self::Sigmoid => 9,
            Self::Abs => 10,
            Self::Softplus => 11,
            Self::Gelu => 12,
            Self::GeluTanh => 13,
            Self::Silu => 14,
            Self::HardSwish => 15,
            Self::HardSigmoid => 16,
        }
    }

    /// Its value at `v`.
    #[inline(always)]
    pub fn apply(self, v: f32) -> f32 {
        match self {
            Self::Affine { scale, shift } => scale * v + shift,
            Self::Relu => v.max(0.0),
            Self::Exp => exponential(v),
            Self::Log => v.ln(),
            Self::Sqrt => v.sqrt(),
            Self::Square => v * v,
            Self::Reciprocal => 1.0 / v,
            Self::Sin => v.sin(),
            Self::Tanh => hyperbolic_tangent(v),
            Self::Sigmoid => sigmoid(v),
            Self::Abs => v.abs(),
            Self::Softplus => v.max(0.0) + logarithm_of_one_plus(exponential(-v.abs())),
            Self::Gelu => v * normal_distribution(v).0,
            Self::GeluTanh => v * sigmoid(gelu_exponent(v)),
            Self::Silu => v * sigmoid(v),
            Self::HardSwish => v * hard_sigmoid(v),
            Self::HardSigmoid => hard_sigmoid(v),
        }
    }
}

/// `y = f(x)`, element by element: `[len] -> [len]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    /// The function.
    pub function: Function,
    /// Elements.
    pub len: usize,
}

impl Kernel for Unary {
    fn name(&self) -> &'static str {
        "unary"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.len).or_half(), Slot::write("y", self.len).or_half()]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elementwise/unary", constants: vec![("OP", self.function.code())] }
    }

    fn parameters(&self) -> Words {
        let (scale, shift) = match self.function {
            Function::Affine { scale, shift } => (scale, shift),
            _ => (0.0, 0.0),
        };
        Words::new().u32(self.len as u32).f32(scale).f32(shift)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn elementwise(&self) -> Option<Chain> {
        Chain::flat(self.len, 1, Operation::Unary(self.function))
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let (x, y) = (x.read(), y.write());
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
            // The choice is made within: what a closure captures is no constant beyond the dispatch.
            cpu.vectorised(
                #[inline(always)]
                || {
                    for_each_function!(self.function, |function| for (y, x) in y.iter_mut().zip(x) {
                        *y = function.apply(*x);
                    })
                },
            );
        });
    }
}
