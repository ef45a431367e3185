//! Kernels 3, 5 and 7 by learned transforms, and the gradients, as sums over all products of entries.

use parnas_kernels::ops::KernelTransform;

use crate::support::Exact;

/// The place in a kernel of extent `large` of a tap of its centre of extent `small`.
pub fn centre(tap: usize, small: usize, large: usize) -> usize {
    let margin = (large - small) / 2;
    (tap / small + margin) * large + tap % small + margin
}

/// The kernels 3, 5, 7 of a channel, each as 49 taps with zeros around.
fn kernels(w: &[f64], m5: &[f64], m3: &[f64]) -> [Vec<f64>; 3] {
    let five: Vec<f64> = (0..25).map(|j| (0..25).map(|i| m5[j * 25 + i] * w[centre(i, 5, 7)]).sum()).collect();
    let three: Vec<f64> = (0..9).map(|j| (0..9).map(|i| m3[j * 9 + i] * five[centre(i, 3, 5)]).sum()).collect();
    let mut placed = [vec![0.0; 49], vec![0.0; 49], w.to_vec()];
    (0..9).for_each(|tap| placed[0][centre(tap, 3, 7)] = three[tap]);
    (0..25).for_each(|tap| placed[1][centre(tap, 5, 7)] = five[tap]);
    placed
}

/// `[A, C, 49]`.
pub fn kernel_transform(t: &KernelTransform, weights: &[f64], w: &[f64], m5: &[f64], m3: &[f64]) -> Vec<Exact> {
    let (a, c) = (t.architectures as usize, t.channels as usize);
    let mut effective = vec![Exact::default(); a * c * 49];
    for channel in 0..c {
        let kernels = kernels(&w[channel * 49..][..49], m5, m3);
        for (a, size, tap) in (0..a).flat_map(|a| (0..3 * 49).map(move |at| (a, at / 49, at % 49))) {
            let sum = &mut effective[(a * c + channel) * 49 + tap];
            sum.add(weights[a * 3 + size] * kernels[size][tap]);
            // The transforms are sums of up to 25 and 9 products of numbers about 1.
            sum.magnitude += 4.0 * weights[a * 3 + size].abs();
        }
    }
    effective
}

/// The inner product of `g` with each kernel, `[A, 3]`.
pub fn choice_gradient(
    t: &KernelTransform,
    g: &[f64],
    weights: &[f64],
    w: &[f64],
    m5: &[f64],
    m3: &[f64],
) -> Vec<Exact> {
    let (a, c) = (t.architectures as usize, t.channels as usize);
    let mut dweights = vec![Exact::default(); a * 3];
    for (a, channel) in (0..a).flat_map(|a| (0..c).map(move |channel| (a, channel))) {
        for (size, kernel) in kernels(&w[channel * 49..][..49], m5, m3).iter().enumerate() {
            if t.evaluate_all || weights[a * 3 + size] != 0.0 {
                (0..49).for_each(|tap| dweights[a * 3 + size].add(g[(a * c + channel) * 49 + tap] * kernel[tap]));
            }
        }
    }
    dweights
}
