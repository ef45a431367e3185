//! Channels scaled by a mask, and the gradient of the mask.

use parnas_kernels::ops::{ChannelMask, ChannelMaskGradient};

use crate::support::Exact;

pub fn channel_mask(m: &ChannelMask, x: &[f64], mask: &[f64]) -> Vec<Exact> {
    let [outer, channels, inner] = [m.outer, m.channels, m.inner].map(|extent| extent as usize);
    let entry = |at: usize| at / (outer * channels * inner) * channels + at / inner % channels;
    x.iter()
        .enumerate()
        .map(|(at, x)| Exact::of(if mask[entry(at)] == 0.0 { 0.0 } else { mask[entry(at)] * x }))
        .collect()
}

pub fn channel_mask_gradient(
    g: &ChannelMaskGradient,
    dy: &[f64],
    x: &[f64],
    known: &[f64],
    mask: &[f64],
) -> Vec<Exact> {
    let [outer, channels, inner] = [g.mask.outer, g.mask.channels, g.mask.inner].map(|extent| extent as usize);
    let mut dmask = vec![Exact::default(); g.mask.architectures as usize * channels];
    dmask.iter_mut().zip(known).for_each(|(dmask, known)| dmask.add(*known));
    for (at, dy) in dy.iter().enumerate() {
        let entry = at / (outer * channels * inner) * channels + at / inner % channels;
        let product = dy * x[if g.shared { at % (outer * channels * inner) } else { at }];
        match mask.get(entry) {
            None => dmask[entry].add(product),
            Some(0.0) => {}
            Some(mask) => dmask[entry].add(product / mask),
        }
    }
    dmask
}
