//! Random numbers as functions of (seed, site, step, index).

use parnas_kernels::ops::{Distribution, Random, philox_key, philox4x32_10};

fn uniform(bits: u32) -> f64 {
    f64::from((bits >> 8) | 1) / f64::from(1 << 24)
}

fn normals(radius: u32, angle: u32) -> [f64; 2] {
    let r = (-2.0 * uniform(radius).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * uniform(angle)).sin_cos();
    [r * cosine, r * sine]
}

fn gamma(concentration: f64, bits: impl Fn(u32) -> [u32; 4]) -> f64 {
    let boost = concentration < 1.0;
    let d = if boost { concentration + 1.0 } else { concentration } - 1.0 / 3.0;
    let factor = if boost { uniform(bits(0)[3]).powf(1.0 / concentration) } else { 1.0 };
    for attempt in 0..16 {
        let bits = bits(attempt);
        let x = normals(bits[0], bits[1])[0];
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        if v > 0.0 && uniform(bits[2]).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return factor * d * v;
        }
    }
    factor * d
}

pub fn random(kernel: &Random, step: u32) -> Vec<f64> {
    let bits =
        |index: usize, block: u32| philox4x32_10([index as u32, step, kernel.site, block], philox_key(kernel.seed));
    let four = |i: usize| bits(i / 4, 0)[i % 4];
    let mut y: Vec<f64> = match kernel.distribution {
        Distribution::Uniform => (0..kernel.len).map(|i| uniform(four(i))).collect(),
        Distribution::Exponential => (0..kernel.len).map(|i| -uniform(four(i)).ln()).collect(),
        Distribution::Gumbel => (0..kernel.len).map(|i| -(-uniform(four(i)).ln()).ln()).collect(),
        Distribution::Normal => (0..kernel.len).map(|i| normals(four(i / 2 * 2), four(i / 2 * 2 + 1))[i % 2]).collect(),
        Distribution::Dirichlet { concentration: 1.0, .. } => {
            (0..kernel.len).map(|i| -uniform(bits(i, 0)[0]).ln()).collect()
        }
        Distribution::Dirichlet { concentration, .. } => {
            (0..kernel.len).map(|i| gamma(f64::from(concentration), |block| bits(i, block))).collect()
        }
    };
    if let Distribution::Dirichlet { width, .. } = kernel.distribution {
        for row in y.chunks_mut(width as usize) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|y| *y /= sum);
        }
    }
    y
}
