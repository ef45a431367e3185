//! Batch normalisation of `[A, N, C, S]`, its statistics and its gradient.

use crate::support::Exact;

/// `[A, N, C, S]`.
#[derive(Debug, Clone, Copy)]
pub struct Extents(pub usize, pub usize, pub usize, pub usize);

impl Extents {
    pub fn len(self) -> usize {
        self.0 * self.1 * self.2 * self.3
    }

    /// The row `a * C + c` of an element.
    pub fn row(self, index: usize) -> usize {
        let plane = index / self.3;
        plane / self.2 / self.1 * self.2 + plane % self.2
    }

    /// The sums over the elements of each row.
    pub fn sums(self, of: impl Fn(usize) -> f64) -> Vec<Exact> {
        let mut sums = vec![Exact::default(); self.0 * self.2];
        (0..self.len()).for_each(|index| sums[self.row(index)].add(of(index)));
        sums
    }
}

/// Mean and biased variance of each row.
pub fn statistics(extents: Extents, x: &[f64]) -> Vec<f64> {
    let n = (extents.1 * extents.3) as f64;
    let mean: Vec<f64> = extents.sums(|i| x[i]).iter().map(|sum| sum.value / n).collect();
    let squares = extents.sums(|i| (x[i] - mean[extents.row(i)]).powi(2));
    mean.iter().zip(squares).flat_map(|(mean, squares)| [*mean, squares.value / n]).collect()
}

/// The normalised value of an element.
pub fn normalised(extents: Extents, x: &[f64], statistics: &[f64], epsilon: f64, index: usize) -> f64 {
    let row = extents.row(index);
    (x[index] - statistics[2 * row]) / (statistics[2 * row + 1] + epsilon).sqrt()
}

/// The result, `affine` being scale and shift of each row.
pub fn normalise(
    extents: Extents,
    x: &[f64],
    statistics: &[f64],
    epsilon: f64,
    affine: [&[f64]; 2],
    relu: bool,
) -> Vec<f64> {
    let value = |index: usize| {
        let row = extents.row(index);
        let y = normalised(extents, x, statistics, epsilon, index) * affine[0][row] + affine[1][row];
        if relu { y.max(0.0) } else { y }
    };
    (0..extents.len()).map(value).collect()
}
