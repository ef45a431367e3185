//! A small search without measurements: profiles whose latencies are linear in the operations of a cell.

use parnas::hardware::{DeviceProfile, ObjectiveBlock, Sample, references};
use parnas::search::config::Configuration;
use parnas::search::session::Session;
use parnas::space::{NasBench201, NasBench201Config, SearchSpace};

/// Profiles that weigh the operations of a cell differently.
pub fn profiles(count: usize) -> Vec<DeviceProfile> {
    let space = NasBench201::new();
    let network =
        NasBench201Config { channels: 4, cells_per_stage: 1, image_channels: 1, height: 8, width: 8, classes: 10 };
    let texts: Vec<String> = references::NAS_BENCH_201.iter().map(|text| (*text).to_owned()).collect();
    (0..count)
        .map(|device| {
            let latency = |text: &str| {
                let cell = space.parse(text).expect("a reference is a cell");
                let flops = network.flops(&cell).expect("a cell has operations") as f64 * 1e-6;
                let skips = text.matches("skip").count() as f64;
                let pools = text.matches("pool").count() as f64;
                1.0 + flops + 0.1 * device as f64 * (skips + 3.0 * pools)
            };
            let samples = texts.iter().map(|text| {
                let time = latency(text);
                Sample { architecture: text.clone(), p50: time, p90: time, p99: time, repeats: 1 }
            });
            DeviceProfile {
                name: format!("made_up_{device}"),
                hardware: "made up".to_owned(),
                runtime: "table".to_owned(),
                runtime_version: String::new(),
                driver: String::new(),
                batch: 1,
                precision: "f32".to_owned(),
                objectives: vec![ObjectiveBlock {
                    objective: "latency".to_owned(),
                    unit: "ms".to_owned(),
                    references: texts.iter().map(|text| latency(text)).collect(),
                    samples: samples.collect(),
                }],
            }
        })
        .collect()
}

/// A search ready to step.
pub fn session(configuration: Configuration, devices: usize) -> Session {
    Session::build(configuration, profiles(devices), None, &mut |_, _, _| true).expect("the session is built")
}

/// Writes the batches of a step.
pub fn feed(session: &mut Session, step: u64) {
    for upper in [true, false] {
        let loader = if upper { session.data.upper.clone() } else { session.data.lower.clone() };
        let mut images = vec![0.0; loader.image_values()];
        let mut labels = vec![0; loader.batch()];
        loader.fill(step, &mut images, &mut labels).expect("the batch exists");
        let (x, y) = if upper { session.state.upper.clone() } else { session.state.lower.clone() };
        session.runtime.write(&x, &images).expect("images are written");
        session.runtime.write_u32(&y, &labels).expect("labels are written");
    }
}
