//! Functions of one number, element by element.

use rayon::prelude::*;

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

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
}

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
        }
    }

    /// Its value at `v`.
    #[inline(always)]
    pub fn apply(self, v: f32) -> f32 {
        match self {
            Self::Affine { scale, shift } => scale * v + shift,
            Self::Relu => v.max(0.0),
            Self::Exp => v.exp(),
            Self::Log => v.ln(),
            Self::Sqrt => v.sqrt(),
            Self::Square => v * v,
            Self::Reciprocal => 1.0 / v,
            Self::Sin => v.sin(),
            Self::Tanh => v.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-v).exp()),
            Self::Abs => v.abs(),
            Self::Softplus => v.max(0.0) + (-v.abs()).exp().ln_1p(),
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
        vec![Slot::read("x", self.len), Slot::write("y", self.len)]
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

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let (x, y) = (x.read(), y.write());
        let function = self.function;
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = function.apply(*x);
                    }
                },
            );
        });
    }
}
