//! Layer norm and RMS norm along the last axis, of fixed and of elastic width.

use parnas_kernels::ops::{
    ElasticWidth, LayerNorm as Normalisation, LayerNormForward, LayerNormGradient, LayerNormSums, RowAffine, Unselected,
};

use crate::graph::{Graph, Result, Tensor};

/// A choice between widths of a normalisation; width `w` covers the channels `c < w`.
#[derive(Debug, Clone, Copy)]
pub struct WidthChoice<'a> {
    /// The weights `[A, K]`.
    pub weights: Tensor,
    /// The K widths, ascending.
    pub widths: &'a [usize],
    /// The gradient of weights that are 0: [`Unselected::Exact`] evaluates all widths; otherwise it is 0.
    pub unselected: Unselected,
}

/// What a normalisation along the last axis is beside its input.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// Added to the variance, or to the mean square.
    pub epsilon: f32,
    /// Whether the mean is subtracted: layer norm, else RMS norm.
    pub centred: bool,
    /// The factors, `[width]` shared by [`Graph::share`], or `[A, width]`.
    pub scale: Option<Tensor>,
    /// The summands, likewise; only beside a scale that is held alike.
    pub shift: Option<Tensor>,
    /// The widths to choose from, or the whole row.
    pub elastic: Option<WidthChoice<'a>>,
}

impl Graph {
    /// Normalises each row of `x` `[A, rows, width]`: `(x - mean) / sqrt(variance + epsilon) * scale + shift`. See
    /// [`parnas_kernels::ops::LayerNorm`] for elastic widths. The gradients of scale and shift are kept apart for each architecture.
    ///
    /// # Errors
    /// Where the shapes or the widths do not fit.
    pub fn layer_norm(&mut self, x: Tensor, options: LayerNorm<'_>) -> Result<Tensor> {
        let &[a, rows, width] = self.shape(x) else {
            return Err(self.shape_error("layer_norm", "x is [A, rows, width]", &[x]));
        };
        let affine_tensors: Vec<Tensor> = options.scale.into_iter().chain(options.shift).collect();
        let affine = match (options.scale, options.shift) {
            (None, None) => RowAffine::None,
            (Some(_), None) => RowAffine::Scale,
            (Some(scale), Some(shift)) if self.is_shared(scale) == self.is_shared(shift) => RowAffine::ScaleAndShift,
            _ => {
                let message = "a shift stands beside a scale that is held alike";
                return Err(self.shape_error("layer_norm", message, &affine_tensors));
            }
        };
        if affine_tensors.iter().any(|tensor| self.shape(*tensor) != [a, width]) {
            let tensors: Vec<Tensor> = [x].into_iter().chain(affine_tensors).collect();
            return Err(self.shape_error("layer_norm", format!("scale and shift are [{a}, {width}]"), &tensors));
        }
        let elastic = match options.elastic {
            None => None,
            Some(choice) if self.shape(choice.weights) == [a, choice.widths.len()] => Some(ElasticWidth {
                widths: choice.widths.iter().map(|width| *width as u32).collect(),
                evaluate_all: choice.unselected == Unselected::Exact,
            }),
            Some(choice) => {
                let message = format!("the weights of its widths are [{a}, {}]", choice.widths.len());
                return Err(self.shape_error("layer_norm", message, &[x, choice.weights]));
            }
        };
        let norm = Normalisation {
            architectures: a as u32,
            rows: rows as u32,
            width: width as u32,
            epsilon: options.epsilon,
            centred: options.centred,
            affine,
            shared_affine: options.scale.is_some_and(|scale| self.is_shared(scale)),
            elastic,
        };
        norm.validate()?;
        let weights = options.elastic.map(|choice| choice.weights);
        let choices = options.elastic.map_or(1, |choice| choice.widths.len());
        let inputs: Vec<Tensor> = [x].into_iter().chain(weights).chain(affine_tensors.iter().copied()).collect();
        let shapes = vec![vec![a, rows, width], vec![a, rows, choices, 2]];
        let outputs = self.kernel_outputs(LayerNormForward(norm.clone()), &inputs, shapes);
        let (y, statistics) = (outputs[0], outputs[1]);
        let (scale, shift) = (options.scale, options.shift);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            let of_weights = weights.is_some() && upstream.wanted[1];
            if upstream.wanted[0] || of_weights {
                let mut inputs = vec![g, x, statistics];
                inputs.extend(weights.into_iter().chain(scale).chain(shift.filter(|_| of_weights)));
                let mut shapes = vec![vec![a, rows, width]];
                shapes.extend(of_weights.then(|| vec![a, rows, choices]));
                let kernel = LayerNormGradient { norm: norm.clone(), of_weights };
                let outputs = graph.kernel_outputs(kernel, &inputs, shapes);
                gradients[0] = Some(outputs[0]);
                if of_weights {
                    gradients[1] = Some(graph.sum(outputs[1], 1)?);
                }
            }
            let affine = 1 + usize::from(weights.is_some())..upstream.wanted.len();
            if upstream.wanted[affine.clone()].contains(&true) {
                let kernel = LayerNormSums(norm.clone());
                let blocks = vec![a, kernel.blocks() as usize, width];
                let mut inputs = vec![g, x, statistics];
                inputs.extend(weights);
                let sums = graph.kernel_outputs(kernel, &inputs, vec![blocks; affine.len()]);
                for (place, sum) in affine.zip(sums) {
                    gradients[place] = Some(graph.sum(sum, 1)?);
                }
            }
            Ok(gradients)
        });
        Ok(y)
    }
}
