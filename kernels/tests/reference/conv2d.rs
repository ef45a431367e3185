//! Convolution for several architectures, and its adjoint: plain loops over every product.

use parnas_kernels::ops::Conv2d;

use crate::support::Exact;

/// Calls `visit(x, w, y)` with the places of the factors and of the sum of every product.
pub fn products(c: &Conv2d, mut visit: impl FnMut(usize, usize, usize)) {
    let [a, n, ci, co, h, w, k, g] =
        [c.architectures, c.batch, c.in_channels, c.out_channels, c.height, c.width, c.kernel, c.groups]
            .map(|extent| extent as usize);
    let (ho, wo) = (c.output_height() as usize, c.output_width() as usize);
    let (cig, cog) = (ci / g, co / g);
    let stored = k.max(c.centre_of as usize);
    let centre = (stored - k) / 2;
    for image in 0..a * n {
        let base = if c.shared_weight { 0 } else { image / n * co * cig * stored * stored };
        for o in 0..co {
            for (i, ky, kx) in (0..cig).flat_map(|i| (0..k).flat_map(move |ky| (0..k).map(move |kx| (i, ky, kx)))) {
                let weight = base + ((o * cig + i) * stored + ky + centre) * stored + kx + centre;
                let plane = image * ci + o / cog * cig + i;
                for (py, px) in (0..ho).flat_map(|y| (0..wo).map(move |x| (y, x))) {
                    let y = (py * c.stride as usize + ky * c.dilation as usize).checked_sub(c.padding as usize);
                    let x = (px * c.stride as usize + kx * c.dilation as usize).checked_sub(c.padding as usize);
                    if let (Some(y), Some(x)) = (y.filter(|y| *y < h), x.filter(|x| *x < w)) {
                        visit((plane * h + y) * w + x, weight, ((image * co + o) * ho + py) * wo + px);
                    }
                }
            }
        }
    }
}

fn activated(c: &Conv2d, x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| if c.relu_input { x.max(0.0) } else { *x }).collect()
}

pub fn forward(c: &Conv2d, x: &[f64], w: &[f64], outputs: usize) -> Vec<Exact> {
    let x = activated(c, x);
    let mut y = vec![Exact::default(); outputs];
    products(c, |xi, wi, yi| y[yi].add(x[xi] * w[wi]));
    y
}

pub fn input_gradient(c: &Conv2d, x: &[f64], w: &[f64], dy: &[f64]) -> Vec<Exact> {
    let mut dx = vec![Exact::default(); x.len()];
    products(c, |xi, wi, yi| dx[xi].add(dy[yi] * w[wi]));
    if c.relu_input {
        dx.iter_mut().zip(x).filter(|(_, x)| **x <= 0.0).for_each(|(dx, _)| dx.value = 0.0);
    }
    dx
}

/// `[A, weights]`, also where the weights are shared.
pub fn weight_gradient(c: &Conv2d, x: &[f64], dy: &[f64], weights: usize) -> Vec<Exact> {
    let x = activated(c, x);
    let apart = Conv2d { shared_weight: false, ..*c };
    let mut dw = vec![Exact::default(); c.architectures as usize * weights];
    products(&apart, |xi, wi, yi| dw[wi].add(dy[yi] * x[xi]));
    dw
}
