//! Measuring latency on the devices of this machine.
//!
//! What is measured is the inference of a standalone network, replayed as a plan: no uploads, no shape work, no waiting
//! between launches. Each network is warmed up until its times are stable, and timed in rounds over all networks, so that a
//! drift of the machine does not favour some. On a GPU the device's own clock is used where it agrees with the wall clock.

use std::time::{Duration, Instant};

use parnas_kernels::{DeviceFacts, DeviceKind, Executor, Prepared};

use super::profile::profile_name;
use super::timing::{Summary, TimestampVerdict, WarmUp, WarmUpState, cross_check};
use super::{DeviceProfile, ObjectiveBlock, REFERENCE_COUNT, Sample};
use crate::graph::{Graph, GraphError, Initial, Role, Runtime, Store};
use crate::nn::{Normalisation, Shared};
use crate::space::{Architecture, SearchSpace, Standalone};

/// Times of one window of the warm-up.
const WARM_UP_WINDOW: usize = 4;
/// How far two windows may differ.
const WARM_UP_TOLERANCE: f64 = 0.05;
/// Replays after which a warm-up is given up.
const WARM_UP_CAP: usize = 40;
/// Rounds over all networks.
const ROUNDS: usize = 3;
/// Replays of a network in one round.
const REPEATS: usize = 10;
/// Replays stop after this time in a round, but not before three.
const ROUND_TIME: Duration = Duration::from_millis(60);

/// What to measure, and for how long.
#[derive(Debug, Clone)]
pub struct MeasureOptions {
    /// Images of a pass, one profile each.
    pub batches: Vec<u32>,
    /// Cells beside the references.
    pub cells: usize,
    /// Time for everything; fewer cells are measured where it does not suffice, never fewer than the references.
    pub time: Duration,
    /// Threads of the CPU executor.
    pub threads: Option<usize>,
}

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The network.
    #[error("the network of `{architecture}` could not be built")]
    Network {
        /// The architecture.
        architecture: String,
        /// Why.
        source: Box<GraphError>,
    },
    /// The device.
    #[error("`{device}` could not be measured")]
    Device {
        /// The device.
        device: String,
        /// Why.
        source: Box<parnas_kernels::Error>,
    },
    /// Times that are none.
    #[error("`{device}` took no measurable time for `{architecture}`; its clock is too coarse for this network")]
    NoTime {
        /// The device.
        device: String,
        /// The architecture.
        architecture: String,
    },
    /// Ctrl-C.
    #[error("the measurement was interrupted; nothing was written")]
    Interrupted,
}

/// What a measurement tells while it runs.
#[derive(Debug, Clone)]
pub enum MeasureEvent<'a> {
    /// A profile begins: its name, and how many networks it will measure.
    Profile(&'a str, usize),
    /// So many networks of the round are done, of so many in all rounds.
    Progress(usize, usize),
    /// Something the user should know.
    Note(String),
}

/// A device opened for measurement at one batch size. Networks are built in a store that they share.
#[derive(Debug)]
pub struct Meter {
    runtime: Runtime,
    store: Store,
    device: String,
    batch: usize,
    timestamps: bool,
}

