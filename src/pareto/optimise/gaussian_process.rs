//! Gaussian processes: what is expected, and how surely, of points like those that were seen.
//!
//! Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1. A Matérn kernel of order 5/2 with one
//! length for all inputs; length and noise are those of a grid under which the targets are likeliest, chosen anew whenever the
//! number of points has grown by half. Between, a point is a new row of the Cholesky factor: `O(n^2)`.

/// Lengths that are tried, in parts of the root of the mean square distance between points.
const LENGTHS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// Variances of the noise that are tried, in parts of the signal's.
const NOISES: [f64; 3] = [1e-6, 1e-3, 3e-2];

/// Gaussian processes of several targets over the same points with the same kernel.
#[derive(Debug, Default)]
pub struct GaussianProcess {
    inputs: Vec<Vec<f32>>,
    length: f64,
    noise: f64,
    /// Lower Cholesky factor of the kernel matrix of all inputs, row by row, without the zeros.
    factor: Vec<f64>,
    /// Number of points when length and noise were chosen.
    chosen_at: usize,
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    mean: f64,
    deviation: f64,
    /// The inverse of the factor times the standardised target.
    whitened: Vec<f64>,
    /// Variance of the signal in units of the target's deviation.
    variance: f64,
}

/// What a process expects of one target at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
}

impl GaussianProcess {
    /// Adds a point; [`fit`](Self::fit) tells what was seen there.
    pub fn push(&mut self, input: Vec<f32>) {
        self.inputs.push(input);
    }

    /// Learns the targets, each with one finite value a point in the order of [`push`](Self::push).
    pub fn fit(&mut self, targets: &[Vec<f64>]) {
        let count = self.inputs.len();
        let standardised: Vec<(f64, f64, Vec<f64>)> = targets.iter().map(|target| standardise(target)).collect();
        if 2 * count >= 3 * self.chosen_at.max(1) {
            self.choose(&standardised);
        }
        while rows_of(&self.factor) < count && self.extend() {}
        self.targets = standardised
            .into_iter()
            .map(|(mean, deviation, values)| {
                let whitened = forward(&self.factor, values);
                let variance = (dot(&whitened, &whitened) / count.max(1) as f64).max(1e-12);
                Target { mean, deviation, whitened, variance }
            })
            .collect();
    }

    /// The expectation of each target at a point.
    pub fn expect(&self, input: &[f32]) -> Vec<Expectation> {
        let against = self.inputs.iter().map(|seen| self.kernel(distance(seen, input))).collect();
        let whitened = forward(&self.factor, against);
        let left = (1.0 + self.noise - dot(&whitened, &whitened)).max(1e-12);
        let expectation = |target: &Target| Expectation {
            mean: target.mean + target.deviation * dot(&whitened, &target.whitened),
            deviation: target.deviation * (target.variance * left).sqrt(),
        };
        self.targets.iter().map(expectation).collect()
    }

    /// Chooses length and noise by the marginal likelihood of all targets, the signal's variance at its best value, and factors anew.
    fn choose(&mut self, targets: &[(f64, f64, Vec<f64>)]) {
        let count = self.inputs.len();
        self.chosen_at = count;
        let pairs = (0..count).flat_map(|i| (0..i).map(move |j| (i, j)));
        let squares = pairs.map(|(i, j)| distance(&self.inputs[i], &self.inputs[j]).powi(2)).sum::<f64>();
        let spread = (squares / (count * count.saturating_sub(1) / 2).max(1) as f64).sqrt().max(1e-6);
        let mut best = (f64::NEG_INFINITY, spread, NOISES[1]);
        for length in LENGTHS {
            for noise in NOISES {
                (self.length, self.noise) = (length * spread, noise);
                if !self.refactor() {
                    continue;
                }
                let logarithms: f64 = (0..count).map(|i| self.factor[start(i) + i].ln()).sum();
                let likelihood = |(_, _, values): &(f64, f64, Vec<f64>)| {
                    let whitened = forward(&self.factor, values.clone());
                    let variance = (dot(&whitened, &whitened) / count as f64).max(1e-12);
                    -0.5 * count as f64 * variance.ln() - logarithms
                };
                let total: f64 = targets.iter().map(likelihood).sum();
                if total > best.0 {
                    best = (total, length * spread, noise);
                }
            }
        }
        (self.length, self.noise) = (best.1, best.2);
        self.refactor();
    }

    fn refactor(&mut self) -> bool {
        self.factor.clear();
        (0..self.inputs.len()).all(|_| self.extend())
    }

    /// Adds the row of the next point to the factor; false where the matrix is not positive definite in `f64`.
    fn extend(&mut self) -> bool {
        let row = rows_of(&self.factor);
        let against = (0..row).map(|j| self.kernel(distance(&self.inputs[j], &self.inputs[row]))).collect();
        let mut values = forward(&self.factor, against);
        let square = 1.0 + self.noise - dot(&values, &values);
        if square <= 0.0 {
            return false;
        }
        values.push(square.sqrt());
        self.factor.append(&mut values);
        true
    }

    fn kernel(&self, distance: f64) -> f64 {
        let scaled = 5f64.sqrt() * distance / self.length;
        (1.0 + scaled + scaled * scaled / 3.0) * (-scaled).exp()
    }
}

/// Where a row of a packed lower triangle begins.
fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The number of rows of a packed lower triangle.
fn rows_of(factor: &[f64]) -> usize {
    let rows = ((8.0 * factor.len() as f64 + 1.0).sqrt() - 1.0) / 2.0;
    rows.round() as usize
}

/// Solves `L x = values` in place, as far as the factor goes.
fn forward(factor: &[f64], mut values: Vec<f64>) -> Vec<f64> {
    let rows = values.len().min(rows_of(factor));
    values.truncate(rows);
    for i in 0..rows {
        let row = &factor[start(i)..start(i + 1)];
        values[i] = (values[i] - dot(&row[..i], &values[..i])) / row[i];
    }
    values
}

/// Four sums side by side: in one chain each addition would wait for the one before.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a_parts, b_parts) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_parts.zip(b_parts) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums[0] + sums[1] + (sums[2] + sums[3]) + rest
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares: f32 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
    f64::from(squares).sqrt()
}

/// Mean, deviation, and the values without them.
fn standardise(values: &[f64]) -> (f64, f64, Vec<f64>) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    (mean, deviation, values.iter().map(|value| (value - mean) / deviation).collect())
}
