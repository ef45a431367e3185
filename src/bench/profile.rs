//! A plan launch by launch: where its time goes, and how far each launch is from what the device can do.

use std::time::{Duration, Instant};

use parnas_kernels::{Cost, DeviceFacts, Executor, Prepared};

use super::workload::Ready;
use super::{BenchError, Bound, Clock, Roofline, Sampling, Workload};
use crate::hardware::timing::median;

/// The most replays of single launches, and the time after which no more are begun.
const ROUNDS: usize = 20;
const TIME: Duration = Duration::from_secs(2);
/// Replays of single launches in any case.
const LEAST_ROUNDS: usize = 3;
/// Launches that are timed in one submit: two timestamps each, of at most 4,096.
const TOGETHER: usize = 1024;
/// Recordings that the host is timed at.
const RECORDINGS: usize = 20;

/// One launch of a plan, or several of one kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchProfile {
    /// What it computes, in the words of whoever built the plan; of several, the kernel's name.
    pub label: String,
    /// The kernel.
    pub kernel: &'static str,
    /// How many launches.
    pub launches: usize,
    /// What they cost.
    pub cost: Cost,
    /// Median milliseconds, summed over the launches.
    pub milliseconds: f64,
    /// The least milliseconds that the roofline allows, summed.
    pub least: f64,
    /// What the larger part of those is bound by.
    pub bound: Bound,
}

/// Where a replay's time goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The launches in the order of the plan.
    pub launches: Vec<LaunchProfile>,
    /// Median milliseconds of a replay as it is used, launches not told apart.
    pub replay: f64,
    /// Whose clock told the launches apart.
    pub clock: Clock,
    /// Median milliseconds of the host for recording a replay; none on the CPU, where nothing is recorded.
    pub recording: Option<f64>,
    /// Bytes that the executor held.
    pub allocated: u64,
}

impl Profile {
    /// Measures a workload launch by launch.
    ///
    /// # Errors
    /// Where it does not fit the device, or the device fails.
    pub fn measure(workload: &Workload, facts: &DeviceFacts, roofline: &Roofline) -> Result<Self, BenchError> {
        let mut ready = workload.prepare(facts)?;
        let allocated = ready.runtime.executor.allocated_bytes();
        let sampling = Sampling { samples: 10, ..Sampling::default() };
        let measured = ready.measure(sampling)?;
        let nothing = || BenchError::NoTime { device: facts.name.clone(), what: workload.plan.name.clone() };
        let replay = median(&measured.times).ok_or_else(nothing)?;
        let recording = ready.recording()?;
        let (times, clock) = ready.launch_times()?;
        let launches = workload.plan.launches.iter().zip(times).map(|(launch, milliseconds)| {
            let cost = workload.plan.launch_cost(launch);
            let (seconds, bound) = roofline.least(cost);
            LaunchProfile {
                label: launch.label.clone(),
                kernel: launch.kernel.name(),
                launches: 1,
                cost,
                milliseconds,
                least: 1e3 * seconds,
                bound,
            }
        });
        Ok(Self { launches: launches.collect(), replay, clock, recording, allocated })
    }

    /// Milliseconds of all launches together.
    pub fn total(&self) -> f64 {
        self.launches.iter().map(|launch| launch.milliseconds).sum()
    }

    /// The launches of each kernel together, the longest first.
    pub fn by_kernel(&self) -> Vec<LaunchProfile> {
        let mut kernels: Vec<(LaunchProfile, f64)> = Vec::new();
        for launch in &self.launches {
            let compute = if launch.bound == Bound::Compute { launch.least } else { 0.0 };
            match kernels.iter_mut().find(|(kernel, _)| kernel.kernel == launch.kernel) {
                None => kernels.push((LaunchProfile { label: launch.kernel.to_owned(), ..launch.clone() }, compute)),
                Some((kernel, computing)) => {
                    kernel.launches += 1;
                    kernel.cost.operations += launch.cost.operations;
                    kernel.cost.bytes += launch.cost.bytes;
                    kernel.milliseconds += launch.milliseconds;
                    kernel.least += launch.least;
                    *computing += compute;
                }
            }
        }
        let bound = |kernel: &LaunchProfile, compute| {
            if 2.0 * compute >= kernel.least { Bound::Compute } else { Bound::Memory }
        };
        let mut kernels: Vec<LaunchProfile> = kernels
            .into_iter()
            .map(|(kernel, compute)| LaunchProfile { bound: bound(&kernel, compute), ..kernel })
            .collect();
        kernels.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
        kernels
    }

