//! Benchmarks on the device that the arguments name.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use parnas_kernels::{DeviceFacts, device};

/// What becomes of a benchmark.
enum Mode {
    /// It is measured, or whatever else criterion's own arguments say.
    Criterion(Box<Criterion>),
    /// It runs once, unmeasured, where its name contains this.
    Once(String),
}

/// The device, and how it is measured.
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

    /// Measures `run` on what `prepare` makes under the name `<device>/<group>/<name>`, which keeps the baselines of devices
    /// apart. Only what the filter lets through is prepared, once for all samples.
    pub fn measure<T>(
        &mut self,
        group: &str,
        name: &str,
        throughput: Throughput,
        prepare: impl Fn(&DeviceFacts) -> T,
        run: impl Fn(&mut T),
    ) {
        let group = format!("{}/{group}", self.facts.selector);
        match &mut self.mode {
            Mode::Criterion(criterion) => {
                let mut group = criterion.benchmark_group(group);
                group.throughput(throughput);
                let mut ready = None;
                group.bench_function(name, |bencher| {
                    let ready = ready.get_or_insert_with(|| prepare(&self.facts));
                    bencher.iter(|| run(ready));
                });
                group.finish();
            }
            Mode::Once(filter) => {
                let name = format!("{group}/{name}");
                if name.contains(filter.as_str()) {
                    println!("Testing {name}");
                    run(&mut prepare(&self.facts));
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
