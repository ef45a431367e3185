//! One file an operation: typed parameters, its CPU kernel, its cost. The WGSL stands under the same name in
//! `parnas-shaders`.

mod adam;
mod binary;
mod check;
mod clip_factor;
mod dot;
mod draws;
mod fold_rows;
mod functions;
mod given_choices;
mod gram;
mod matmul;
mod min_norm;
mod philox;
mod product;
mod random;
mod reduce;
mod require;
mod sample;
mod sample_gradient;
mod schedule;
mod sgd;
mod sum_of_squares;
mod tick;
mod unary;
mod unary_gradient;

pub use adam::Adam;
pub use binary::{Binary, BinaryOperation};
pub use clip_factor::ClipFactor;
pub use dot::Dot;
pub use fold_rows::FoldRows;
pub use given_choices::GivenChoices;
pub use gram::Gram;
pub use matmul::{Bias, Matmul};
pub use min_norm::MinNorm;
pub use philox::{philox_key, philox4x32_10};
pub use random::{Distribution, Random};
pub use reduce::{Reduce, ReduceKind};
pub use sample::{Sample, SampleKind};
pub use sample_gradient::SampleGradient;
pub use schedule::{Schedule, ScheduleKind};
pub use sgd::Sgd;
pub use sum_of_squares::SumOfSquares;
pub use tick::Tick;
pub use unary::{Function, Unary};
pub use unary_gradient::UnaryGradient;
