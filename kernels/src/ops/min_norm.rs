//! The shortest convex combination of a few vectors: the common descent direction of several devices.

use super::gram::ROWS;
use super::require::require;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};

/// Frank-Wolfe steps, at most.
const ITERATIONS: usize = 250;

/// The L1 change of the weights below which the iteration ends.
const CHANGE: f64 = 1e-5;

/// Weights on the simplex that minimise `|sum_i weights_i v_i|^2`, from the Gram matrix of the rows `g_i`: multiple
/// gradient descent (Désidéri 2012), by Frank and Wolfe's method in the form of Sener and Koltun (NeurIPS 2018,
/// algorithm 2), started from the best pair; `modnas.md` 5.
///
/// Slots: `gram` `[rows, rows]`, `coefficients` `[rows]` (`sum_i coefficients_i g_i` is the combination), `weights`
/// `[rows]`, `norm` `[1]` (the squared length of the combination of the `v_i`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinNorm {
    /// Vectors, at most 32.
    pub rows: u32,
    /// Whether `v_i = g_i / |g_i|` rather than `g_i`. A zero vector stays zero with coefficient 0: it is the shortest
    /// combination itself, and draws the weights to it.
    pub normalise: bool,
}

impl MinNorm {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where there is no vector or more than 32.
    pub fn validate(&self) -> Result<()> {
        require(self.rows > 0 && self.rows <= ROWS, "min_norm", "there must be between 1 and 32 rows")
    }
}

/// (weight of the first, squared length) of the shortest combination of two vectors with these inner products.
fn line(v11: f64, v12: f64, v22: f64) -> (f64, f64) {
    if v12 >= v11 {
        (0.999, v11)
    } else if v12 >= v22 {
        (0.001, v22)
    } else {
        let first = (v22 - v12) / ((v11 - v12) + (v22 - v12));
        (first, v22 + first * (v12 - v22))
    }
}

const MOST: usize = ROWS as usize;

fn product(row: &[f64; MOST], gamma: &[f64; MOST]) -> f64 {
    row.iter().zip(gamma).map(|(entry, gamma)| entry * gamma).sum()
}

/// The weights; `matrix` is zero beyond `rows`.
fn solve(matrix: &[[f64; MOST]; MOST], rows: usize) -> [f64; MOST] {
    let mut gamma = [0.0; MOST];
    if rows == 1 {
        gamma[0] = 1.0;
        return gamma;
    }
    let pair = |i: usize, j: usize| line(matrix[i][i], matrix[i][j], matrix[j][j]);
    let (mut i, mut j) = (0, 1);
    for (a, b) in (0..rows).flat_map(|a| (a + 1..rows).map(move |b| (a, b))) {
        if pair(a, b).1 < pair(i, j).1 {
            (i, j) = (a, b);
        }
    }
    gamma[i] = pair(i, j).0;
    gamma[j] = 1.0 - gamma[i];
    if rows == 2 {
        return gamma;
    }
    for _ in 0..ITERATIONS {
        let mut t = 0;
        let mut products = [0.0; MOST];
        for i in 0..rows {
            products[i] = product(&matrix[i], &gamma);
            if products[i] < products[t] {
                t = i;
            }
        }
        let (keep, _) = line(product(&products, &gamma), products[t], matrix[t][t]);
        let mut change = 0.0;
        for (i, gamma) in gamma.iter_mut().enumerate() {
            let next = keep * *gamma + if i == t { 1.0 - keep } else { 0.0 };
            change += (next - *gamma).abs();
            *gamma = next;
        }
        if change < CHANGE {
            break;
        }
    }
    gamma
}

impl Kernel for MinNorm {
    fn name(&self) -> &'static str {
        "min_norm"
    }

    fn slots(&self) -> Vec<Slot> {
        let rows = self.rows as usize;
        vec![
            Slot::read("gram", rows * rows),
            Slot::write("coefficients", rows),
            Slot::write("weights", rows),
            Slot::write("norm", 1),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "pareto/min_norm", constants: vec![("NORMALISE", u32::from(self.normalise))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows)
    }

    fn grid(&self) -> [u32; 3] {
        [1, 1, 1]
    }

    fn cost(&self) -> Cost {
        let rows = u64::from(self.rows);
        Cost { operations: 2 * rows * rows * ITERATIONS as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [gram, coefficients, weights, norm] = views.split();
        let (gram, rows) = (gram.read(), self.rows as usize);
        let mut scale = [1.0f64; MOST];
        if self.normalise {
            for (i, scale) in scale.iter_mut().enumerate().take(rows) {
                let square = f64::from(gram[i * rows + i]);
                *scale = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
            }
        }
        let mut matrix = [[0.0; MOST]; MOST];
        for i in 0..rows {
            for j in 0..rows {
                matrix[i][j] = f64::from(gram[i * rows + j]) * scale[i] * scale[j];
            }
        }
        let gamma = solve(&matrix, rows);
        let mut products = [0.0; MOST];
        products.iter_mut().zip(&matrix).for_each(|(entry, row)| *entry = product(row, &gamma));
        norm.write()[0] = product(&products, &gamma).max(0.0) as f32;
        let (coefficients, weights) = (coefficients.write(), weights.write());
        for i in 0..rows {
            weights[i] = gamma[i] as f32;
            coefficients[i] = (gamma[i] * scale[i]) as f32;
        }
    }
}
