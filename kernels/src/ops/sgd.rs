//! Stochastic gradient descent.

use rayon::prelude::*;

use super::require::{require, require_len};
use super::schedule::Schedule;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Elements that one task of the CPU kernel updates.
const CHUNK: usize = 8192;

/// One step of gradient descent with momentum and weight decay, in place, in PyTorch's form:
/// `g = clip * gradient + weight_decay * p`, `v = momentum * v + g`, `p -= rate * v` (Nesterov: `g + momentum * v`).
///
/// Slots: `gradient` `[len]`, `clip` `[1]`, `clock` u32 `[2]`, `parameter` `[len]`, `velocity` `[len]` (zeros before the
/// first step). The rate is that of `clock[0]`. With a `clip` below 0 nothing changes ([`super::ClipFactor`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    /// Elements.
    pub len: usize,
    /// The learning rate.
    pub schedule: Schedule,
    /// What is kept of the velocity, 0 to below 1.
    pub momentum: f32,
    /// The factor of the parameter that is added to the gradient.
    pub weight_decay: f32,
    /// Whether the step looks ahead along the velocity.
    pub nesterov: bool,
}

impl Sgd {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where `len` is 0 or too large, a rate or the decay is negative, or the momentum lies
    /// outside `[0, 1)`.
    pub fn validate(&self) -> Result<()> {
        require_len(self.len, "sgd")?;
        self.schedule.require("sgd")?;
        require((0.0..1.0).contains(&self.momentum), "sgd", "the momentum must lie in [0, 1)")?;
        require(self.weight_decay >= 0.0, "sgd", "the weight decay must not be negative")
    }
}

impl Kernel for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("gradient", self.len),
            Slot::read("clip", 1),
            Slot::read("clock", 2),
            Slot::write("parameter", self.len),
            Slot::write("velocity", self.len),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "optimise/sgd", constants: vec![("NESTEROV", u32::from(self.nesterov))] }
    }

    fn parameters(&self) -> Words {
        self.schedule.append(Words::new().u32(self.len as u32)).f32(self.momentum).f32(self.weight_decay)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(1024))
    }

    fn cost(&self) -> Cost {
        // Parameter and velocity are read and written.
        Cost { operations: 7 * self.len as u64, bytes: bytes_of(&self.slots()) + 8 * self.len as u64 }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [gradient, clip, clock, parameter, velocity] = views.split();
        let (gradient, clip) = (&gradient.read()[..self.len], clip.read()[0]);
        if clip < 0.0 {
            return;
        }
        let rate = self.schedule.rate(clock.read_u32()[0]);
        let Self { momentum, weight_decay, nesterov, .. } = *self;
        let update = parameter.write().par_chunks_mut(CHUNK).zip(velocity.write().par_chunks_mut(CHUNK));
        update.zip(gradient.par_chunks(CHUNK)).for_each(|((parameter, velocity), gradient)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    for ((p, v), g) in parameter.iter_mut().zip(velocity.iter_mut()).zip(gradient) {
                        let g = clip * g + weight_decay * *p;
                        *v = momentum * *v + g;
                        *p -= rate * if nesterov { g + momentum * *v } else { *v };
                    }
                },
            );
        });
    }
}
