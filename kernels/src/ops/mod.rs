//! One file an operation: typed parameters, its CPU kernel, its cost. The WGSL stands under the same name in
//! `parnas-shaders`.

mod adam;
mod attention;
mod batch_norm;
mod batch_normalise;
mod batch_normalise_gradient;
mod batch_normalise_sums;
mod batch_statistics;
mod binary;
mod channel_mask;
mod check;
mod clip_factor;
mod conv2d;
mod correct;
mod coverage;
mod cross_entropy;
mod cross_entropy_gradient;
mod dot;
mod draws;
mod elastic_linear;
mod fill;
mod fold_rows;
mod functions;
mod gate;
mod gather;
mod gather_gradient;
mod given_choices;
mod gram;
mod kernel_transform;
mod matmul;
mod min_norm;
mod mixed_combine;
mod mixed_edge;
mod mixed_input_gradient;
mod mixed_normalise_gradient;
mod mixed_pool;
mod mixed_statistics;
mod mixed_sums;
mod mixed_weight_gradient;
mod peak_copy;
mod peak_multiply_add;
mod philox;
mod pool2d;
mod product;
mod random;
mod reduce;
mod require;
mod rows;
mod running_statistics;
mod sample;
mod sample_gradient;
mod schedule;
mod sgd;
mod softmax;
mod softmax_gradient;
mod strided_copy;
mod sum_of_squares;
mod tick;
mod unary;
mod unary_gradient;

pub use adam::Adam;
pub use attention::{
    Attention, AttentionForward, AttentionKeyValueGradient, AttentionMix, AttentionQueryGradient, AttentionRows,
    AttentionWeightGradient, HeadGate,
};
pub use batch_norm::Affine;
pub use batch_normalise::BatchNormalise;
pub use batch_normalise_gradient::BatchNormaliseGradient;
pub use batch_normalise_sums::BatchNormaliseSums;
pub use batch_statistics::BatchStatistics;
pub use binary::{Binary, BinaryOperation};
pub use channel_mask::{ChannelMask, ChannelMaskGradient};
pub use clip_factor::ClipFactor;
pub use conv2d::{Conv2d, Conv2dForward, Conv2dInputGradient, Conv2dWeightGradient, Elastic};
pub use correct::Correct;
pub use coverage::{Coverage, CoverageGradient};
pub use cross_entropy::CrossEntropy;
pub use cross_entropy_gradient::CrossEntropyGradient;
pub use dot::Dot;
pub use elastic_linear::{
    Activation, ElasticLinear, ElasticLinearForward, ElasticLinearInputGradient, ElasticLinearWeightGradient,
    ElasticOutput,
};
pub use fill::Fill;
pub use fold_rows::FoldRows;
pub use gate::Gate;
pub use gather::Gather;
pub use gather_gradient::GatherGradient;
pub use given_choices::GivenChoices;
pub use gram::Gram;
pub use kernel_transform::{
    KernelTransform, KernelTransformChoiceGradient, KernelTransformMatrixGradient, KernelTransformWeightGradient,
};
pub use matmul::{Bias, Matmul};
pub use min_norm::MinNorm;
pub use mixed_combine::MixedCombine;
pub use mixed_edge::MixedEdge;
pub use mixed_input_gradient::MixedInputGradient;
pub use mixed_normalise_gradient::MixedNormaliseGradient;
pub use mixed_statistics::MixedStatistics;
pub use mixed_sums::MixedSums;
pub use mixed_weight_gradient::{MixedWeightGradient, Unselected};
pub use peak_copy::PeakCopy;
pub use peak_multiply_add::PeakMultiplyAdd;
pub use philox::{philox_key, philox4x32_10};
pub use pool2d::{Pool2d, Pool2dForward, Pool2dGradient, PoolKind};
pub use random::{Distribution, Random};
pub use reduce::{Reduce, ReduceKind};
pub use running_statistics::RunningStatistics;
pub use sample::{Sample, SampleKind};
pub use sample_gradient::SampleGradient;
pub use schedule::{Schedule, ScheduleKind};
pub use sgd::Sgd;
pub use softmax::Softmax;
pub use softmax_gradient::SoftmaxGradient;
pub use strided_copy::StridedCopy;
pub use sum_of_squares::SumOfSquares;
pub use tick::Tick;
pub use unary::{Function, Unary};
pub use unary_gradient::UnaryGradient;
