//! The evaluation itself: answers first, then the truth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::answers::{Pool, Source, fresh_hypernetwork, of_hypernetwork, of_random, with_hypernetwork};
use super::attribution::{Candidates, attribute};
use super::result::{DeviceEvaluation, EvaluationResult, Known, Method, PredictorScore, Ranking};
use super::truth::{Truth, TruthDevice};
use super::{output, steps};
use crate::benchmark::{oracle, random};
use crate::hardware::statistics::{kendall_tau, mean_absolute_percentage_error};
use crate::pareto::scalarisation::Scalarisation;
use crate::search::SearchError;
use crate::search::device::Device;
use crate::search::driver::{self, Observer};
use crate::search::estimates::Estimates;
use crate::search::fronts::preferences_of;
use crate::search::run_folder::RunFolder;
use crate::search::session::Session;
use crate::space::{Architecture, SearchSpace};

/// Random architectures that the supernet's order is judged by.
const RANKED: usize = 200;
const RANKED_SEED: u64 = 0x4a4b;
/// Sets of random architectures: how many in a set, how many sets.
const RANDOM: [(usize, usize); 2] = [(24, 200), (500, 20)];
/// Draws a preference where the run's own configuration has none.
const DRAWS: usize = 16;

/// What an evaluation is asked for.
#[derive(Debug, Clone)]
pub struct EvaluationOptions {
    /// The tables, with the accuracies.
    pub truth: PathBuf,
    /// The dataset whose accuracy scores.
    pub dataset: String,
    /// The devices to score on; all of the tables where it is empty.
    pub devices: Vec<String>,
    /// Whether candidates are re-scored, by the supernet: most of an evaluation's time. Without, only plain answers are scored.
    pub extraction: bool,
    /// Whether controls are made too: they cost as many estimates as the run's own answers.
    pub controls: bool,
}

/// The answers of one method on every device, complete before any is scored.
struct Answered {
    name: &'static str,
    /// A device each.
    sets: Vec<Vec<Architecture>>,
    /// Architectures that the supernet was asked about.
    evaluations: usize,
}

