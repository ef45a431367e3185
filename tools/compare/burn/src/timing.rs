//! How burn is timed: as the other peers are (`timing.py`), by the wall clock, each run awaited.

use std::time::{Duration, Instant};

use burn::tensor::Device;

/// Time that a round spends on a case, and the samples it takes at the least and at the most.
const SHARE: Duration = Duration::from_millis(250);
const LEAST: usize = 3;
const MOST: usize = 50;

/// What is timed, under its name.
pub struct Case {
    pub name: &'static str,
    pass: &'static str,
    run: Box<dyn FnMut()>,
    times: Vec<f64>,
    first: (f64, f64),
}

impl Case {
    pub fn new(name: &'static str, pass: &'static str, run: impl FnMut() + 'static) -> Self {
        Self { name, pass, run: Box::new(run), times: Vec::new(), first: (0.0, 0.0) }
    }

    /// Runs until the device has finished, and returns the milliseconds.
    fn once(&mut self, device: &Device) -> f64 {
        let start = Instant::now();
        (self.run)();
        device.sync().expect("the device runs the case");
        1e3 * start.elapsed().as_secs_f64()
    }

    /// The first run, in which burn compiles and tunes.
    pub fn first(&mut self, device: &Device, process: Instant) {
        let first = self.once(device);
        self.first = (first, 1e3 * process.elapsed().as_secs_f64());
        eprintln!("{}, {}: first result after {first:.0} ms", self.name, self.pass);
    }

    /// One round's samples, after a run that nobody times.
    pub fn round(&mut self, device: &Device) {
        self.once(device);
        let start = Instant::now();
        for count in 0..MOST {
            if count >= LEAST && start.elapsed() > SHARE {
                break;
            }
            let time = self.once(device);
            self.times.push(time);
        }
    }

    /// The samples of all rounds as a line of JSON.
    pub fn line(&self) -> String {
        let median = median(&self.times);
        let spread = median_of(self.times.iter().map(|time| (time - median).abs()));
        let least = self.times.iter().copied().fold(f64::INFINITY, f64::min);
        let (first, since_start) = self.first;
        format!(
            r#"{{"engine": "burn", "device": "wgpu", "case": "{}", "pass": "{}", "median_ms": {median:.4}, "min_ms": {least:.4}, "spread_ms": {spread:.4}, "samples": {}, "first_ms": {first:.1}, "since_start_ms": {since_start:.1}}}"#,
            self.name,
            self.pass,
            self.times.len()
        )
    }
}

fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    median(&values.collect::<Vec<_>>())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}
