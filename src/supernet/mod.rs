//! Many architectures of a supernet at once: forward passes in chunks, and their evaluation.

mod chunks;
mod evaluator;

pub use chunks::{BodyGradients, chunks};
pub use evaluator::{Evaluation, Evaluator, EvaluatorError};
