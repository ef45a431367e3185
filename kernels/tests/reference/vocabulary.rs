//! Cross-entropy of `h table^T` with labels, and its gradients.

use parnas_kernels::ops::LinearCrossEntropy;

use super::softmax::{log_softmax, loss};
use crate::support::Exact;

fn label(kernel: &LinearCrossEntropy, labels: &[u32], row: usize) -> u32 {
    let label = labels[row % labels.len()];
    if Some(label) == kernel.ignored { u32::MAX } else { label }
}

/// The logits of row `row` of all, with the start of its architecture's table.
fn logits(kernel: &LinearCrossEntropy, h: &[f64], table: &[f64], row: usize) -> (Vec<f64>, usize) {
    let (width, classes) = (kernel.width as usize, kernel.classes as usize);
    let start = if kernel.shared_table { 0 } else { row / kernel.rows as usize * classes * width };
    let h = &h[row * width..][..width];
    let entries = table[start..][..classes * width].chunks(width);
    (entries.map(|entry| entry.iter().zip(h).map(|(t, h)| t * h).sum()).collect(), start)
}

/// The loss of each row.
pub fn losses(kernel: &LinearCrossEntropy, h: &[f64], table: &[f64], labels: &[u32]) -> Vec<f64> {
    let rows = 0..(kernel.architectures * kernel.rows) as usize;
    rows.map(|row| loss(&logits(kernel, h, table, row).0, label(kernel, labels, row), kernel.smoothing.into()))
        .collect()
}

/// The gradients of `h` and, apart for each architecture, of the table.
pub fn gradients(
    kernel: &LinearCrossEntropy,
    h: &[f64],
    table: &[f64],
    labels: &[u32],
    g: &[f64],
) -> (Vec<Exact>, Vec<Exact>) {
    let (width, classes, smoothing) = (kernel.width as usize, kernel.classes as usize, f64::from(kernel.smoothing));
    let mut dh = vec![Exact::default(); h.len()];
    let mut dtable = vec![Exact::default(); kernel.architectures as usize * classes * width];
    for (row, g) in g.iter().enumerate() {
        let label = label(kernel, labels, row) as usize;
        if label >= classes {
            continue;
        }
        let (x, start) = logits(kernel, h, table, row);
        let own = row / kernel.rows as usize * classes * width;
        for (v, log) in log_softmax(&x).into_iter().enumerate() {
            let wanted = smoothing / classes as f64 + if v == label { 1.0 - smoothing } else { 0.0 };
            let dx = g * (log.exp() - wanted);
            for d in 0..width {
                dh[row * width + d].add(dx * table[start + v * width + d]);
                dtable[own + v * width + d].add(dx * h[row * width + d]);
            }
        }
    }
    (dh, dtable)
}
