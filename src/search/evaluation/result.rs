//! What an evaluation finds, as `eval/eval.json` holds it.

use serde::{Deserialize, Serialize};

use crate::benchmark::protocol::Scores;

/// An architecture by its true values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The architecture.
    pub architecture: String,
    /// Its error in percent.
    pub error: f64,
    /// Its hardware objectives, in their units; `null` where the table lacks one.
    pub costs: Vec<Option<f64>>,
}

/// A set of architectures with its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Which, one of [`Method::NAMES`].
    pub name: String,
    /// Different architectures among its answers.
    pub distinct: usize,
    /// Architectures that the supernet was asked about to find them.
    pub evaluations: usize,
    /// Hypervolume and distances to the true front, by the table.
    pub scores: Scores,
    /// The answers.
    pub answers: Vec<Known>,
}

impl Method {
    /// The run's plain answers and its extraction; the same of the controls.
    pub const NAMES: [&'static str; 6] = [
        "preferences",
        "extraction",
        "random_hypernetwork",
        "random_hypernetwork_extraction",
        "random",
        "random_extraction",
    ];
}

/// Where a gap to the true front comes from: hypervolumes of so many points chosen with perfect knowledge of a part. All but the last
/// choose from the run's own candidates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// The supernet's losses and the predictor's costs: the extraction.
    pub neither: f64,
    /// The true error, the predictor's costs.
    pub perfect_accuracy: f64,
    /// The supernet's losses, the true costs.
    pub perfect_cost: f64,
    /// Both true: what the candidates hold.
    pub both: f64,
    /// The count of parameters in the place of the loss, over the whole space, with the predictor's costs: a rule that
    /// needs no search, which a search should beat.
    pub parameters: f64,
}

/// How a predictor orders and sizes the costs of the architectures that count on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorScore {
    /// The objective.
    pub objective: String,
    /// Kendall's tau over them.
    pub kendall_tau: f64,
    /// Mean relative error over them, as a fraction.
    pub relative_error: f64,
    /// The least prediction, in the objective's unit.
    pub least: f64,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceEvaluation {
    /// Its name.
    pub device: String,
    /// Whether the run searched for it; unseen otherwise.
    pub searched: bool,
    /// The run and its controls.
    pub methods: Vec<Method>,
    /// What the true front reaches.
    pub true_front: Scores,
    /// The true front itself.
    pub front: Vec<Known>,
    /// What linear preferences reach with perfect knowledge: different architectures, scores.
    pub linear_oracle: (usize, Scores),
    /// Mean scores of sets of random architectures: 24 of them, 500 of them.
    pub random: [Scores; 2],
    /// The parts of the gap; none where nothing was re-scored.
    pub attribution: Option<Attribution>,
    /// The predictors, a hardware objective each.
    pub predictors: Vec<PredictorScore>,
}

impl DeviceEvaluation {
    /// A method by its name.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.name == name)
    }
}

/// How the supernet orders random architectures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    /// How many.
    pub architectures: usize,
    /// Kendall's tau of the loss on the upper level's images with the error.
    pub loss: f64,
    /// Kendall's tau of the accuracy on them with the true one.
    pub accuracy: f64,
    /// The same of the loss among the better half.
    pub loss_upper_half: f64,
}

/// The plain answers of the hypernetwork as it was after a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepScore {
    /// Steps done.
    pub step: u64,
    /// Mean hypervolume over the devices that were searched for.
    pub searched: f64,
    /// Mean hypervolume over the others; none where there is none.
    pub unseen: Option<f64>,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationResult {
    /// The accuracy column that scores.
    pub truth: String,
    /// The objectives, the error first.
    pub objectives: Vec<String>,
    /// The units of the hardware objectives.
    pub units: Vec<String>,
    /// Points a device.
    pub points: usize,
    /// The devices.
    pub devices: Vec<DeviceEvaluation>,
    /// The supernet; none where nothing was re-scored.
    pub ranking: Option<Ranking>,
    /// Over the steps of the search.
    pub steps: Vec<StepScore>,
    /// Different architectures that the supernet was asked about, over all devices and controls.
    pub evaluations: usize,
    /// Seconds of the search's stages and of the evaluation's.
    pub seconds: Vec<(String, f64)>,
}

impl EvaluationResult {
    /// The mean hypervolume of a method over devices: all, those searched for (`Some(true)`), or the others.
    pub fn mean(&self, method: &str, searched: Option<bool>) -> Option<f64> {
        let devices = self.devices.iter().filter(|device| searched.is_none_or(|wanted| device.searched == wanted));
        mean(devices.filter_map(|device| Some(device.method(method)?.scores.hypervolume)))
    }
}

/// The mean of some values; none for none.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
