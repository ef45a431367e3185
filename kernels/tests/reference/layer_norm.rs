//! Layer norm and RMS norm of rows, of fixed and of elastic width, and their gradients.

use parnas_kernels::ops::LayerNorm;

use crate::support::Exact;

/// The tensors of a normalisation; weights `[A, K]` (1 where the width is fixed), scale and shift `[A, width]`.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub g: Vec<f64>,
    pub x: Vec<f64>,
    pub weights: Vec<f64>,
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
}

/// The gradients; scale's and shift's `[A, width]`, the weights' of each row `[A, rows, K]`.
#[derive(Debug, Clone)]
pub struct Gradients {
    pub dx: Vec<Exact>,
    pub drows: Vec<Exact>,
    pub dscale: Vec<Exact>,
    pub dshift: Vec<Exact>,
}

pub fn widths(norm: &LayerNorm) -> Vec<usize> {
    let widths = norm.elastic.as_ref().map_or(vec![norm.width], |elastic| elastic.widths.clone());
    widths.into_iter().map(|width| width as usize).collect()
}

/// Mean (or 0) and 1 / sqrt(variance + epsilon) (or of the mean square) of the first `width` channels.
fn moments(norm: &LayerNorm, x: &[f64], width: usize) -> [f64; 2] {
    let n = width as f64;
    let mean = if norm.centred { x[..width].iter().sum::<f64>() / n } else { 0.0 };
    let variance = x[..width].iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    [mean, 1.0 / (variance + f64::from(norm.epsilon)).sqrt()]
}

/// Calls `visit(row, architecture, choice, width)` for every width that a row evaluates.
fn each(norm: &LayerNorm, inputs: &Inputs, mut visit: impl FnMut(usize, usize, usize, usize)) {
    let widths = widths(norm);
    let all = norm.elastic.as_ref().is_some_and(|elastic| elastic.evaluate_all);
    for row in 0..(norm.architectures * norm.rows) as usize {
        let a = row / norm.rows as usize;
        for (choice, width) in widths.iter().enumerate() {
            if all || inputs.weights[a * widths.len() + choice] != 0.0 {
                visit(row, a, choice, *width);
            }
        }
    }
}

/// The result, and the statistics `[A, rows, K, 2]`.
pub fn forward(norm: &LayerNorm, inputs: &Inputs) -> (Vec<Exact>, Vec<Exact>) {
    let (all, channels) = (widths(norm).len(), norm.width as usize);
    let mut y = vec![Exact::default(); inputs.x.len()];
    let mut statistics = vec![Exact::default(); inputs.x.len() / channels * all * 2];
    each(norm, inputs, |row, a, choice, width| {
        let x = &inputs.x[row * channels..][..channels];
        let [mean, inverse] = moments(norm, x, width);
        statistics[2 * (row * all + choice)] = Exact::of(mean);
        statistics[2 * (row * all + choice) + 1] = Exact::of(inverse);
        let weight = inputs.weights[a * all + choice];
        for c in 0..width {
            let at = a * channels + c;
            y[row * channels + c].add(weight * inputs.scale[at] * (x[c] - mean) * inverse);
            y[row * channels + c].add(weight * inputs.shift[at]);
        }
    });
    (y, statistics)
}

pub fn gradients(norm: &LayerNorm, inputs: &Inputs) -> Gradients {
    let (all, channels) = (widths(norm).len(), norm.width as usize);
    let mut of = Gradients {
        dx: vec![Exact::default(); inputs.x.len()],
        drows: vec![Exact::default(); inputs.x.len() / channels * all],
        dscale: vec![Exact::default(); inputs.scale.len()],
        dshift: vec![Exact::default(); inputs.scale.len()],
    };
    each(norm, inputs, |row, a, choice, width| {
        let (x, g) = (&inputs.x[row * channels..][..channels], &inputs.g[row * channels..][..channels]);
        let [mean, inverse] = moments(norm, x, width);
        let weight = inputs.weights[a * all + choice];
        let hat = |c: usize| (x[c] - mean) * inverse;
        let h = |c: usize| g[c] * inputs.scale[a * channels + c];
        let (mut of_h, mut along) = (Exact::default(), Exact::default());
        for c in 0..width {
            of_h.add(if norm.centred { h(c) } else { 0.0 });
            along.add(h(c) * hat(c));
            of.drows[row * all + choice].add(h(c) * hat(c));
            of.drows[row * all + choice].add(g[c] * inputs.shift[a * channels + c]);
            of.dscale[a * channels + c].add(weight * g[c] * hat(c));
            of.dshift[a * channels + c].add(weight * g[c]);
        }
        let (factor, share) = (weight * inverse, 1.0 / width as f64);
        for c in 0..width {
            let dx = &mut of.dx[row * channels + c];
            dx.value += factor * (h(c) - share * of_h.value - hat(c) * share * along.value);
            let parts = h(c).abs() + share * of_h.magnitude + hat(c).abs() * share * along.magnitude;
            dx.magnitude += factor.abs() * parts;
        }
    });
    of
}