/// Scores a run and writes `eval/` in its folder: what was found, tables, figures, and the report anew.
///
/// # Errors
/// Where the run has no checkpoint, the tables do not fit it, a device fails, or `stop` is set: then it goes on at the next call.
pub fn evaluate(
    root: &Path,
    options: &EvaluationOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<EvaluationResult, SearchError> {
    let mut session = driver::open(root, None)?;
    let folder = RunFolder::open(root)?;
    let files = folder.files();
    observer.stage("opening the tables");
    let objectives = session.configuration.objectives.clone();
    let truth = Truth::open(&options.truth, &options.dataset, &options.devices, &objectives, &session.space)?;
    let searched: Vec<bool> = truth
        .devices
        .iter()
        .map(|own| session.profiles.iter().any(|profile| profile.name == own.device.name))
        .collect();
    let preferences = preferences_of(&session)?;
    let start = Instant::now();
    let mut estimates = Estimates::open(files, &session)?;
    observer.stage("asking the hypernetwork and the controls");
    let mut progress = |text: &str, done: u64, total: u64| {
        observer.progress(text, done, total);
        !stop.load(Ordering::Relaxed)
    };
    let mut answered = Vec::new();
    let mut own: Option<Pool> = None;
    let sources: &[Source] = match options.controls {
        true => &[Source::Hypernetwork, Source::RandomHypernetwork, Source::Random],
        false => &[Source::Hypernetwork],
    };
    for &source in sources {
        let budget = own.as_ref().map_or(0, |own| own.architectures.len());
        let (plain, distinct) = answers_of(&mut session, &truth, source, &preferences, budget)?;
        let [plain_name, extracted_name] = names(source);
        answered.push(Answered { name: plain_name, sets: plain, evaluations: 0 });
        if !options.extraction {
            continue;
        }
        let evaluations = distinct.len();
        let pool = Pool::score(&mut session, distinct, &mut estimates, &mut progress)?;
        let mut extracted = Vec::new();
        for device in &truth.devices {
            extracted.push(pool.extract(&mut session, &device.device, preferences.len())?);
        }
        answered.push(Answered { name: extracted_name, sets: extracted, evaluations });
        own.get_or_insert(pool);
    }
    let ranking = match options.extraction {
        true => {
            let ranked = session.space.random(RANKED, RANKED_SEED);
            let estimated = estimates.of(&mut session, &ranked, &mut progress)?;
            let errors: Vec<f64> = truth.rows(&ranked).into_iter().map(|row| truth.error[row]).collect();
            Some(ranking_of(&errors, &estimated))
        }
        false => None,
    };

    observer.stage("scoring");
    let mut devices = Vec::new();
    for (place, device) in truth.devices.iter().enumerate() {
        let predicted = predicted_costs(&mut session, &truth, device)?;
        let attribution = match &own {
            Some(own) => {
                let rows = truth.rows(&own.architectures);
                let points = preferences.len();
                let known = Candidates { rows: &rows, losses: &own.losses, predicted: &predicted, points };
                Some(attribute(&truth, device, &session.space, &known)?)
            }
            None => None,
        };
        let linear = oracle::choose(
            &device.protocol,
            &oracle::Predictions {
                error: &truth.error,
                costs: &device.costs.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            },
            &oracle::published_preferences(objectives.len()),
            Scalarisation::Linear,
        )?;
        let mut methods = Vec::new();
        for method in &answered {
            let answers = truth.rows(&method.sets[place]);
            methods.push(Method {
                name: method.name.to_owned(),
                distinct: answers.iter().collect::<BTreeSet<_>>().len(),
                evaluations: method.evaluations,
                scores: device.protocol.score(&answers)?,
                answers: known_of(&session, &truth, device, &answers),
            });
        }
        let mut spreads = Vec::new();
        for (size, repetitions) in RANDOM {
            spreads.push(random::spread(&device.protocol, size, repetitions, 1)?.mean);
        }
        devices.push(DeviceEvaluation {
            device: device.device.name.clone(),
            searched: searched[place],
            methods,
            true_front: device.protocol.score_true_front()?,
            front: known_of(&session, &truth, device, device.protocol.true_front()),
            linear_oracle: (linear.distinct, linear.scores),
            random: [spreads[0], spreads[1]],
            attribution,
            predictors: predictor_scores(&session, device, &predicted),
        });
    }
    let result = EvaluationResult {
        truth: truth.name.clone(),
        objectives: std::iter::once("error")
            .chain(objectives[1..].iter().map(|objective| objective.name()))
            .map(str::to_owned)
            .collect(),
        units: objectives[1..].iter().map(|objective| objective.base_unit().symbol.to_owned()).collect(),
        points: preferences.len(),
        devices,
        ranking,
        steps: steps::score(&mut session, files, &truth, &preferences, &searched)?,
        evaluations: estimates.count(),
        seconds: vec![("evaluation".to_owned(), start.elapsed().as_secs_f64())],
    };
    output::write(&result, files)?;
    Ok(result)
}

/// The names of a source's plain and extracted answers.
fn names(source: Source) -> [&'static str; 2] {
    let first = match source {
        Source::Hypernetwork => 0,
        Source::RandomHypernetwork => 2,
        Source::Random => 4,
    };
    [Method::NAMES[first], Method::NAMES[first + 1]]
}

/// The plain answers of a source for every device of the benchmark, and the networks that are re-scored; `budget` of them where the
/// source is random.
fn answers_of(
    session: &mut Session,
    truth: &Truth,
    source: Source,
    preferences: &[Vec<f64>],
    budget: usize,
) -> Result<(Vec<Vec<Architecture>>, Vec<Architecture>), SearchError> {
    let draws = match session.configuration.draws_per_preference {
        0 => DRAWS,
        draws => draws,
    };
    let devices: Vec<&Device> = truth.devices.iter().map(|own| &own.device).collect();
    match source {
        Source::Hypernetwork => of_hypernetwork(session, &devices, preferences, draws),
        Source::RandomHypernetwork => {
            let fresh = fresh_hypernetwork(session)?;
            with_hypernetwork(session, &fresh, |session| of_hypernetwork(session, &devices, preferences, draws))
        }
        Source::Random => of_random(session, devices.len(), preferences.len(), budget),
    }
}

/// The predicted costs of every architecture, `[objectives][rows]`.
fn predicted_costs(session: &mut Session, truth: &Truth, device: &TruthDevice) -> Result<Vec<Vec<f64>>, SearchError> {
    let rows = session.predict(&device.device, &truth.architectures)?;
    let columns = device.costs.len();
    Ok((0..columns).map(|column| rows.iter().map(|row| row[column]).collect()).collect())
}

/// Architectures, as rows of the table, by their true values.
fn known_of(session: &Session, truth: &Truth, device: &TruthDevice, rows: &[usize]) -> Vec<Known> {
    let known = |&row: &usize| Known {
        architecture: session.space.space.print(&truth.architectures[row]),
        error: truth.error[row],
        costs: device.costs.iter().map(|column| Some(column[row]).filter(|cost| cost.is_finite())).collect(),
    };
    rows.iter().map(known).collect()
}

fn predictor_scores(session: &Session, device: &TruthDevice, predicted: &[Vec<f64>]) -> Vec<PredictorScore> {
    let mut scores = Vec::new();
    for ((hardware, predicted), costs) in session.hardware.iter().zip(predicted).zip(&device.costs) {
        if hardware.fit.is_none() {
            continue;
        }
        // The protocol's cells: those that it drops have tabled times of about nothing on some devices.
        let kept = device.protocol.kept().iter();
        let (predicted, costs): (Vec<f64>, Vec<f64>) = kept.map(|&row| (predicted[row], costs[row])).unzip();
        scores.push(PredictorScore {
            objective: hardware.objective.name().to_owned(),
            kendall_tau: kendall_tau(&predicted, &costs).unwrap_or(0.0),
            relative_error: mean_absolute_percentage_error(&predicted, &costs).unwrap_or(f64::NAN) / 100.0,
            least: predicted.iter().copied().fold(f64::INFINITY, f64::min),
        });
    }
    scores
}

fn ranking_of(error: &[f64], estimates: &[crate::supernet::Evaluation]) -> Ranking {
    let tau = |places: &[usize], of: &dyn Fn(usize) -> f64| {
        let own: Vec<f64> = places.iter().map(|&place| of(place)).collect();
        let errors: Vec<f64> = places.iter().map(|&place| error[place]).collect();
        kendall_tau(&own, &errors).unwrap_or(0.0)
    };
    let mut order: Vec<usize> = (0..error.len()).collect();
    order.sort_by(|a, b| error[*a].total_cmp(&error[*b]));
    Ranking {
        architectures: error.len(),
        loss: tau(&order, &|place| estimates[place].loss),
        accuracy: tau(&order, &|place| -estimates[place].accuracy),
        loss_upper_half: tau(&order[..error.len() / 2], &|place| estimates[place].loss),
    }
}
