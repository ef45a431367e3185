//! Loss scaling, on the device: gradients that are stored as halves are those of the loss times a scale, so that small ones do not
//! vanish. A scale that was too large shows in infinities; that step is left out, and the next has half the scale. (Micikevicius et
//! al., "Mixed Precision Training", ICLR 2018, section 3.2, with the dynamic scale of its section on implementation.)

use super::require::{require, require_len};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// The smallest scale, and one over the largest: 2^-24.
const LEAST: f32 = 1.0 / 16_777_216.0;

/// The scale after a step: half of it where the gradients were not finite, twice of it after `growth` steps in a row in which
/// they were; within 2^-24 and 2^24.
///
/// Slots: `sum_of_squares` `[1]` of the scaled gradients, `state` `[2]`, which is the scale and the good steps since it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossScale {
    /// Good steps after which the scale doubles, at most 2^24.
    pub growth: u32,
}

impl LossScale {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where `growth` is 0 or more than an f32 counts.
    pub fn validate(&self) -> Result<()> {
        require((1..=1 << 24).contains(&self.growth), "loss_scale", "growth is from 1 to 2^24 steps")
    }
}

impl Kernel for LossScale {
    fn name(&self) -> &'static str {
        "loss_scale"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("sum_of_squares", 1), Slot::write("state", 2)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "optimise/loss_scale", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.growth)
    }

    fn grid(&self) -> [u32; 3] {
        [1, 1, 1]
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2, bytes: 20 }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [sum_of_squares, state] = views.split();
        let state = state.write();
        let good = state[1] + 1.0;
        (state[0], state[1]) = if !sum_of_squares.read()[0].is_finite() {
            ((0.5 * state[0]).max(LEAST), 0.0)
        } else if good >= self.growth as f32 {
            ((2.0 * state[0]).min(1.0 / LEAST), 0.0)
        } else {
            (state[0], good)
        };
    }
}

/// `y = x / state[0]` where `sum_of_squares[0]` is finite, and 0 where it is not: gradients of the loss out of those of the scaled
/// loss.
///
/// Slots: `x` `[len]`, `sum_of_squares` `[1]`, `state` `[2]` as of [`LossScale`], `y` `[len]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unscale {
    /// Elements.
    pub len: usize,
}

impl Unscale {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where `len` is 0 or too large.
    pub fn validate(&self) -> Result<()> {
        require_len(self.len, "unscale")
    }
}

impl Kernel for Unscale {
    fn name(&self) -> &'static str {
        "unscale"
    }

    fn slots(&self) -> Vec<Slot> {
        let given = [Slot::read("x", self.len), Slot::read("sum_of_squares", 1), Slot::read("state", 2)];
        given.into_iter().chain([Slot::write("y", self.len)]).collect()
    }

    fn shader(&self) -> Shader {
        Shader { file: "optimise/unscale", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.len as u32)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.len as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [x, sum_of_squares, state, y] = views.split();
        let (x, y, scale) = (x.read(), y.write(), state.read()[0]);
        // Gradients of architectures: a few numbers.
        match sum_of_squares.read()[0].is_finite() {
            true => y.iter_mut().zip(x).for_each(|(y, x)| *y = x / scale),
            false => y.fill(0.0),
        }
    }
}
