//! Tensors of one value.

use rayon::prelude::*;

use super::{Chain, Operation};
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

const CHUNK: usize = 1 << 16;

/// `y[i] = value`: `[len]`. Slot `y`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// Elements.
    pub len: usize,
    /// The value.
    pub value: f32,
}

impl Kernel for Fill {
    fn name(&self) -> &'static str {
        "fill"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::write("y", self.len)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "shape/fill", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.len as u32).f32(self.value)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 0, bytes: bytes_of(&self.slots()) }
    }

    fn elementwise(&self) -> Option<Chain> {
        Chain::flat(self.len, 0, Operation::Constant(self.value))
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [y] = views.split();
        y.write()[..self.len].par_chunks_mut(CHUNK).for_each(|y| y.fill(self.value));
    }
}
