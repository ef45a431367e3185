//! The metapredictors of a run: what they learn from, how they do, the range of what they say.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::SearchError;
use super::device::Device;
use super::results::PredictorCheck;
use super::setup::RunSpace;
use crate::graph::Runtime;
use crate::hardware::statistics::{kendall_tau, mean_absolute_percentage_error};
use crate::hardware::{DeviceProfile, REFERENCE_COUNT, TABLE_RUNTIME};
use crate::hyper::{PredictorData, PredictorFit, PredictorRow};
use crate::pareto::objective::Objective;
use crate::space::{Architecture, SearchSpace};

/// Cells that compute the same as a measured one, for the predictor to learn from.
const EQUAL_CELLS: usize = 3;
/// Every k-th measured cell is kept from the predictor, to tell how well it does.
const HELD_OUT_CELLS: usize = 5;

/// A measured cell that the predictor does not see: the device, the architecture, its encoding, the value.
pub(super) struct HeldOut {
    device: usize,
    encoding: Vec<f32>,
    features: Vec<f32>,
    value: f64,
}

/// What a predictor learns from, and the cells that are kept from it.
pub(super) fn rows_of(
    space: &RunSpace,
    profiles: &[DeviceProfile],
    devices: &[Device],
    objective: Objective,
) -> Result<(PredictorData, Vec<HeldOut>), SearchError> {
    let mut data = PredictorData {
        rows: Vec::new(),
        features: devices.iter().map(|device| device.features.clone()).collect(),
        references: REFERENCE_COUNT,
        block: devices.first().map_or(0, |device| device.place(objective)),
    };
    let mut held_out = Vec::new();
    // A cell has a row, with its values on all devices: mixtures of devices need them side by side. A cell that is held
    // out is held out on every device, or those seen on one would give away the others.
    let mut known: BTreeMap<Architecture, Option<usize>> = BTreeMap::new();
    let mut rng = ChaCha8Rng::seed_from_u64(EQUAL_CELLS as u64);
    for (device, profile) in profiles.iter().enumerate() {
        let scale = devices[device].block(objective)?;
        let samples = profile.block(objective.name()).map_or(&[][..], |block| &block.samples);
        // Here a network runs without the edges that carry nothing: any operations on them take the same time.
        let copies = if profile.runtime == TABLE_RUNTIME { 0 } else { EQUAL_CELLS };
        for sample in samples {
            let architecture = space.space.parse(&sample.architecture)?;
            let cells = known.len();
            let own = match known.get(&architecture) {
                Some(own) => *own,
                None => {
                    let own = (cells % HELD_OUT_CELLS != HELD_OUT_CELLS - 1).then_some(data.rows.len());
                    if own.is_some() {
                        let mut push = |encoding| data.rows.push(PredictorRow { encoding, targets: Vec::new() });
                        push(space.space.encode(&architecture));
                        for _ in 0..copies {
                            push(space.space.encode(&space.redrawn(&architecture, &mut rng)?));
                        }
                    }
                    known.insert(architecture.clone(), own);
                    own
                }
            };
            let Some(first) = own else {
                let encoding = space.space.encode(&architecture);
                held_out.push(HeldOut {
                    device,
                    encoding,
                    features: devices[device].features.clone(),
                    value: sample.p50,
                });
                continue;
            };
            let target = (device, scale.target(sample.p50) as f32);
            for row in data.rows.iter_mut().skip(first).take(1 + copies) {
                row.targets.push(target);
            }
        }
    }
    if data.rows.is_empty() {
        let reason = "no profile has samples of it to learn from".to_owned();
        return Err(SearchError::Objective { objective, reason });
    }
    Ok((data, held_out))
}

/// How a predictor does on the cells that it did not see, a device each.
pub(super) fn check_predictor(
    runtime: &mut Runtime,
    fit: &PredictorFit,
    devices: &[Device],
    held_out: &[HeldOut],
    objective: Objective,
) -> Result<Vec<PredictorCheck>, SearchError> {
    let rows: Vec<(&[f32], &[f32])> =
        held_out.iter().map(|cell| (cell.encoding.as_slice(), cell.features.as_slice())).collect();
    let logarithms = fit.predict(runtime, &rows)?;
    let mut checks = Vec::new();
    for (place, device) in devices.iter().enumerate() {
        let block = device.block(objective)?;
        let own = held_out.iter().zip(&logarithms).filter(|(cell, _)| cell.device == place);
        let (predicted, measured): (Vec<f64>, Vec<f64>) =
            own.map(|(cell, logarithm)| (block.value(f64::from(*logarithm)), cell.value)).unzip();
        checks.push(PredictorCheck {
            objective: objective.name().to_owned(),
            unit: block.unit.clone(),
            kendall_tau: kendall_tau(&predicted, &measured),
            relative_error: mean_absolute_percentage_error(&predicted, &measured).map(|percent| percent / 100.0),
            predicted,
            measured,
        });
    }
    Ok(checks)
}

/// The least and largest prediction on each device, over a fixed sample of the space.
pub(super) fn predicted_ranges(
    runtime: &mut Runtime,
    fit: &PredictorFit,
    space: &RunSpace,
    devices: &[Device],
) -> Result<Vec<(f64, f64)>, SearchError> {
    let mut sample = space.random(1000, 1);
    sample.extend([space.space.smallest(), space.space.largest()]);
    let encodings: Vec<Vec<f32>> = sample.iter().map(|architecture| space.space.encode(architecture)).collect();
    devices
        .iter()
        .map(|device| {
            let rows: Vec<(&[f32], &[f32])> =
                encodings.iter().map(|encoding| (encoding.as_slice(), device.features.as_slice())).collect();
            let relative: Vec<f64> =
                fit.predict(runtime, &rows)?.into_iter().map(|logarithm| f64::from(logarithm).exp()).collect();
            let low = relative.iter().copied().fold(f64::INFINITY, f64::min);
            let high = relative.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            Ok((low, high))
        })
        .collect()
}