impl Meter {
    /// Opens a device.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(facts: &DeviceFacts, threads: Option<usize>, batch: usize) -> Result<Self, MeasureError> {
        let store = Store::reusing(0);
        let runtime = Runtime::new(facts, threads, &store)
            .map_err(|source| MeasureError::Device { device: facts.name.clone(), source: Box::new(source) })?;
        Ok(Self { runtime, store, device: facts.name.clone(), batch, timestamps: facts.timestamps })
    }

    /// The network of an architecture, ready to run.
    ///
    /// # Errors
    /// Where it does not fit the device.
    pub fn prepare(
        &mut self,
        space: &dyn SearchSpace,
        network: &dyn Standalone,
        architecture: &Architecture,
    ) -> Result<Prepared, MeasureError> {
        let name = || space.print(architecture);
        let failed = |source| MeasureError::Network { architecture: name(), source: Box::new(source) };
        let shape = network.input_shape(self.batch);
        let input = self.store.add("input", &shape, Role::Exchange, Initial::Uniform(1.0));
        let built = network.network(&mut self.store, architecture).map_err(failed)?;
        let mut graph = Graph::new();
        let images = graph.input(&input);
        let logits = Shared::new(&mut graph, &built.parameters(), 1)
            .and_then(|shared| built.apply(&mut graph, &shared, images, &mut Normalisation::neutral(&mut self.store)))
            .map_err(failed)?;
        let output = self.store.add("output", graph.shape(logits), Role::Exchange, Initial::Value(0.0));
        graph.store(logits, &output).map_err(failed)?;
        let plan = graph.compile("inference", self.store.buffers()).map_err(failed)?;
        let device = |source| MeasureError::Device { device: self.device.clone(), source: Box::new(source) };
        self.runtime.extend(&self.store).map_err(device)?;
        self.runtime.prepare(&plan).map_err(device)
    }

    fn wall(&mut self, prepared: &Prepared) -> Result<f64, parnas_kernels::Error> {
        let start = Instant::now();
        self.runtime.run(prepared)?;
        self.runtime.executor.wait()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    /// Replays until times are stable.
    fn warm_up(&mut self, prepared: &Prepared) -> Result<WarmUpState, parnas_kernels::Error> {
        let mut warm_up = WarmUp::new(WARM_UP_WINDOW, WARM_UP_TOLERANCE, WARM_UP_CAP);
        loop {
            let time = self.wall(prepared)?;
            match warm_up.push(time) {
                WarmUpState::Warming => {}
                state => return Ok(state),
            }
        }
    }

    /// Milliseconds of replays of one network: some, within the time of a round.
    fn round(&mut self, prepared: &Prepared) -> Result<Vec<f64>, parnas_kernels::Error> {
        if let (true, Executor::Gpu(executor), Prepared::Gpu(plan)) =
            (self.timestamps, &mut self.runtime.executor, prepared)
        {
            let timed = executor.time(plan, REPEATS as u32)?;
            let spans: Vec<f64> = timed.timestamps.iter().map(|(begin, end)| end - begin).collect();
            if let TimestampVerdict::Trusted { .. } = cross_check(&spans, timed.wall, REPEATS as u32) {
                return Ok(spans.into_iter().map(|span| span / 1e6).collect());
            }
        }
        let mut times = Vec::with_capacity(REPEATS);
        let start = Instant::now();
        while times.len() < REPEATS && (times.len() < 3 || start.elapsed() < ROUND_TIME) {
            times.push(self.wall(prepared)?);
        }
        Ok(times)
    }

    /// Why the device's clock is not used, where it has one that disagrees with the wall clock.
    fn clock_fault(&mut self, prepared: &Prepared) -> Result<Option<String>, parnas_kernels::Error> {
        let (true, Executor::Gpu(executor), Prepared::Gpu(plan)) =
            (self.timestamps, &mut self.runtime.executor, prepared)
        else {
            return Ok(None);
        };
        let timed = executor.time(plan, 4 * REPEATS as u32)?;
        let spans: Vec<f64> = timed.timestamps.iter().map(|(begin, end)| end - begin).collect();
        match cross_check(&spans, timed.wall, 4 * REPEATS as u32) {
            TimestampVerdict::Trusted { .. } => Ok(None),
            TimestampVerdict::Distrusted(fault) => {
                self.timestamps = false;
                Ok(Some(fault.to_string()))
            }
        }
    }

    /// Measures each architecture; stops taking new ones at `until`, but measures the first `at_least` in any case.
    ///
    /// # Errors
    /// Where the device fails, or `keep_on` says no.
    pub fn measure(
        &mut self,
        space: &dyn SearchSpace,
        network: &dyn Standalone,
        architectures: &[Architecture],
        at_least: usize,
        until: Instant,
        events: &mut dyn FnMut(MeasureEvent<'_>),
        keep_on: &dyn Fn() -> bool,
    ) -> Result<Vec<Sample>, MeasureError> {
        let device = self.device.clone();
        let failed = |source| MeasureError::Device { device: device.clone(), source: Box::new(source) };
        let start = Instant::now();
        let mut prepared = Vec::new();
        let mut times: Vec<Vec<f64>> = Vec::new();
        for architecture in architectures {
            if !keep_on() {
                return Err(MeasureError::Interrupted);
            }
            // The first round takes longest: it builds and warms up. Later rounds take about half as long.
            let spent = start.elapsed();
            if prepared.len() >= at_least && Instant::now() + spent / 2 * (ROUNDS as u32 - 1) > until {
                break;
            }
            let plan = self.prepare(space, network, architecture)?;
            if prepared.is_empty()
                && let Some(fault) = self.clock_fault(&plan).map_err(failed)?
            {
                events(MeasureEvent::Note(format!("{device}: wall clock is used, since {fault}")));
            }
            self.warm_up(&plan).map_err(failed)?;
            times.push(self.round(&plan).map_err(failed)?);
            prepared.push(plan);
            events(MeasureEvent::Progress(prepared.len(), ROUNDS * architectures.len()));
        }
        for round in 1..ROUNDS {
            for (place, plan) in prepared.iter().enumerate() {
                if !keep_on() {
                    return Err(MeasureError::Interrupted);
                }
                self.wall(plan).map_err(failed)?;
                times[place].extend(self.round(plan).map_err(failed)?);
                events(MeasureEvent::Progress(round * prepared.len() + place + 1, ROUNDS * prepared.len()));
            }
        }
        architectures
            .iter()
            .zip(&times)
            .map(|(architecture, times)| {
                let name = space.print(architecture);
                let summary = Summary::of(times)
                    .ok_or_else(|| MeasureError::NoTime { device: device.clone(), architecture: name.clone() })?;
                Ok(Sample {
                    architecture: name,
                    p50: summary.p50,
                    p90: summary.p90,
                    p99: summary.p99,
                    repeats: summary.repeats,
                })
            })
            .collect()
    }
}

/// The profile's name of a device at a batch size.
pub fn name_of(facts: &DeviceFacts, batch: u32) -> String {
    // "llvmpipe (LLVM 15.0.6, 256 bits)" is llvmpipe; an "AMD EPYC 9B14 96-Core Processor" keeps its model.
    let short = facts.name.split(" (").next().unwrap_or(&facts.name);
    profile_name(short, facts.backend, batch)
}

/// Measures `references` and then cells on each device at each batch size.
///
/// # Errors
/// Where a device fails, or `keep_on` says no.
pub fn measure_devices(
    devices: &[DeviceFacts],
    space: &dyn SearchSpace,
    network: &dyn Standalone,
    references: &[Architecture],
    cells: &[Architecture],
    options: &MeasureOptions,
    events: &mut dyn FnMut(MeasureEvent<'_>),
    keep_on: &dyn Fn() -> bool,
) -> Result<Vec<DeviceProfile>, MeasureError> {
    let all: Vec<Architecture> = references.iter().chain(cells.iter().take(options.cells)).cloned().collect();
    let start = Instant::now();
    let mut left = devices.len() * options.batches.len();
    let mut profiles = Vec::new();
    for facts in devices {
        for batch in &options.batches {
            let name = name_of(facts, *batch);
            events(MeasureEvent::Profile(&name, all.len()));
            let share = options.time.saturating_sub(start.elapsed()) / left.max(1) as u32;
            left = left.saturating_sub(1);
            let mut meter = Meter::open(facts, options.threads, *batch as usize)?;
            let until = Instant::now() + share;
            let samples =
                meter.measure(space, network, &all, REFERENCE_COUNT.min(references.len()), until, events, keep_on)?;
            if samples.len() < all.len() {
                let text = format!("{name}: time for {} of {} networks", samples.len(), all.len());
                events(MeasureEvent::Note(text));
            }
            profiles.push(DeviceProfile {
                name,
                hardware: facts.name.clone(),
                runtime: facts.backend.to_owned(),
                runtime_version: format!("parnas {}", env!("CARGO_PKG_VERSION")),
                driver: if facts.kind == DeviceKind::Cpu { String::new() } else { facts.driver.clone() },
                batch: *batch,
                precision: "f32".to_owned(),
                objectives: vec![ObjectiveBlock {
                    objective: "latency".to_owned(),
                    unit: "ms".to_owned(),
                    references: samples[..references.len()].iter().map(|sample| sample.p50).collect(),
                    samples,
                }],
            });
        }
    }
    Ok(profiles)
}
