//! The fronts of a trained run: the hypernetwork's answers, scored on images that no step saw and by measured latency.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parnas_kernels::{DeviceFacts, device};

use super::estimates::Estimates;
use super::results::{Candidate, DeviceResult, Scored, compare};
use super::run_folder::RunFiles;
use super::session::Session;
use super::surrogate::Surrogate;
use super::{SearchError, candidates};
use crate::hardware::{DeviceProfile, MeasureEvent, Meter, name_of};
use crate::pareto::objective::Objective;
use crate::pareto::preferences;
use crate::space::{Architecture, SearchSpace};
use crate::supernet::{Evaluation, Evaluator};

/// Architectures that are scored at once.
const AT_ONCE: usize = 8;
/// The seed of the random architectures, apart from every seed of a search.
const RANDOM_SEED: u64 = 0x5eed_0000;

/// The preferences that fronts are made of.
///
/// # Errors
/// Where the number of points does not fit the objectives.
pub fn preferences_of(session: &Session) -> Result<Vec<Vec<f64>>, SearchError> {
    let configuration = &session.configuration;
    Ok(match configuration.objectives.len() {
        2 if configuration.published_circle => preferences::published_circle(configuration.points),
        2 => preferences::uniform_line(configuration.points),
        objectives => preferences::at_least(objectives, configuration.points),
    })
}

/// Scores the hypernetwork's answers for every device, and random architectures by the same calls.
///
/// # Errors
/// Where a device fails, or `keep_on` says no.
pub fn score(
    session: &mut Session,
    files: &RunFiles,
    progress: &mut dyn FnMut(&str, u64, u64) -> bool,
    keep_on: &dyn Fn() -> bool,
) -> Result<Vec<DeviceResult>, SearchError> {
    let preferences = preferences_of(session)?;
    let count = session.configuration.random_architectures;
    let random = session.space.random(count, RANDOM_SEED ^ session.configuration.seed);
    let devices = session.devices.clone();
    let draws = session.configuration.draws_per_preference;
    let mut drawn = Vec::new();
    let mut answers = Vec::new();
    for device in &devices {
        let likeliest = session.answers(&device.features, &preferences)?;
        answers.push(likeliest.iter().map(|own| session.space.space.canonical(own)).collect::<Vec<_>>());
        drawn.push(match draws {
            0 => answers[answers.len() - 1].clone(),
            _ => candidates::candidates(session, device, &preferences, draws)?,
        });
    }
    let all = distinct(drawn.iter().flatten().chain(&random));
    let estimated = Estimates::open(files, session)?.of(session, &all, progress)?;
    let upper: BTreeMap<Architecture, Evaluation> = all.iter().cloned().zip(estimated).collect();
    // What chooses is what the estimates of all candidates say together.
    let networks: Vec<Architecture> = distinct(drawn.iter().flatten());
    let losses: Vec<f64> = networks.iter().map(|own| upper[own].loss).collect();
    let surrogate = Surrogate::fit(&networks, &losses);
    let judged = |own: &Architecture| surrogate.as_ref().map_or(upper[own].loss, |fit| fit.value(own));
    let mut pools = Vec::new();
    for (place, (device, drawn)) in devices.iter().zip(&drawn).enumerate() {
        let drawn = distinct(drawn);
        let pool: Vec<Candidate> = session
            .predict(device, &drawn)?
            .into_iter()
            .zip(&drawn)
            .map(|(predicted, architecture)| Candidate {
                architecture: session.space.space.print(architecture),
                predicted_loss: judged(architecture),
                predicted,
            })
            .collect();
        if draws > 0 {
            let points: Vec<Vec<f64>> = pool.iter().map(Candidate::point).collect();
            let places = candidates::choose(&preferences, &points);
            answers[place] = places.into_iter().map(|place| drawn[place].clone()).collect();
        }
        pools.push(pool);
    }
    let chosen: Vec<Architecture> = answers.iter().flatten().chain(&random).cloned().collect();
    let held_out = evaluations_of(session, &chosen, Images::HeldOut, progress)?;

    let mut results = Vec::new();
    for (place, (answers, pool)) in answers.into_iter().zip(pools).enumerate() {
        let wanted = distinct(answers.iter().chain(&random));
        let measured = measured_values(session, place, &wanted, progress, keep_on)?;
        let mut scored = |architectures: &[Architecture], preferences: &[Vec<f64>]| {
            let predicted = session.predict(&devices[place], architectures)?;
            let mut points = Vec::new();
            for (index, (architecture, predicted)) in architectures.iter().zip(predicted).enumerate() {
                let (upper, held_out) = (upper[architecture], held_out[architecture]);
                points.push(Scored {
                    preference: preferences.get(index).cloned().unwrap_or_default(),
                    architecture: session.space.space.print(architecture),
                    predicted,
                    measured: measured[architecture].clone(),
                    predicted_loss: upper.loss,
                    loss: held_out.loss,
                    accuracy: held_out.accuracy,
                });
            }
            Ok::<_, SearchError>(points)
        };
        let front = scored(&answers, &preferences)?;
        let random = scored(&random, &[])?;
        results.push(DeviceResult {
            device: session.profiles[place].name.clone(),
            candidates: pool,
            hypervolume: compare(&front, &random),
            held_out_cells: session
                .hardware
                .iter()
                .filter_map(|hardware| hardware.checks.get(place).cloned())
                .collect(),
            front,
            random,
        });
    }
    Ok(results)
}

