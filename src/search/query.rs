//! Questions to a trained run: the front of a device, one preference, or the best architecture within limits.

use super::SearchError;
use super::candidates;
use super::device::Device;
use super::fronts::{Images, evaluations_of, preferences_of};
use super::results::{Candidate, Results, Scored};
use super::session::Session;
use crate::pareto::limits::{Feasibility, Limit, choose};
use crate::pareto::preferences;
use crate::space::{Architecture, SearchSpace};

/// Preferences that are scanned for an answer within limits.
const SCANNED: usize = 201;
/// Random architectures that are looked at where no answer meets the limits.
const OTHERS: usize = 1000;
/// Architectures within the limits whose loss is taken.
const SCORED: usize = 64;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// So many preferences; those of the run where none is given.
    Front(Option<usize>),
    /// One preference.
    Preference(Vec<f64>),
    /// The least loss within limits.
    Within(Vec<Limit>),
}

/// Answers a question for one device, of the run or not, from the hypernetwork, the predictor and the supernet alone: nothing is
/// measured now.
///
/// # Errors
/// Where the device that computes fails, or no architecture meets the limits.
pub fn ask(
    session: &mut Session,
    device: &Device,
    question: &Question,
    known: Option<&Results>,
) -> Result<Results, SearchError> {
    let objectives = session.configuration.objectives.clone();
    let asked = match question {
        Question::Preference(preference) => vec![preference.clone()],
        Question::Front(None) => preferences_of(session)?,
        Question::Front(Some(points)) if objectives.len() == 2 => preferences::uniform_line(*points),
        Question::Front(Some(points)) => preferences::at_least(objectives.len(), *points),
        Question::Within(_) if objectives.len() == 2 => preferences::uniform_line(SCANNED),
        Question::Within(_) => preferences::at_least(objectives.len(), SCANNED),
    };
    let own = known.and_then(|known| known.devices.iter().find(|result| result.device == device.name));
    let answers = match own.map(|result| &result.candidates) {
        // The run has scored candidates already: each preference takes the best of them.
        Some(pool) if session.configuration.draws_per_preference > 0 && !pool.is_empty() => {
            let points: Vec<Vec<f64>> = pool.iter().map(Candidate::point).collect();
            let places = candidates::choose(&asked, &points);
            let space = &session.space.space;
            places
                .into_iter()
                .map(|place| Ok(space.parse(&pool[place].architecture)?))
                .collect::<Result<_, SearchError>>()?
        }
        _ => session.answers(&device.features, &asked)?,
    };
    let mut front = match question {
        Question::Within(limits) => within(session, device, &asked, &answers, limits)?,
        _ => scored(session, device, &asked, &answers)?,
    };
    // Values that the run measured are shown beside the predicted ones.
    if let Some(known) = known {
        for point in &mut front {
            let same = known
                .devices
                .iter()
                .filter(|result| result.device == device.name)
                .flat_map(|result| result.front.iter().chain(&result.random))
                .find(|other| other.architecture == point.architecture);
            if let Some(same) = same {
                point.measured.clone_from(&same.measured);
            }
        }
    }
    Ok(Results {
        objectives: objectives.iter().map(|objective| objective.name().to_owned()).collect(),
        units: objectives[1..].iter().map(|objective| objective.base_unit().symbol.to_owned()).collect(),
        devices: vec![super::results::DeviceResult {
            device: device.name.clone(),
            candidates: Vec::new(),
            front,
            random: Vec::new(),
            hypervolume: None,
            held_out_cells: Vec::new(),
        }],
        seconds: Vec::new(),
    })
}

fn scored(
    session: &mut Session,
    device: &Device,
    preferences: &[Vec<f64>],
    architectures: &[Architecture],
) -> Result<Vec<Scored>, SearchError> {
    let upper = evaluations_of(session, architectures, Images::Upper, &mut |_, _, _| true)?;
    let held_out = evaluations_of(session, architectures, Images::HeldOut, &mut |_, _, _| true)?;
    let predicted = session.predict(device, architectures)?;
    Ok(preferences
        .iter()
        .zip(architectures)
        .zip(predicted)
        .map(|((preference, architecture), predicted)| {
            let (upper, held_out) = (upper[architecture], held_out[architecture]);
            Scored {
                preference: preference.clone(),
                architecture: session.space.space.print(architecture),
                measured: vec![None; predicted.len()],
                predicted,
                predicted_loss: upper.loss,
                loss: held_out.loss,
                accuracy: held_out.accuracy,
            }
        })
        .collect())
}

/// The answer of least loss among those whose predictions meet the limits. The loss that decides is that on the upper
/// level's images.
fn within(
    session: &mut Session,
    device: &Device,
    preferences: &[Vec<f64>],
    architectures: &[Architecture],
    limits: &[Limit],
) -> Result<Vec<Scored>, SearchError> {
    let objectives = session.configuration.objectives.clone();
    for limit in limits {
        if limit.device.as_deref().is_some_and(|other| other != device.name) {
            let reason = format!("the limit `{limit}` is for another device than `{}`", device.name);
            return Err(SearchError::Objective { objective: limit.objective, reason });
        }
        if !objectives[1..].contains(&limit.objective) {
            let reason = "the run has no such hardware objective".to_owned();
            return Err(SearchError::Objective { objective: limit.objective, reason });
        }
    }
    let column = |limit: &Limit| objectives[1..].iter().position(|objective| *objective == limit.objective);
    let value = |row: &Vec<f64>, limit: &Limit| column(limit).map(|column| row[column]);
    // Where no answer of the hypernetwork meets the limits, others of the space may.
    let mut others = session.space.random(OTHERS, 0);
    others.extend([session.space.space.smallest(), session.space.space.largest()]);
    let others_preferences = vec![Vec::new(); others.len()];
    let mut nearest = None;
    for (architectures, preferences) in [(architectures, preferences), (&others[..], &others_preferences[..])] {
        let predicted = session.predict(device, architectures)?;
        match choose(&predicted, limits, value)? {
            Feasibility::Feasible(places) => {
                let mut distinct: Vec<(Vec<f64>, Architecture)> = Vec::new();
                for index in places {
                    if distinct.iter().all(|(_, known)| *known != architectures[index]) {
                        distinct.push((preferences[index].clone(), architectures[index].clone()));
                    }
                }
                // Preferences run from accuracy to speed: the first ones are the most accurate.
                distinct.truncate(SCORED);
                let (preferences, architectures): (Vec<_>, Vec<_>) = distinct.into_iter().unzip();
                let mut all = scored(session, device, &preferences, &architectures)?;
                all.sort_by(|a, b| a.predicted_loss.total_cmp(&b.predicted_loss));
                all.truncate(1);
                return Ok(all);
            }
            Feasibility::Nearest { index, misses } => {
                let miss = misses.iter().map(|miss| miss.relative).fold(0.0, f64::max);
                let text = misses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
                let closer = nearest.as_ref().is_none_or(|(known, _, _)| miss < *known);
                if closer {
                    nearest = Some((miss, session.space.space.print(&architectures[index]), text));
                }
            }
        }
    }
    let (_, architecture, misses) = nearest.unwrap_or_default();
    Err(SearchError::Infeasible { device: device.name.clone(), architecture, misses })
}
