//! Adam and AdamW.

use rayon::prelude::*;

use super::require::{require, require_len};
use super::schedule::Schedule;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Elements that one task of the CPU kernel updates.
const CHUNK: usize = 8192;

/// One step of Adam (Kingma and Ba 2015), in place, in PyTorch's form; with `decoupled` weight decay AdamW (Loshchilov
/// and Hutter 2019).
///
/// Slots: `gradient` `[len]`, `clip` `[1]`, `clock` u32 `[2]`, `parameter`, `first_moment`, `second_moment` `[len]` (the
/// moments are zeros before the first step). Rate and bias correction are those of `clock[0]`, the first step's being 0.
/// With a `clip` below 0 nothing changes ([`super::ClipFactor`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Elements.
    pub len: usize,
    /// The learning rate.
    pub schedule: Schedule,
    /// What is kept of the first moment, 0 to below 1.
    pub beta1: f32,
    /// What is kept of the second moment, 0 to below 1.
    pub beta2: f32,
    /// Added to the root of the second moment, above 0.
    pub epsilon: f32,
    /// The weight decay.
    pub weight_decay: f32,
    /// Whether weights decay apart from the gradient (AdamW), or the decay is added to it.
    pub decoupled: bool,
}

impl Adam {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where `len` is 0 or too large, a rate or the decay is negative, a beta lies outside
    /// `[0, 1)`, or epsilon is not above 0.
    pub fn validate(&self) -> Result<()> {
        require_len(self.len, "adam")?;
        self.schedule.require("adam")?;
        let betas = (0.0..1.0).contains(&self.beta1) && (0.0..1.0).contains(&self.beta2);
        require(betas, "adam", "the betas must lie in [0, 1)")?;
        require(self.epsilon > 0.0, "adam", "epsilon must be above 0")?;
        require(self.weight_decay >= 0.0, "adam", "the weight decay must not be negative")
    }
}

/// The logarithm of a beta, of 0 a number whose exponential is 0 (WGSL may treat infinities as it likes).
fn log_beta(beta: f32) -> f32 {
    if beta > 0.0 { f64::from(beta).ln() as f32 } else { -1000.0 }
}

impl Kernel for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("gradient", self.len),
            Slot::read("clip", 1),
            Slot::read("clock", 2),
            Slot::write("parameter", self.len),
            Slot::write("first_moment", self.len),
            Slot::write("second_moment", self.len),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "optimise/adam", constants: vec![("DECOUPLED", u32::from(self.decoupled))] }
    }

    fn parameters(&self) -> Words {
        self.schedule
            .append(Words::new().u32(self.len as u32))
            .f32(self.beta1)
            .f32(self.beta2)
            .f32(log_beta(self.beta1))
            .f32(log_beta(self.beta2))
            .f32(self.epsilon)
            .f32(self.weight_decay)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len.div_ceil(1024))
    }

    fn cost(&self) -> Cost {
        // Parameter and moments are read and written.
        Cost { operations: 16 * self.len as u64, bytes: bytes_of(&self.slots()) + 12 * self.len as u64 }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [gradient, clip, clock, parameter, first, second] = views.split();
        let (gradient, clip, t) = (&gradient.read()[..self.len], clip.read()[0], clock.read_u32()[0]);
        if clip < 0.0 {
            return;
        }
        let rate = self.schedule.rate(t);
        let Self { beta1, beta2, epsilon, weight_decay, decoupled, .. } = *self;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(f64::from(t) + 1.0);
        let step = rate / correction(beta1) as f32;
        let root = correction(beta2).sqrt() as f32;
        let moments = first.write().par_chunks_mut(CHUNK).zip(second.write().par_chunks_mut(CHUNK));
        let state = parameter.write().par_chunks_mut(CHUNK).zip(moments);
        state.zip(gradient.par_chunks(CHUNK)).for_each(|((parameter, (first, second)), gradient)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (((p, m), v), g) in
                        parameter.iter_mut().zip(first.iter_mut()).zip(second.iter_mut()).zip(gradient)
                    {
                        let mut g = clip * g;
                        if decoupled {
                            *p -= rate * weight_decay * *p;
                        } else {
                            g += weight_decay * *p;
                        }
                        *m = beta1 * *m + (1.0 - beta1) * g;
                        *v = beta2 * *v + (1.0 - beta2) * g * g;
                        *p -= step * *m / (v.sqrt() / root + epsilon);
                    }
                },
            );
        });
    }
}
