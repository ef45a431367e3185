//! A linear layer of shared weights with elastic inputs and outputs: forward and its adjoint.

use parnas_kernels::ops::{Activation, ElasticLinear};

use crate::support::Exact;

/// What a layer reads beside its input; extents are all of the channels where the layer has none, the mask 1.
pub struct Layer {
    pub w: Vec<f64>,
    pub bias: Vec<f64>,
    pub input_extents: Vec<u32>,
    pub output_extents: Vec<u32>,
    pub mask: Vec<f64>,
}

/// Calls `visit(x, w, y, o)` with the places of the factors, of the sum and of the mask's entry of every product that is taken.
fn products(l: &ElasticLinear, layer: &Layer, mut visit: impl FnMut(usize, usize, usize, usize)) {
    let [a, rows, inputs, outputs] = [l.architectures, l.rows, l.inputs, l.outputs].map(|extent| extent as usize);
    for row in 0..a * rows {
        for o in 0..layer.output_extents[row / rows] as usize {
            for i in 0..layer.input_extents[row / rows] as usize {
                visit(row * inputs + i, o * inputs + i, row * outputs + o, row / rows * outputs + o);
            }
        }
    }
}

pub fn forward(l: &ElasticLinear, layer: &Layer, x: &[f64]) -> Vec<Exact> {
    let [rows, outputs] = [l.rows, l.outputs].map(|extent| extent as usize);
    let mut y = vec![Exact::default(); l.architectures as usize * rows * outputs];
    products(l, layer, |xi, wi, yi, mi| y[yi].add(layer.mask[mi] * x[xi] * layer.w[wi]));
    for (at, y) in y.iter_mut().enumerate() {
        let (a, o) = (at / (rows * outputs), at % outputs);
        if l.bias && o < layer.output_extents[a] as usize {
            y.add(layer.mask[a * outputs + o] * layer.bias[o]);
        }
        if l.activation == Activation::Relu {
            y.value = y.value.max(0.0);
        }
    }
    y
}

pub fn input_gradient(l: &ElasticLinear, layer: &Layer, dy: &[f64]) -> Vec<Exact> {
    let mut dx = vec![Exact::default(); (l.architectures * l.rows * l.inputs) as usize];
    products(l, layer, |xi, wi, yi, mi| dx[xi].add(layer.mask[mi] * dy[yi] * layer.w[wi]));
    dx
}

/// `[A, O, I]`.
pub fn weight_gradient(l: &ElasticLinear, layer: &Layer, x: &[f64], dy: &[f64]) -> Vec<Exact> {
    let weights = (l.outputs * l.inputs) as usize;
    let mut dw = vec![Exact::default(); l.architectures as usize * weights];
    products(l, layer, |xi, wi, yi, mi| {
        dw[mi / l.outputs as usize * weights + wi].add(layer.mask[mi] * dy[yi] * x[xi]);
    });
    dw
}
