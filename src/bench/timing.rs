//! One result: what it is of, and what it says.

use std::time::Duration;

use parnas_kernels::DeviceFacts;
use serde::{Deserialize, Serialize};

use super::{BenchError, Bound, Measured, Workload};
use crate::hardware::timing::Summary;

/// Which part of an operation is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pass {
    /// The operation alone.
    #[serde(rename = "forward")]
    Forward,
    /// The operation and the gradients of all its inputs; of a step, all of it.
    #[serde(rename = "forward+backward")]
    Both,
}

impl Pass {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Both => "forward+backward",
        }
    }
}

/// A result as `parnas bench --json` prints it, one line each, and as a baseline keeps it. The fields up to `gbytes` are those
/// that any engine can give; programs that time other engines write the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// `parnas`.
    pub engine: String,
    /// The device's selector.
    pub device: String,
    /// The case's name.
    pub case: String,
    /// The pass.
    pub pass: Pass,
    /// The median time of a replay in milliseconds.
    pub median_ms: f64,
    /// The least.
    pub min_ms: f64,
    /// The spread of the bulk of the samples: 1.4826 times their median absolute deviation from the median, which is the standard
    /// deviation of normal noise and which outliers hardly move.
    pub spread_ms: f64,
    /// Samples.
    pub samples: u32,
    /// 10^9 floating-point operations a second, by the cost of the launches and the median time.
    pub gflops: f64,
    /// 10^9 bytes a second, each tensor of a launch counted once.
    pub gbytes: f64,
    /// The least time that the measured roofline allows these launches, as a share of the median time.
    pub roofline: f64,
    /// What that least time is bound by: `compute`, `memory`, or `both` where it is some launches' one and others' the other.
    pub bound: String,
    /// Whose clock: `device` or `wall`.
    pub clock: String,
    /// Replays a sample.
    pub replays: u32,
    /// Launches a replay.
    pub launches: usize,
    /// Bytes of the persistent tensors, of the memory slots and of the launches' parameters.
    pub bytes: u64,
    /// Milliseconds from the case's first line to a plan that can run, no part of its time.
    pub prepare_ms: f64,
}

impl Timing {
    /// The timing of a workload from its samples; `least` is the least time in seconds that the roofline allows.
    ///
    /// # Errors
    /// [`BenchError::NoTime`] where the samples are none.
    pub fn new(
        case: &str,
        pass: Pass,
        facts: &DeviceFacts,
        workload: &Workload,
        measured: &Measured,
        preparation: Duration,
        least: (f64, Bound),
    ) -> Result<Self, BenchError> {
        let summary = Summary::of(&measured.times)
            .ok_or_else(|| BenchError::NoTime { device: facts.name.clone(), what: format!("`{case}`") })?;
        let cost = workload.plan.cost();
        let seconds = summary.p50 / 1e3;
        Ok(Self {
            engine: "parnas".to_owned(),
            device: facts.selector.clone(),
            case: case.to_owned(),
            pass,
            median_ms: rounded(summary.p50),
            min_ms: rounded(measured.times.iter().copied().fold(f64::INFINITY, f64::min)),
            spread_ms: rounded(summary.noise * summary.p50),
            samples: summary.repeats,
            gflops: rounded(cost.operations as f64 / seconds / 1e9),
            gbytes: rounded(cost.bytes as f64 / seconds / 1e9),
            roofline: rounded(least.0 / seconds),
            bound: least.1.as_str().to_owned(),
            clock: measured.clock.as_str().to_owned(),
            replays: measured.replays,
            launches: workload.plan.launches.len(),
            bytes: workload.bytes(facts.kind),
            prepare_ms: rounded(preparation.as_secs_f64() * 1e3),
        })
    }
}

/// `value` with as many digits as a time is good for.
pub(super) fn rounded(value: f64) -> f64 {
    const DIGITS: i32 = 5;
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let places = DIGITS - 1 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(places.abs());
    if places >= 0 { (value * scale).round() / scale } else { (value / scale).round() * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_that_a_time_is_not_good_for_go() {
        let values = [0.0123456789, 12.3456789, 1234567.89, -0.5, 0.0, 99999.9];
        assert_eq!(values.map(rounded), [0.012346, 12.346, 1_234_600.0, -0.5, 0.0, 100_000.0]);
        assert!(rounded(f64::INFINITY).is_infinite());
    }
}
