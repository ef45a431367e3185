//! A plan that is timed: warmed up, replayed in batches, sampled.

use std::time::{Duration, Instant};

use parnas_kernels::{DeviceFacts, DeviceKind, Executor, Plan, Prepared, Record, Tuner};

use super::BenchError;
use crate::graph::{Persistent, Runtime, Store};
use crate::hardware::timing::{TimestampVerdict, WarmUp, WarmUpState, cross_check};
use crate::search::memory;

/// Times of one window of the warm-up.
const WARM_UP_WINDOW: usize = 3;
/// How far two windows may differ.
const WARM_UP_TOLERANCE: f64 = 0.05;
/// Replays after which a warm-up is given up, and the time after which it is.
const WARM_UP_CAP: usize = 40;
const WARM_UP_TIME: Duration = Duration::from_millis(400);
/// Replays that tell whether the device's clock agrees with that on the wall.
const CLOCK_REPLAYS: u32 = 8;
/// The most replays of a sample.
const MOST_REPLAYS: u32 = 1000;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// The most samples.
    pub samples: usize,
    /// No more are taken after this time; one is in any case.
    pub time: Duration,
    /// How long a sample lasts at least: short replays are taken several at once.
    pub least: Duration,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { samples: 20, time: Duration::from_secs(1), least: Duration::from_millis(3) }
    }
}

/// A plan with its tensors, and what it needs before it runs.
#[derive(Debug)]
pub struct Workload {
    /// The tensors.
    pub store: Store,
    /// The launches.
    pub plan: Plan,
    /// What the tensors hold that do not begin with their initial values; whole numbers as bits.
    pub feed: Vec<(Persistent, Vec<f32>)>,
    /// Tensors that are zeroed before each sample, outside its time: clocks, so that each draws the same.
    pub rewind: Vec<Persistent>,
    /// The least number of replays of a sample.
    pub replays: u32,
}

/// Whose clock measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The device's own.
    Device,
    /// The wall clock of this machine.
    Wall,
}

impl Clock {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Wall => "wall",
        }
    }
}

/// Samples of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Milliseconds of a replay, one a sample.
    pub times: Vec<f64>,
    /// Replays a sample.
    pub replays: u32,
    /// Whose clock.
    pub clock: Clock,
}

impl Workload {
    /// A plan over the initial values of its tensors.
    pub fn new(store: Store, plan: Plan) -> Self {
        Self { store, plan, feed: Vec::new(), rewind: Vec::new(), replays: 1 }
    }

    /// Bytes that it takes on a device of this kind: its tensors, the memory slots and the parameters of its launches.
    pub fn bytes(&self, kind: DeviceKind) -> u64 {
        memory::step_bytes(&self.plan, &self.store, kind)
    }

    /// Makes it ready on a device.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn prepare(&self, facts: &DeviceFacts) -> Result<Ready<'_>, BenchError> {
        let mut runtime = self.runtime(facts)?;
        let start = Instant::now();
        let prepared = runtime.prepare(&self.plan)?;
        runtime.executor.wait()?;
        Ok(Ready { workload: self, runtime, prepared, clock: Clock::Wall, preparation: start.elapsed() })
    }

    /// A device with its tensors.
    fn runtime(&self, facts: &DeviceFacts) -> Result<Runtime, BenchError> {
        let mut runtime = Runtime::new(facts, None, &self.store)?;
        for (tensor, values) in &self.feed {
            runtime.write(tensor, values)?;
        }
        Ok(runtime)
    }

    /// Prepares it on a device as a search prepares its step, with a tuner if there is one, and runs it once. Returns what the tuner
    /// has chosen.
    ///
    /// # Errors
    /// Where it does not fit, or the device fails.
    pub fn first(&self, facts: &DeviceFacts, tuner: Option<Tuner>) -> Result<Option<Record>, BenchError> {
        let mut runtime = self.runtime(facts)?;
        if let Some(tuner) = tuner {
            runtime.executor.tune_with(tuner);
        }
        let prepared = runtime.prepare(&self.plan)?;
        runtime.executor.run(&prepared)?;
        runtime.executor.wait()?;
        Ok(runtime.executor.tuner().map(|tuner| tuner.record().clone()))
    }

    /// Prepares it on a device and measures it.
    ///
    /// # Errors
    /// Where it does not fit, or the device fails.
    pub fn measure(&self, facts: &DeviceFacts, sampling: Sampling) -> Result<(Measured, Duration), BenchError> {
        let mut ready = self.prepare(facts)?;
        Ok((ready.measure(sampling)?, ready.preparation))
    }
}

