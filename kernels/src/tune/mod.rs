//! Which variant of a kernel a device runs, chosen by measurement.
//!
//! A [`Kernel`](crate::Kernel) lists its variants and names the class of kernels that share a choice. A host that gives its
//! executor a [`Tuner`] has the classes of a plan measured while the plan is prepared, those that cost most first, until the
//! tuner's time is spent. A variant may win only where it computes what the plain one does ([`check`]). What was chosen is a
//! [`Record`]: text that the host keeps, for this device, driver and set of shaders.
//!
//! Without a tuner, and for whatever a record does not hold, a device starts from [`start`]. Nothing here reads or writes files.

mod check;
mod pinned;
mod record;

use std::time::Duration;

pub use check::{Disagreement, check};
pub use pinned::Pinned;
pub use record::{Choice, Record};

use crate::device::{DeviceFacts, DeviceKind};
use crate::launch::{Form, Kernel, Variant};

/// A variant that was not allowed to win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The class of kernels.
    pub class: String,
    /// The variant.
    pub variant: &'static str,
    /// Where it disagrees with the plain one, or what the device said.
    pub reason: String,
}

/// Measures variants while plans are prepared, and keeps what it chose.
#[derive(Debug)]
pub struct Tuner {
    pub(crate) record: Record,
    pub(crate) rest: Duration,
    pub(crate) rejections: Vec<Rejection>,
}

impl Tuner {
    /// Measures what `record` does not hold, for at most `budget` in all. A record of another device, driver or set of shaders
    /// counts as empty.
    pub fn new(record: Record, budget: Duration) -> Self {
        Self { record, rest: budget, rejections: Vec::new() }
    }

    /// Takes what `record` says and never measures.
    pub fn frozen(record: Record) -> Self {
        Self::new(record, Duration::ZERO)
    }

    /// Measures no more from now on: plans prepared later have the variants of plans prepared again.
    pub fn freeze(&mut self) {
        self.rest = Duration::ZERO;
    }

    /// What was chosen so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What was not allowed to win so far.
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }
}

/// The variants of `kernel` that a device can run: the plain one is always the first.
pub fn usable(kernel: &dyn Kernel, facts: &DeviceFacts) -> Vec<Variant> {
    let mut variants = kernel.variants();
    variants.retain(|variant| match variant.form {
        Form::Ordinary | Form::Apart => true,
        Form::Subgroup(size) => facts.subgroups == (size, size),
    });
    variants
}

/// The place, among [`usable`] variants, of the one that a device runs where nothing was measured: the plain one; on a software
/// device, the first that exchanges registers, or the first that shares nothing.
pub fn start(variants: &[Variant], kind: DeviceKind) -> usize {
    if kind != DeviceKind::Software {
        return 0;
    }
    let first = |wanted: fn(Form) -> bool| variants.iter().position(|variant| wanted(variant.form));
    first(|form| matches!(form, Form::Subgroup(_))).or_else(|| first(|form| form == Form::Apart)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Bias, Matmul};

    #[test]
    fn gpus_start_from_the_plain_variant_and_software_from_what_suits_it() {
        let kernel = Matmul {
            batch: 1,
            m: 200,
            n: 200,
            k: 200,
            transpose_a: false,
            transpose_b: false,
            broadcast_a: false,
            broadcast_b: false,
            bias: Bias::None,
            relu: false,
        };
        let device = |kind, subgroups| DeviceFacts { kind, subgroups, ..DeviceFacts::cpu() };
        let started = |kind, subgroups| {
            let usable = usable(&kernel, &device(kind, subgroups));
            usable[start(&usable, kind)].form
        };
        for kind in [DeviceKind::Discrete, DeviceKind::Integrated, DeviceKind::Virtual] {
            assert_eq!(started(kind, (8, 8)), Form::Ordinary);
        }
        assert_eq!(started(DeviceKind::Software, (8, 8)), Form::Subgroup(8));
        // Subgroups of varying size do not serve.
        assert_eq!(started(DeviceKind::Software, (4, 8)), Form::Apart);
        assert_eq!(started(DeviceKind::Software, (0, 0)), Form::Apart);
    }
}
