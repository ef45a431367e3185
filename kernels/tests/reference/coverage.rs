//! Coverage of channels by widths, and the gradient of the weights.

use parnas_kernels::ops::Coverage;

use crate::support::Exact;

/// The mask `[A, W]` and the extents.
pub fn coverage(c: &Coverage, weights: &[f64], gate: &[f32]) -> (Vec<Exact>, Vec<u32>) {
    let (width, choices) = (c.width() as usize, c.widths.len());
    let mut mask = vec![Exact::default(); c.architectures as usize * width];
    let mut extents = Vec::new();
    for a in 0..c.architectures as usize {
        let mut extent = 0;
        for (k, reach) in c.widths.iter().enumerate() {
            let weight = weights[a * choices + k];
            for channel in 0..*reach as usize {
                mask[a * width + channel].add(weight);
            }
            if weight != 0.0 {
                extent = extent.max(*reach);
            }
        }
        if c.gate.is_some_and(|g| gate[a * g.width as usize + g.choice as usize] == 0.0) {
            extent = 0;
        }
        extents.push(if c.evaluate_all { c.width() } else { extent });
    }
    (mask, extents)
}

pub fn coverage_gradient(c: &Coverage, dmask: &[f64], weights: &[f64]) -> Vec<Exact> {
    let (width, choices) = (c.width() as usize, c.widths.len());
    let mut dweights = vec![Exact::default(); weights.len()];
    for (entry, sum) in dweights.iter_mut().enumerate() {
        if c.evaluate_all || weights[entry] != 0.0 {
            let first = entry / choices * width;
            (0..c.widths[entry % choices] as usize).for_each(|channel| sum.add(dmask[first + channel]));
        }
    }
    dweights
}