/// Each architecture once, in the order of its first.
fn distinct<'a>(architectures: impl IntoIterator<Item = &'a Architecture>) -> Vec<Architecture> {
    let mut seen = BTreeSet::new();
    architectures.into_iter().filter(|architecture| seen.insert(*architecture)).cloned().collect()
}

/// Which images an architecture is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    /// Those of the upper level: what may choose.
    Upper,
    /// Those that no step saw: what reports.
    HeldOut,
}

/// Architectures evaluated by the supernet, each with statistics recalibrated for it.
///
/// # Errors
/// Where the device fails.
pub fn evaluations_of(
    session: &mut Session,
    architectures: &[Architecture],
    images: Images,
    progress: &mut dyn FnMut(&str, u64, u64) -> bool,
) -> Result<BTreeMap<Architecture, Evaluation>, SearchError> {
    let image = session.data.image();
    let batch = session.data.held_out.batch().max(session.data.validation.batch());
    let Session { runtime, store, supernet, space, data, .. } = session;
    let (loader, text) = match images {
        Images::Upper => (&data.validation, "losses on the upper level's images"),
        Images::HeldOut => (&data.held_out, "losses on held-out images"),
    };
    let count = architectures.len() as u64;
    let at_once = AT_ONCE.min(architectures.len()).max(1);
    let calibration = &data.calibration;
    let batch = loader.batch().min(batch);
    let mut evaluator = Evaluator::new(runtime, store, &*supernet, &space.space, at_once, image, calibration, batch)?;
    let mut interrupted = false;
    let evaluations = evaluator.evaluate(runtime, &space.space, architectures, calibration, loader, |done| {
        interrupted |= !progress(text, done as u64, count);
    })?;
    if interrupted {
        return Err(SearchError::Interrupted);
    }
    Ok(architectures.iter().cloned().zip(evaluations).collect())
}

/// The device of this machine that a profile was measured on.
pub fn device_of_profile(profile: &DeviceProfile) -> Option<DeviceFacts> {
    let matches = |facts: &DeviceFacts| name_of(facts, profile.batch) == profile.name;
    device::list().into_iter().find(matches).or_else(|| device::list_all().into_iter().find(matches))
}

/// Hardware objectives of architectures as they truly are: measured now, looked up in the profile, or computed.
fn measured_values(
    session: &Session,
    place: usize,
    architectures: &[Architecture],
    progress: &mut dyn FnMut(&str, u64, u64) -> bool,
    keep_on: &dyn Fn() -> bool,
) -> Result<BTreeMap<Architecture, Vec<Option<f64>>>, SearchError> {
    let profile = &session.profiles[place];
    let space = &session.space.space;
    let mut values: BTreeMap<Architecture, Vec<Option<f64>>> =
        architectures.iter().map(|architecture| (architecture.clone(), Vec::new())).collect();
    for hardware in &session.hardware {
        let objective = hardware.objective;
        let mut known: BTreeMap<String, f64> = BTreeMap::new();
        if hardware.fit.is_some() {
            match device_of_profile(profile).filter(|_| objective == Objective::Latency) {
                Some(facts) => {
                    let mut meter = Meter::open(&facts, session.configuration.threads, profile.batch as usize)?;
                    let text = format!("latency on {}", profile.name);
                    let mut interrupted = false;
                    let samples = meter.measure(
                        space,
                        &session.space.network,
                        architectures,
                        architectures.len(),
                        Instant::now() + Duration::from_secs(1),
                        &mut |event| {
                            if let MeasureEvent::Progress(done, all) = event {
                                interrupted |= !progress(&text, done as u64, all as u64);
                            }
                        },
                        keep_on,
                    )?;
                    if interrupted {
                        return Err(SearchError::Interrupted);
                    }
                    known.extend(samples.into_iter().map(|sample| (sample.architecture, sample.p50)));
                }
                // Another machine's device: only what its table holds is known.
                None => {
                    let samples = profile.block(objective.name()).map_or(&[][..], |block| &block.samples);
                    known.extend(samples.iter().map(|sample| (sample.architecture.clone(), sample.p50)));
                }
            }
        }
        for (architecture, row) in &mut values {
            row.push(match hardware.fit {
                None => Some(session.space.exact(objective, architecture)?),
                Some(_) => known.get(&space.print(architecture)).copied(),
            });
        }
    }
    Ok(values)
}