    /// The launches singly, the longest first.
    pub fn singly(&self) -> Vec<&LaunchProfile> {
        let mut launches: Vec<&LaunchProfile> = self.launches.iter().collect();
        launches.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
        launches
    }
}

impl Ready<'_> {
    /// Median milliseconds that the host takes to record a replay.
    fn recording(&mut self) -> Result<Option<f64>, BenchError> {
        let (Executor::Gpu(executor), Prepared::Gpu(plan)) = (&mut self.runtime.executor, &self.prepared) else {
            return Ok(None);
        };
        executor.wait()?;
        let times = (0..RECORDINGS)
            .map(|_| Ok(1e3 * executor.record(plan)?.as_secs_f64()))
            .collect::<Result<Vec<f64>, BenchError>>()?;
        Ok(median(&times))
    }

    /// Median milliseconds of each launch, and whose clock told.
    fn launch_times(&mut self) -> Result<(Vec<f64>, Clock), BenchError> {
        let mut rounds: Vec<Vec<f64>> = Vec::new();
        let mut clock = Clock::Device;
        let start = Instant::now();
        while rounds.len() < ROUNDS && (rounds.len() < LEAST_ROUNDS || start.elapsed() < TIME) {
            self.rewind()?;
            match self.launch_round(clock)? {
                Some(times) => rounds.push(times),
                // The device's clock is not to be believed: all over again by that on the wall.
                None => {
                    clock = Clock::Wall;
                    rounds.clear();
                }
            }
        }
        let clock = if matches!(self.runtime.executor, Executor::Cpu(_)) { Clock::Wall } else { clock };
        let launches = rounds.first().map_or(0, Vec::len);
        let of = |launch: usize| median(&rounds.iter().map(|round| round[launch]).collect::<Vec<_>>());
        Ok(((0..launches).map(|launch| of(launch).unwrap_or_default()).collect(), clock))
    }

    /// Milliseconds of each launch in one replay; none where `clock` is the device's and makes no sense.
    fn launch_round(&mut self, clock: Clock) -> Result<Option<Vec<f64>>, BenchError> {
        let launches = self.workload.plan.launches.len();
        let mut times = Vec::with_capacity(launches);
        match (&mut self.runtime.executor, &self.prepared) {
            (Executor::Cpu(executor), Prepared::Cpu(plan)) => {
                executor.run_each(plan, |_, run| {
                    let start = Instant::now();
                    run();
                    times.push(1e3 * start.elapsed().as_secs_f64());
                })?;
            }
            (Executor::Gpu(executor), Prepared::Gpu(plan)) => {
                let together = if clock == Clock::Device { TOGETHER } else { 1 };
                for first in (0..launches).step_by(together) {
                    let ranges: Vec<_> =
                        (first..launches.min(first + together)).map(|launch| launch..launch + 1).collect();
                    let timed = executor.time_ranges(plan, &ranges)?;
                    if clock == Clock::Wall {
                        times.push(timed.wall / 1e6);
                        continue;
                    }
                    let spans: Vec<f64> = timed.timestamps.iter().map(|(begin, end)| end - begin).collect();
                    let sum: f64 = spans.iter().sum();
                    let sensible = spans.iter().all(|span| span.is_finite() && *span >= 0.0);
                    if spans.len() != ranges.len() || !sensible || !(sum > 0.0 && sum <= 1.1 * timed.wall) {
                        return Ok(None);
                    }
                    times.extend(spans.into_iter().map(|span| span / 1e6));
                }
            }
            // A plan is prepared by the executor it stands beside.
            _ => {}
        }
        Ok(Some(times))
    }
}
