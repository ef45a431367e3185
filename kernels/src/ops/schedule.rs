//! Learning rates as a function of the step.

use super::functions::cosine_and_sine_of_turns;
use super::require::require;
use crate::Result;
use crate::launch::Words;

/// The course of a learning rate after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScheduleKind {
    /// Stays at the base.
    Constant,
    /// Half a cosine from the base to the minimum (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

/// A learning rate as a function of the step, computed on the device from the clock.
///
/// Steps `0 .. warmup` rise linearly, `base * (t + 1) / warmup`; then the base, or half a cosine that reaches `minimum`
/// at step `total` and stays there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The rate after the warm-up.
    pub base: f32,
    /// Where the cosine ends.
    pub minimum: f32,
    /// Steps of the warm-up.
    pub warmup: u32,
    /// Steps altogether, warm-up included.
    pub total: u32,
    /// The course after the warm-up.
    pub kind: ScheduleKind,
}

impl Schedule {
    /// A rate that never changes.
    pub fn constant(rate: f32) -> Self {
        Self { base: rate, minimum: rate, warmup: 0, total: 0, kind: ScheduleKind::Constant }
    }

    /// The rate at step `t`; `shared/schedule.wgsl` computes the same.
    pub fn rate(&self, t: u32) -> f32 {
        if t < self.warmup {
            return self.base * ((t + 1) as f32 / self.warmup as f32);
        }
        if self.kind == ScheduleKind::Constant {
            return self.base;
        }
        let span = self.total.max(self.warmup.saturating_add(1)) - self.warmup;
        let progress = ((t - self.warmup) as f32 / span as f32).min(1.0);
        let cosine = cosine_and_sine_of_turns(0.5 * progress).0;
        self.minimum + (self.base - self.minimum) * (0.5 + 0.5 * cosine)
    }

    pub(super) fn require(&self, kernel: &'static str) -> Result<()> {
        let finite = self.base.is_finite() && self.minimum.is_finite();
        require(finite && self.base >= 0.0 && self.minimum >= 0.0, kernel, "learning rates must be numbers >= 0")?;
        require(self.warmup < u32::MAX, kernel, "the warm-up must end")
    }

    pub(super) fn append(&self, words: Words) -> Words {
        words
            .f32(self.base)
            .f32(self.minimum)
            .u32(self.warmup)
            .u32(self.total)
            .u32(u32::from(self.kind == ScheduleKind::Cosine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls() {
        let schedule = Schedule { base: 0.4, minimum: 0.1, warmup: 4, total: 12, kind: ScheduleKind::Cosine };
        let expected = [0.1, 0.2, 0.3, 0.4, 0.4, 0.388_581_93, 0.356_066, 0.307_402_5, 0.25];
        for (t, expected) in expected.into_iter().enumerate() {
            assert!((schedule.rate(t as u32) - expected).abs() < 1e-6, "step {t}: {}", schedule.rate(t as u32));
        }
        assert!((schedule.rate(12) - 0.1).abs() < 1e-7 && (schedule.rate(u32::MAX) - 0.1).abs() < 1e-7);
        assert_eq!(Schedule { kind: ScheduleKind::Constant, ..schedule }.rate(11), 0.4);
        assert_eq!(Schedule::constant(0.3).rate(0), 0.3);
    }
}
