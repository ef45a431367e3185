//! Architecture weights from logits, and the gradient of the logits.

use parnas_kernels::ops::{Sample, SampleGradient, SampleKind, philox_key, philox4x32_10};

/// One group's sample. `margin` is how far the deciding comparison was from deciding otherwise.
pub struct Group {
    pub weights: Vec<f64>,
    pub probabilities: Vec<f64>,
    pub margin: f64,
}

pub fn softmax(z: &[f64]) -> Vec<f64> {
    let largest = z.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    z.iter().map(|z| (z - largest).exp() / sum).collect()
}

/// The sample of `group` of architecture `a` (counted from 0 over all of the step) from that group's logits.
pub fn sample(kernel: &Sample, step: u32, a: u32, group: u32, logits: &[f32]) -> Group {
    let uniform = |k: usize| {
        let counter = [a * kernel.groups + group, step, kernel.site, k as u32 / 4];
        f64::from((philox4x32_10(counter, philox_key(kernel.seed))[k % 4] >> 8) | 1) / f64::from(1 << 24)
    };
    let theta: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
    let temperature = f64::from(kernel.temperature);
    let noisy = || {
        let z: Vec<f64> = theta.iter().enumerate().map(|(k, l)| (l - (-uniform(k).ln()).ln()) / temperature).collect();
        let mut sorted = z.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        (softmax(&z), sorted.get(1).map_or(f64::MAX, |second| sorted[0] - second))
    };
    let one_hot = |choice: usize| (0..theta.len()).map(|k| if k == choice { 1.0 } else { 0.0 }).collect();
    let first_largest = |p: &[f64]| (0..p.len()).rev().max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap();
    // The place of u in the distribution, and its distance to the nearest border.
    let inverse = |p: &[f64]| {
        let mut sum = 0.0;
        let borders: Vec<f64> = p
            .iter()
            .map(|p| {
                sum += p;
                sum
            })
            .collect();
        let margin = borders.iter().take(p.len() - 1).map(|b| (b - uniform(0)).abs()).fold(1.0, f64::min);
        (borders.iter().position(|b| uniform(0) < *b).unwrap_or(p.len() - 1), margin)
    };
    let (weights, probabilities, margin) = match kernel.kind {
        SampleKind::ReinMax => {
            let p = softmax(&theta);
            let (choice, margin) = inverse(&p);
            (one_hot(choice), p, margin)
        }
        SampleKind::Gdas => {
            let (p, margin) = noisy();
            (one_hot(first_largest(&p)), p, margin)
        }
        SampleKind::Gumbel => (noisy().0, noisy().0, f64::MAX),
        SampleKind::Softmax => {
            let p = softmax(&theta.iter().map(|l| l / temperature).collect::<Vec<_>>());
            (p.clone(), p, f64::MAX)
        }
        SampleKind::Argmax => (one_hot(first_largest(&theta)), softmax(&theta), f64::MAX),
        SampleKind::Uniform => {
            let p = vec![1.0 / theta.len() as f64; theta.len()];
            let (choice, margin) = inverse(&p);
            (one_hot(choice), p, margin)
        }
    };
    Group { weights, probabilities, margin }
}

/// The gradient of one group's logits from the logits themselves (ReinMax) or the probabilities.
pub fn sample_gradient(kernel: &SampleGradient, logits: &[f64], g: &[f64], weights: &[f64], p: &[f64]) -> Vec<f64> {
    let temperature = f64::from(kernel.temperature);
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    if kernel.kind != SampleKind::ReinMax {
        let along = dot(g, p);
        return p.iter().zip(g).map(|(p, g)| p * (g - along) / temperature).collect();
    }
    let tempered = softmax(&logits.iter().map(|l| l / temperature).collect::<Vec<_>>());
    let q: Vec<f64> = tempered.iter().zip(weights).map(|(s, d)| 0.5 * (s + d)).collect();
    let sum: Vec<f64> = (0..g.len())
        .map(|k| 2.0 * (g[k] * q[k] - q[k] * dot(g, &q)) - 0.5 * (g[k] * p[k] - p[k] * dot(g, p)))
        .collect();
    let mean = sum.iter().sum::<f64>() / g.len() as f64;
    sum.iter().map(|value| value - mean).collect()
}
