//! The fixed parts of NAS-Bench-201 networks: the stem and the residual block that halves the resolution.

use parnas_kernels::ops::PoolKind;

use super::{Normalisation, Shared, WeightSharing, convolution_weight};
use crate::graph::{Convolution, Graph, Initial, Persistent, Result, Store, Tensor};

/// Scale and shift of a normalisation.
#[derive(Debug, Clone)]
pub(super) struct AffineParameters {
    pub scale: Persistent,
    pub shift: Persistent,
}

impl AffineParameters {
    pub fn new(store: &mut Store, name: &str, channels: usize) -> Self {
        Self {
            scale: store.parameter(format!("{name}.scale"), &[channels], Initial::Value(1.0)),
            shift: store.parameter(format!("{name}.shift"), &[channels], Initial::Value(0.0)),
        }
    }

    pub fn tensors(&self, shared: &Shared) -> Option<(Tensor, Tensor)> {
        Some((shared.get(&self.scale), shared.get(&self.shift)))
    }

    pub fn parameters(&self) -> [Persistent; 2] {
        [self.scale.clone(), self.shift.clone()]
    }
}

/// A 3x3 convolution and its normalisation: `[A, N, image channels, H, W] -> [A, N, C, H, W]`.
#[derive(Debug, Clone)]
pub struct Stem {
    convolution: Persistent,
    normalisation: AffineParameters,
}

impl Stem {
    /// A stem of fresh parameters.
    pub fn new(store: &mut Store, name: &str, image_channels: usize, channels: usize) -> Self {
        Self {
            convolution: convolution_weight(store, &format!("{name}.convolution"), channels, image_channels, 3),
            normalisation: AffineParameters::new(store, &format!("{name}.normalisation"), channels),
        }
    }

    /// Applies it.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, x: Tensor, norm: &mut Normalisation<'_>) -> Result<Tensor> {
        let z = graph.conv2d(x, shared.get(&self.convolution), Convolution { padding: 1, ..Convolution::default() })?;
        norm.apply(graph, z, self.normalisation.tensors(shared), false)
    }
}

impl WeightSharing for Stem {
    fn parameters(&self) -> Vec<Persistent> {
        std::iter::once(self.convolution.clone()).chain(self.normalisation.parameters()).collect()
    }
}

/// The block between stages: two ReLU-convolution-normalisations, the first of stride 2, beside an average pooling and a
/// 1x1 convolution: `[A, N, C, H, W] -> [A, N, 2C, H/2, W/2]`.
#[derive(Debug, Clone)]
pub struct Residual {
    first: Persistent,
    first_normalisation: AffineParameters,
    second: Persistent,
    second_normalisation: AffineParameters,
    shortcut: Persistent,
}

impl Residual {
    /// A block of fresh parameters.
    pub fn new(store: &mut Store, name: &str, in_channels: usize, out_channels: usize) -> Self {
        Self {
            first: convolution_weight(store, &format!("{name}.first"), out_channels, in_channels, 3),
            first_normalisation: AffineParameters::new(store, &format!("{name}.first_normalisation"), out_channels),
            second: convolution_weight(store, &format!("{name}.second"), out_channels, out_channels, 3),
            second_normalisation: AffineParameters::new(store, &format!("{name}.second_normalisation"), out_channels),
            shortcut: convolution_weight(store, &format!("{name}.shortcut"), out_channels, in_channels, 1),
        }
    }

    /// Applies it.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, x: Tensor, norm: &mut Normalisation<'_>) -> Result<Tensor> {
        let relu_convolution = Convolution { padding: 1, relu_input: true, ..Convolution::default() };
        let z = graph.conv2d(x, shared.get(&self.first), Convolution { stride: 2, ..relu_convolution })?;
        let z = norm.apply(graph, z, self.first_normalisation.tensors(shared), false)?;
        let z = graph.conv2d(z, shared.get(&self.second), relu_convolution)?;
        let z = norm.apply(graph, z, self.second_normalisation.tensors(shared), false)?;
        let pooled = graph.pool2d(x, PoolKind::Average { count_include_padding: false }, 2, 2, 0)?;
        let shortcut = graph.conv2d(pooled, shared.get(&self.shortcut), Convolution::default())?;
        graph.add(z, shortcut)
    }
}

impl WeightSharing for Residual {
    fn parameters(&self) -> Vec<Persistent> {
        let mut all = vec![self.first.clone(), self.second.clone(), self.shortcut.clone()];
        all.extend(self.first_normalisation.parameters());
        all.extend(self.second_normalisation.parameters());
        all
    }
}
