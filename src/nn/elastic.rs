//! Layers of weight entanglement: one largest weight each, of which architectures take the first channels, or smaller kernels.

use parnas_kernels::ops::{Activation, Unselected};

use super::residual::AffineParameters;
use super::{Normalisation, Shared, WeightSharing, convolution_weight};
use crate::graph::{
    Convolution, ElasticLinearOptions, ElasticWidth, Graph, Initial, Persistent, Result, Store, Tensor,
};

/// A linear layer between elastic widths: `[A, N, I] -> [A, N, O]`. `W` is `[O, I]`.
///
/// `LinearSuper` of mit-han-lab/hardware-aware-transformers, `DynamicLinear` of mit-han-lab/once-for-all: an architecture uses the
/// first rows and columns of `W`.
#[derive(Debug, Clone)]
pub struct ElasticLinear {
    weight: Persistent,
    bias: Persistent,
}

impl ElasticLinear {
    /// A layer of PyTorch's default initialisation at its largest: uniform within `1 / sqrt(inputs)`.
    pub fn new(store: &mut Store, name: &str, inputs: usize, outputs: usize) -> Self {
        let bound = Initial::Uniform(1.0 / (inputs as f32).sqrt());
        Self {
            weight: store.parameter(format!("{name}.weight"), &[outputs, inputs], bound.clone()),
            bias: store.parameter(format!("{name}.bias"), &[outputs], bound),
        }
    }

    /// Applies it to `x` `[A, N, I]`, of which each architecture reads the channels below the extents of `input`, and computes those
    /// below the extents of `output`, scaled by its mask.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        input: Option<ElasticWidth>,
        output: Option<ElasticWidth>,
        activation: Activation,
    ) -> Result<Tensor> {
        let options = ElasticLinearOptions {
            bias: Some(shared.get(&self.bias)),
            input_extents: input.map(|input| input.extents),
            output,
            activation,
        };
        graph.elastic_linear(x, shared.get(&self.weight), options)
    }
}

impl WeightSharing for ElasticLinear {
    fn parameters(&self) -> Vec<Persistent> {
        vec![self.weight.clone(), self.bias.clone()]
    }
}

/// Normalisation and mask of what a convolution made. The mask follows the normalisation, which would take it out again.
fn normalise(
    graph: &mut Graph,
    affine: Option<(Tensor, Tensor)>,
    x: Tensor,
    width: Option<ElasticWidth>,
    norm: &mut Normalisation<'_>,
    relu: bool,
) -> Result<Tensor> {
    let y = norm.apply(graph, x, affine, relu)?;
    match width {
        Some(width) => graph.mask_channels(y, width.mask, 2),
        None => Ok(y),
    }
}

/// A convolution between elastic widths, its normalisation and perhaps ReLU: `[A, N, Ci, H, W] -> [A, N, Co, Ho, Wo]`.
///
/// `DynamicConv2d` and `DynamicBatchNorm2d` of mit-han-lab/once-for-all: an architecture uses the first channels of the largest
/// weight and of the normalisation.
#[derive(Debug, Clone)]
pub struct ElasticConvolution {
    weight: Persistent,
    normalisation: AffineParameters,
    kernel: u32,
}

impl ElasticConvolution {
    /// A layer of fresh parameters, padded so that stride 1 keeps the resolution. `kernel` is odd.
    pub fn new(store: &mut Store, name: &str, in_channels: usize, out_channels: usize, kernel: u32) -> Self {
        let weight = convolution_weight(store, &format!("{name}.weight"), out_channels, in_channels, kernel as usize);
        let normalisation = AffineParameters::new(store, &format!("{name}.normalisation"), out_channels);
        Self { weight, normalisation, kernel }
    }

    /// Applies it to `x`, of which each architecture reads the channels of `input`, and computes those of `output`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        [input, output]: [Option<ElasticWidth>; 2],
        stride: u32,
        norm: &mut Normalisation<'_>,
        relu: bool,
    ) -> Result<Tensor> {
        let options = Convolution {
            stride,
            padding: self.kernel / 2,
            input_extents: input.map(|input| input.extents),
            output_extents: output.map(|output| output.extents),
            ..Convolution::default()
        };
        let z = graph.conv2d(x, shared.get(&self.weight), options)?;
        normalise(graph, self.normalisation.tensors(shared), z, output, norm, relu)
    }
}

impl WeightSharing for ElasticConvolution {
    fn parameters(&self) -> Vec<Persistent> {
        std::iter::once(self.weight.clone()).chain(self.normalisation.parameters()).collect()
    }
}

/// A depthwise convolution of kernel 3, 5 or 7 over an elastic width, its normalisation and perhaps ReLU: `[A, N, C, H, W] -> [A, N,
/// C, Ho, Wo]`.
///
/// `DynamicSeparableConv2d` of mit-han-lab/once-for-all: the smaller kernels are made of the largest by learned transforms, which
/// begin as the identity ([`Graph::kernel_transform`]).
#[derive(Debug, Clone)]
pub struct ElasticDepthwise {
    weight: Persistent,
    transforms: [Persistent; 2],
    normalisation: AffineParameters,
    channels: usize,
}

impl ElasticDepthwise {
    /// A layer of fresh parameters.
    pub fn new(store: &mut Store, name: &str, channels: usize) -> Self {
        let identity = |extent: usize| {
            Initial::Data((0..extent * extent).map(|at| if at % (extent + 1) == 0 { 1.0 } else { 0.0 }).collect())
        };
        Self {
            weight: convolution_weight(store, &format!("{name}.weight"), channels, 1, 7),
            transforms: [
                store.parameter(format!("{name}.transform_7_to_5"), &[25, 25], identity(25)),
                store.parameter(format!("{name}.transform_5_to_3"), &[9, 9], identity(9)),
            ],
            normalisation: AffineParameters::new(store, &format!("{name}.normalisation"), channels),
            channels,
        }
    }

    /// Applies it to `x`, with the channels of `width` and the kernels that `sizes` `[A, 3]` choose of 3, 5, 7.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        width: Option<ElasticWidth>,
        (sizes, unselected): (Tensor, Unselected),
        stride: u32,
        norm: &mut Normalisation<'_>,
        relu: bool,
    ) -> Result<Tensor> {
        let transforms = [shared.get(&self.transforms[0]), shared.get(&self.transforms[1])];
        let kernel = graph.kernel_transform(sizes, shared.get(&self.weight), transforms, unselected)?;
        let options = Convolution {
            stride,
            padding: 3,
            groups: self.channels as u32,
            output_extents: width.map(|width| width.extents),
            reach: Some(kernel.reach),
            ..Convolution::default()
        };
        let z = graph.conv2d(x, kernel.weight, options)?;
        normalise(graph, self.normalisation.tensors(shared), z, width, norm, relu)
    }
}

impl WeightSharing for ElasticDepthwise {
    fn parameters(&self) -> Vec<Persistent> {
        let first = std::iter::once(self.weight.clone()).chain(self.transforms.iter().cloned());
        first.chain(self.normalisation.parameters()).collect()
    }
}
