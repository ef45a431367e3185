//! The mixed edge of NAS-Bench-201, its convolutions given by their results `z1` and `z3`.

use super::batch_norm::{Extents, normalised, statistics};

/// Average pooling 3x3, stride 1, of planes of `height` x `width`; what lies outside is not counted.
pub fn pool(x: &[f64], height: usize, width: usize) -> Vec<f64> {
    let mut y = Vec::new();
    for plane in x.chunks(height * width) {
        for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
            let (mut sum, mut count) = (0.0, 0.0);
            for k in i.saturating_sub(1)..(i + 2).min(height) {
                for l in j.saturating_sub(1)..(j + 2).min(width) {
                    sum += plane[k * width + l];
                    count += 1.0;
                }
            }
            y.push(sum / count);
        }
    }
    y
}

/// An edge; all tensors `[A, N, C, H * W]`.
#[derive(Debug, Clone)]
pub struct Edge {
    pub extents: Extents,
    pub height: usize,
    pub width: usize,
    pub epsilon: f64,
    pub x: Vec<f64>,
    pub z: [Vec<f64>; 2],
    pub weights: Vec<f64>,
}

impl Edge {
    /// The results of the operations, not weighted.
    pub fn operations(&self) -> [Vec<f64>; 5] {
        let hat = |z: &Vec<f64>| -> Vec<f64> {
            let moments = statistics(self.extents, z);
            (0..z.len()).map(|i| normalised(self.extents, z, &moments, self.epsilon, i)).collect()
        };
        let pooled = pool(&self.x, self.height, self.width);
        [vec![0.0; self.x.len()], self.x.clone(), hat(&self.z[0]), hat(&self.z[1]), pooled]
    }

    /// The weight of a choice at an element.
    pub fn weight(&self, index: usize, choice: usize) -> f64 {
        self.weights[index / (self.extents.len() / self.extents.0) * 5 + choice]
    }

    /// Their weighted sum; an operation of weight 0 may be NaN.
    pub fn forward(&self) -> Vec<f64> {
        let operations = self.operations();
        let weighted = |i: usize, choice: usize| match self.weight(i, choice) {
            0.0 => 0.0,
            weight => weight * operations[choice][i],
        };
        (0..self.x.len()).map(|i| (0..5).map(|choice| weighted(i, choice)).sum()).collect()
    }
}
