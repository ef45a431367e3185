//! The limits of a device, measured on it by the same executor that runs everything else.

use std::time::Duration;

use parnas_kernels::ops::{PeakCopy, PeakMultiplyAdd};
use parnas_kernels::{Cost, DeviceFacts, Kernel, Plan};

use super::{BenchError, Pass, Sampling, Timing, Workload};
use crate::graph::{Graph, GraphError, Initial, Role, Store, Tensor};

/// Bytes that a copy moves, read and written: what stays in the caches near a core, what does in the last one, and what does
/// hardly anywhere. Processors and GPUs differ in which is which, so that a launch is held against the copy of its own size.
const COPIES: [(&str, u64); 3] =
    [("peak copy 4 MiB", 4 << 20), ("peak copy 32 MiB", 32 << 20), ("peak copy 256 MiB", 256 << 20)];
/// Elements of the multiply-adds, and rounds: about 1.6 GFLOP.
const ELEMENTS: u32 = 1 << 16;
const ROUNDS: u32 = 256;

/// What a device can do at most, as measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Roofline {
    /// 10^9 operations a second, a multiply-add counted twice.
    pub gflops: f64,
    /// Bytes that a copy moved, and 10^9 of them a second; ascending in the bytes.
    pub copies: Vec<(u64, f64)>,
}

/// What limits a launch, or a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The multiply-adds.
    Compute,
    /// The bytes.
    Memory,
    /// Some launches the one, others the other.
    Both,
}

impl Bound {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Memory => "memory",
            Self::Both => "both",
        }
    }
}

impl Roofline {
    /// Measures a device. The timings are those of the two kernels.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn measure(facts: &DeviceFacts, sampling: Sampling) -> Result<(Self, Vec<Timing>), BenchError> {
        // The fastest of many counts here, and a GPU takes a while to raise its clocks.
        let sampling = Sampling { least: sampling.least.max(Duration::from_millis(10)), ..sampling };
        let multiply_add = PeakMultiplyAdd { len: ELEMENTS, rounds: ROUNDS, factor: 0.5, summand: 0.25 };
        let len = ELEMENTS as usize;
        let name = "peak multiply-add";
        let alone = workload(name, len, |graph, x| graph.kernel(multiply_add, &[x], vec![len]))?;
        let (peak, seconds) = limit(&alone, name, Bound::Compute, facts, sampling)?;
        let mut roofline = Self { gflops: multiply_add.cost().operations as f64 / seconds / 1e9, copies: Vec::new() };
        let mut timings = vec![peak];
        for (name, bytes) in COPIES {
            if bytes / 2 > facts.max_binding.min(facts.max_buffer) {
                continue;
            }
            let copy = PeakCopy { quads: (bytes / 2 / 16) as u32 };
            let len = 4 * copy.quads as usize;
            let alone = workload(name, len, |graph, x| graph.kernel(copy, &[x], vec![len]))?;
            let (timing, seconds) = limit(&alone, name, Bound::Memory, facts, sampling)?;
            roofline.copies.push((bytes, bytes as f64 / seconds / 1e9));
            timings.push(timing);
        }
        Ok((roofline, timings))
    }

    /// 10^9 bytes a second for a launch that touches so many: the copy's of the largest size that is not above, so that nothing
    /// looks better than it is.
    pub fn gbytes(&self, bytes: u64) -> f64 {
        let fitting = self.copies.iter().rev().find(|(size, _)| *size <= bytes).or(self.copies.first());
        fitting.map_or(f64::INFINITY, |(_, gbytes)| *gbytes)
    }

    /// The least seconds of what costs this, and what they are bound by.
    pub fn least(&self, cost: Cost) -> (f64, Bound) {
        let compute = cost.operations as f64 / (self.gflops * 1e9);
        let memory = cost.bytes as f64 / (self.gbytes(cost.bytes) * 1e9);
        if compute >= memory { (compute, Bound::Compute) } else { (memory, Bound::Memory) }
    }

    /// The least seconds of a plan, launch by launch, and what they are bound by: one alone where nine tenths are.
    pub fn least_of(&self, plan: &Plan) -> (f64, Bound) {
        let (mut all, mut compute) = (0.0, 0.0);
        for launch in &plan.launches {
            let (seconds, bound) = self.least(plan.launch_cost(launch));
            all += seconds;
            if bound == Bound::Compute {
                compute += seconds;
            }
        }
        let bound = match compute / all {
            share if share >= 0.9 => Bound::Compute,
            share if share > 0.1 => Bound::Both,
            _ => Bound::Memory,
        };
        (all, bound)
    }
}

/// A kernel of one input and one output, by itself.
fn workload(
    name: &'static str,
    len: usize,
    kernel: impl FnOnce(&mut Graph, Tensor) -> Tensor,
) -> Result<Workload, BenchError> {
    let failed = |source: GraphError| BenchError::Graph { case: name, source: Box::new(source) };
    let mut store = Store::new(0);
    let mut graph = Graph::new();
    let x = store.add("x", &[len], Role::Exchange, Initial::Value(0.5));
    let x = graph.input(&x);
    let y = kernel(&mut graph, x);
    graph.keep(y);
    let plan = graph.compile(name, store.buffers()).map_err(failed)?;
    Ok(Workload::new(store, plan))
}

/// The timing of a limit, which is its own, and the least seconds.
fn limit(
    workload: &Workload,
    name: &str,
    bound: Bound,
    facts: &DeviceFacts,
    sampling: Sampling,
) -> Result<(Timing, f64), BenchError> {
    let (measured, preparation) = workload.measure(facts, sampling)?;
    let seconds = measured.times.iter().copied().fold(f64::INFINITY, f64::min) / 1e3;
    let timing = Timing::new(name, Pass::Forward, facts, workload, &measured, preparation, (seconds, bound))?;
    Ok((timing, seconds))
}
