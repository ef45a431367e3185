//! The operations of the graph: one file each, with its shape rule and its backward rule. The kernels stand under the
//! same names in `parnas-kernels`.

mod attention;
mod batch_norm;
mod conv2d;
mod coverage;
mod elastic_linear;
mod elementwise;
mod gather;
mod keep;
mod kernel_transform;
mod layer_norm;
mod linear_cross_entropy;
mod loss_scale;
mod matmul;
mod min_norm;
mod mixed_edge;
mod optimise;
mod pool2d;
mod random;
mod reduce;
mod rotary;
mod sample;
mod scale_channels;
mod shape;
mod softmax;

pub use attention::AttentionOptions;
pub use batch_norm::{BatchNorm, Statistics};
pub use conv2d::Convolution;
pub use coverage::{CoverageOptions, ElasticWidth};
pub use elastic_linear::ElasticLinearOptions;
pub use kernel_transform::ElasticKernel;
pub use layer_norm::{LayerNorm, WidthChoice};
pub use linear_cross_entropy::LinearCrossEntropy;
pub use loss_scale::{LossScaler, ScaledStep};
pub use matmul::MatmulOptions;
pub use min_norm::Combination;
pub use mixed_edge::MixedOptions;
pub use optimise::{AdamOptions, AdamState, SgdOptions, SgdState};
pub use rotary::Rotary;
pub use sample::SampleOptions;

use super::{Graph, GraphError, Tensor};

impl Graph {
    /// A shape error of `operation` about `tensors`.
    pub(crate) fn shape_error(
        &self,
        operation: &'static str,
        message: impl Into<String>,
        tensors: &[Tensor],
    ) -> GraphError {
        GraphError::Shape {
            operation,
            message: message.into(),
            shapes: tensors.iter().map(|tensor| self.shape(*tensor).to_vec()).collect(),
        }
    }
}
