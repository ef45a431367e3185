//! Rotation of the heads of `[rows, length, heads, head]` by their positions; the angles anew, in f64.

use parnas_kernels::ops::Rotary;

pub fn rotary(kernel: &Rotary, base: f64, read: u32, x: &[f64]) -> Vec<f64> {
    let [length, heads, head, half] = [kernel.length, kernel.heads, kernel.head, kernel.half].map(|n| n as usize);
    let mut y = x.to_vec();
    for (row, y) in y.chunks_mut(head).enumerate() {
        let position = kernel.start as usize + read as usize + row / heads % length;
        for j in 0..half {
            let angle = position as f64 * base.powf(-2.0 * j as f64 / (2 * half) as f64);
            let (sine, cosine) = if kernel.inverse { (-angle).sin_cos() } else { angle.sin_cos() };
            let (u, v) = (y[j], y[j + half]);
            y[j] = u * cosine - v * sine;
            y[j + half] = v * cosine + u * sine;
        }
    }
    y
}
