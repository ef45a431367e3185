//! Scoring a run against a benchmark that knows the truth (`parnas eval`). All answers are complete before the first is
//! scored: what an architecture really reaches decides nothing here, it only scores.

mod answers;
mod attribution;
mod figures;
mod output;
mod result;
mod score;
mod steps;
mod truth;

pub use output::{read, section, summary};
pub use result::{Attribution, DeviceEvaluation, EvaluationResult, Known, Method, PredictorScore, Ranking, StepScore};
pub use score::{EvaluationOptions, evaluate};
pub use truth::{Truth, TruthDevice, TruthError};
