//! One benchmark: a plan of one launch, on the device that the arguments name.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};
use parnas_kernels::{DeviceFacts, Executor, Kernel, Prepared, device};

/// What becomes of a benchmark.
enum Mode {
    /// It is measured, or whatever else criterion's own arguments say.
    Criterion(Box<Criterion>),
    /// It runs once, unmeasured, where its name contains this.
    Once(String),
}

/// The device, and how its kernels are measured.
pub struct Bench {
    facts: DeviceFacts,
    mode: Mode,
}

impl Bench {
    /// Reads `--device NAME`. Criterion refuses arguments that are not its own and reads them from the process alone, so
    /// beside `--device` only a filter, `--bench` and `--test` are possible; beside `PARNAS_BENCH_DEVICE`, all of criterion's.
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut device, mut filter, mut bench, mut test, mut foreign) = (None, None, false, false, None);
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--device" => device = Some(arguments.next().ok_or("`--device` is followed by a device's name")?),
                "--bench" => bench = true,
                "--test" => test = true,
                other if other.starts_with("--device=") => device = Some(other["--device=".len()..].to_owned()),
                other if other.starts_with('-') || filter.is_some() => foreign = Some(argument),
                _ => filter = Some(argument),
            }
        }
        // Few samples, as a matrix product on a software device takes long.
        let criterion = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
        let (name, mode) = match (device, foreign) {
            (None, _) => {
                (std::env::var("PARNAS_BENCH_DEVICE").ok(), Mode::Criterion(Box::new(criterion.configure_from_args())))
            }
            (Some(_), Some(argument)) => {
                return Err(format!(
                    "`{argument}` does not go with `--device`; name the device by PARNAS_BENCH_DEVICE"
                ));
            }
            // Without `--bench` it is `cargo test` that runs the benches.
            (name, None) if test || !bench => (name, Mode::Once(filter.unwrap_or_default())),
            (name, None) => {
                let criterion = filter.into_iter().fold(criterion, |criterion, filter| criterion.with_filter(filter));
                (name, Mode::Criterion(Box::new(criterion)))
            }
        };
        let facts = device::choose(Some(name.as_deref().unwrap_or("cpu"))).map_err(|error| error.to_string())?;
        Ok(Self { facts, mode })
    }

    /// Measures `kernel` under the name `<device>/<kernel>/<size>`, which keeps the baselines of devices apart.
    pub fn kernel(&mut self, size: &str, kernel: impl Kernel + Clone) {
        let (operation, cost) = (kernel.name(), kernel.cost());
        let group = format!("{}/{operation}", self.facts.selector);
        match &mut self.mode {
            Mode::Criterion(criterion) => {
                let mut group = criterion.benchmark_group(group);
                group.throughput(match operation {
                    "matmul" => Throughput::Elements(cost.operations),
                    _ => Throughput::Bytes(cost.bytes),
                });
                // Only what the filter lets through is prepared, once for all samples.
                let mut launch = None;
                group.bench_function(size, |bencher| {
                    let launch = launch.get_or_insert_with(|| Launch::new(&self.facts, kernel.clone()));
                    bencher.iter(|| launch.run());
                });
                group.finish();
            }
            Mode::Once(filter) => {
                let name = format!("{group}/{size}");
                if name.contains(filter.as_str()) {
                    println!("Testing {name}");
                    Launch::new(&self.facts, kernel).run();
                    println!("Success");
                }
            }
        }
    }

    /// Criterion's last words.
    pub fn finish(self) {
        if let Mode::Criterion(criterion) = self.mode {
            criterion.final_summary();
        }
    }
}

/// A launch that is ready to run.
struct Launch {
    executor: Executor,
    plan: Prepared,
}

impl Launch {
    fn new(facts: &DeviceFacts, kernel: impl Kernel) -> Self {
        let mut buffers = Buffers::new();
        let slots = kernel.slots();
        let ids: Vec<_> = slots.iter().map(|slot| buffers.add(slot.name, slot.len)).collect();
        let mut plan = PlanBuilder::new(kernel.name(), &buffers);
        let operands: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
        plan.launch(kernel.name(), kernel, &operands).expect("the launch is valid");
        let plan = plan.finish();
        let mut executor = Executor::new(facts, None, &buffers).expect("the device opens");
        for (slot, id) in slots.iter().zip(ids) {
            let written = match slot.name {
                "clock" => Ok(()),
                "labels" | "indices" => {
                    let numbers: Vec<u32> = (0..slot.len as u32).map(|i| i.wrapping_mul(2_654_435_761) % 10).collect();
                    executor.write_u32(id, &numbers)
                }
                _ => executor.write(id, &fractions(slot.len)),
            };
            written.expect("the buffer is written");
        }
        let plan = executor.prepare(&plan).expect("the plan is prepared");
        Self { executor, plan }
    }

    fn run(&mut self) {
        self.executor.run(&self.plan).expect("the plan runs");
        self.executor.wait().expect("the device answers");
    }
}

/// Numbers in [0, 1): a second moment, for one, is never negative.
fn fractions(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32).collect()
}