/// A workload on a device.
#[derive(Debug)]
pub struct Ready<'a> {
    pub(super) workload: &'a Workload,
    pub(super) runtime: Runtime,
    pub(super) prepared: Prepared,
    clock: Clock,
    preparation: Duration,
}

impl Ready<'_> {
    /// Warms up, then takes samples.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn measure(&mut self, sampling: Sampling) -> Result<Measured, BenchError> {
        let typical = self.warm_up()?;
        let least = sampling.least.as_secs_f64() * 1e3;
        let replays = (least / typical.max(1e-6)).ceil().min(f64::from(MOST_REPLAYS)) as u32;
        let replays = replays.max(self.workload.replays);
        self.choose_clock(replays)?;
        let mut times = Vec::with_capacity(sampling.samples);
        let start = Instant::now();
        while times.len() < sampling.samples.max(1) && (times.is_empty() || start.elapsed() < sampling.time) {
            times.push(self.sample(replays)?);
        }
        Ok(Measured { times, replays, clock: self.clock })
    }

    /// Replays until times are stable; the last one in milliseconds.
    fn warm_up(&mut self) -> Result<f64, BenchError> {
        let mut warm_up = WarmUp::new(WARM_UP_WINDOW, WARM_UP_TOLERANCE, WARM_UP_CAP);
        let start = Instant::now();
        loop {
            let time = self.sample(1)?;
            if warm_up.push(time) != WarmUpState::Warming || start.elapsed() > WARM_UP_TIME {
                return Ok(time);
            }
        }
    }

    /// The device's own clock is used where it agrees with the wall clock over a batch.
    fn choose_clock(&mut self, replays: u32) -> Result<(), BenchError> {
        self.rewind()?;
        let (Executor::Gpu(executor), Prepared::Gpu(plan)) = (&mut self.runtime.executor, &self.prepared) else {
            return Ok(());
        };
        if !executor.facts().timestamps || plan.slices().len() > 1 {
            return Ok(());
        }
        let replays = replays.max(CLOCK_REPLAYS);
        let timed = executor.time(plan, replays)?;
        let spans: Vec<f64> = timed.timestamps.iter().map(|(begin, end)| end - begin).collect();
        if let TimestampVerdict::Trusted { .. } = cross_check(&spans, timed.wall, replays) {
            self.clock = Clock::Device;
        }
        Ok(())
    }

    pub(super) fn rewind(&mut self) -> Result<(), BenchError> {
        for tensor in &self.workload.rewind {
            self.runtime.write(tensor, &vec![0.0; tensor.elements()])?;
        }
        Ok(())
    }

    /// Milliseconds of a replay, over `replays` of them.
    fn sample(&mut self, replays: u32) -> Result<f64, BenchError> {
        self.rewind()?;
        let milliseconds = match (&mut self.runtime.executor, &self.prepared) {
            // Within the thread pool, since entering it is no part of a replay.
            (Executor::Cpu(executor), Prepared::Cpu(plan)) => executor.install(|executor| {
                let start = Instant::now();
                for _ in 0..replays {
                    executor.run(plan)?;
                }
                Ok::<f64, parnas_kernels::Error>(start.elapsed().as_secs_f64() * 1e3)
            })?,
            // One submit of all replays, as short as the device's watchdog wants it.
            (Executor::Gpu(executor), Prepared::Gpu(plan)) if plan.slices().len() == 1 => {
                let timed = executor.time(plan, replays)?;
                match (self.clock, timed.timestamps.first(), timed.timestamps.last()) {
                    (Clock::Device, Some((begin, _)), Some((_, end))) => (end - begin) / 1e6,
                    _ => timed.wall / 1e6,
                }
            }
            (executor, plan) => {
                executor.wait()?;
                let start = Instant::now();
                for _ in 0..replays {
                    executor.run(plan)?;
                }
                executor.wait()?;
                start.elapsed().as_secs_f64() * 1e3
            }
        };
        Ok(milliseconds / f64::from(replays))
    }
}
