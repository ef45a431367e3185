//! How long a step of the search takes: `cargo bench`, `cargo bench -- --device llvmpipe step`.
//!
//! On the CPU executor, or on the device that `--device NAME` or the variable `PARNAS_BENCH_DEVICE` names. A benchmark runs a
//! prepared plan and waits for the device; the throughput is its images a second, an architecture's counted each. Devices
//! searched for are made up: only their number counts here.

#[path = "../kernels/benches/bench/mod.rs"]
mod bench;
#[path = "../tests/step/common.rs"]
mod common;

use std::process::ExitCode;

use bench::Bench;
use criterion::Throughput;
use parnas::search::config::Configuration;
use parnas::search::session::Session;
use parnas_kernels::{DeviceFacts, Prepared};

/// A step of the default preset, with as many architectures in both levels where `architectures` says so.
fn configuration(architectures: Option<usize>) -> Configuration {
    // The weights stay as they are: on one batch, learnt by heart, a step of the CPU executor became twice as slow.
    let (learning_rate, rest) = (1e-12, Configuration::default());
    let mut configuration = Configuration {
        warmup_steps: 0,
        predictor_steps: 1,
        learning_rate,
        learning_rate_min: learning_rate,
        arch_learning_rate: learning_rate,
        ..rest
    };
    if let Some(architectures) = architectures {
        configuration.preferences_per_device = 1;
        configuration.weight_architectures = architectures;
    }
    configuration
}

/// A plan that is ready to run.
struct Step {
    session: Session,
    plan: Prepared,
}

impl Step {
    /// The launches of a step whose labels begin with `level`: all of them, the upper level or the lower.
    fn new(facts: &DeviceFacts, level: &str, configuration: Configuration, devices: usize) -> Self {
        let configuration = Configuration { device: Some(facts.selector.clone()), ..configuration };
        let mut session = common::session(configuration, devices);
        let (mut plan, _) = session.step_plan(1.0).expect("the step fits");
        plan.launches.retain(|launch| launch.label.starts_with(level));
        assert!(!plan.launches.is_empty(), "no launch is labelled `{level}`");
        let plan = session.runtime.prepare(&plan).expect("the plan is prepared");
        common::feed(&mut session, 0);
        Self { session, plan }
    }

    fn run(&mut self) {
        self.session.runtime.run(&self.plan).expect("the step runs");
        self.session.runtime.executor.wait().expect("the device answers");
    }
}

fn main() -> ExitCode {
    let mut bench = match Bench::from_arguments(std::env::args().skip(1)) {
        Ok(bench) => bench,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let whole = configuration(None);
    let devices = whole.measure_batches.len();
    let rows = devices * whole.preferences_per_device + whole.weight_architectures;
    let images = |rows: usize| Throughput::Elements((rows * whole.batch_size) as u64);
    bench.measure("step", "digits", images(rows), |facts| Step::new(facts, "", whole.clone(), devices), Step::run);
    for rows in [1, 13] {
        for level in ["upper", "lower"] {
            let prepare = |facts: &DeviceFacts| Step::new(facts, level, configuration(Some(rows)), rows);
            bench.measure("step", &format!("{level} A={rows}"), images(rows), prepare, Step::run);
        }
    }
    bench.finish();
    ExitCode::SUCCESS
}
