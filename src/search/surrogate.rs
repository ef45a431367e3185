//! Sense out of noisy estimates: what the supernet says of one architecture errs by how far its shared weights suit this very
//! architecture, and what it says of many tells how much each choice, and each pair of choices, is worth.
//!
//! Kernel ridge regression on one-hot encodings: a linear term for each choice and one for each pair of choices. With `m` of the decisions
//! alike in two architectures, their kernel is `m + m (m - 1) / 8`, the inner product of the one-hot encodings with their pairwise
//! products at half weight. The strength of the ridge is chosen by leave-one-out error on the estimates themselves, in closed form from
//! the eigenvectors of the kernel (Rifkin and Lippert, "Notes on regularized least squares", MIT, 2007). It sees nothing
//! but estimates on held-out images: no count of parameters or operations, no rule about what a good network is.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::space::Architecture;

/// The ridges that are tried.
const RIDGES: [f64; 7] = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
/// How much a pair of choices that two architectures share counts beside a single choice.
const PAIR: f64 = 0.25;

/// A fit to estimates.
#[derive(Debug, Clone)]
pub struct Surrogate {
    known: Vec<Architecture>,
    coefficients: DVector<f64>,
    mean: f64,
    /// The ridge that was chosen.
    pub ridge: f64,
}

impl Surrogate {
    /// Fits `estimates` of `known` architectures; none where there are too few to tell anything.
    pub fn fit(known: &[Architecture], estimates: &[f64]) -> Option<Self> {
        let count = known.len();
        if count < 3 || estimates.len() != count || estimates.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mean = estimates.iter().sum::<f64>() / count as f64;
        let targets = DVector::from_iterator(count, estimates.iter().map(|value| value - mean));
        let kernel = DMatrix::from_fn(count, count, |a, b| similarity(&known[a], &known[b]));
        let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(kernel);
        let rotated = eigenvectors.transpose() * &targets;
        let mut best: Option<(f64, f64, DVector<f64>)> = None;
        for ridge in RIDGES {
            let weights = eigenvalues.map(|value| 1.0 / (value.max(0.0) + ridge));
            let coefficients = &eigenvectors * rotated.component_mul(&weights);
            // Leaving architecture i out, its error is coefficient i over entry (i, i) of the inverse.
            let mut error = 0.0;
            for place in 0..count {
                let row = eigenvectors.row(place);
                let diagonal: f64 = row.iter().zip(weights.iter()).map(|(v, w)| v * v * w).sum();
                error += (coefficients[place] / diagonal).powi(2);
            }
            if best.as_ref().is_none_or(|(least, ..)| error < *least) {
                best = Some((error, ridge, coefficients));
            }
        }
        best.map(|(_, ridge, coefficients)| Self { known: known.to_vec(), coefficients, mean, ridge })
    }

    /// The fitted value of an architecture.
    pub fn value(&self, architecture: &Architecture) -> f64 {
        let terms = self.known.iter().zip(self.coefficients.iter());
        self.mean + terms.map(|(known, weight)| weight * similarity(known, architecture)).sum::<f64>()
    }
}

fn similarity(a: &Architecture, b: &Architecture) -> f64 {
    let alike = a.choices().iter().zip(b.choices()).filter(|(a, b)| a == b).count() as f64;
    alike + PAIR * alike * (alike - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::hardware::statistics::kendall_tau;

    /// The worth of choices and of one pair, without noise.
    fn truth(architecture: &Architecture) -> f64 {
        let choices = architecture.choices();
        let single: f64 =
            choices.iter().enumerate().map(|(place, choice)| f64::from(*choice) * (1.0 + place as f64)).sum();
        single - if choices[0] == 3 && choices[5] == 1 { 4.0 } else { 0.0 }
    }

    #[test]
    fn a_fit_orders_architectures_better_than_the_noisy_estimates() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let known: Vec<Architecture> = (0..300)
            .map(|_| Architecture::new((0..6).map(|_| rng.random_range(0..5u16)).collect::<Vec<_>>()))
            .collect();
        let exact: Vec<f64> = known.iter().map(truth).collect();
        let noisy: Vec<f64> = exact.iter().map(|value| value + 60.0 * (rng.random::<f64>() - 0.5)).collect();
        let fit = Surrogate::fit(&known, &noisy).unwrap();
        let fitted: Vec<f64> = known.iter().map(|architecture| fit.value(architecture)).collect();
        let tau = |values: &[f64]| kendall_tau(values, &exact).unwrap();
        assert!(tau(&fitted) > tau(&noisy) + 0.15, "{} {}", tau(&fitted), tau(&noisy));
    }

    #[test]
    fn the_leave_one_out_error_is_that_of_fits_without_the_architecture() {
        let known: Vec<Architecture> =
            (0..12u16).map(|place| Architecture::new(vec![place % 3, place / 3, (place * place) % 4])).collect();
        let values: Vec<f64> = (0..12).map(|place| f64::from((place * 7) % 12)).collect();
        // A ridge chosen by hand over all held-out errors, the mean kept as it is.
        let mean = values.iter().sum::<f64>() / 12.0;
        let error = |ridge: f64| {
            let mut sum = 0.0;
            for out in 0..12 {
                let rest: Vec<usize> = (0..12).filter(|place| *place != out).collect();
                let kernel = DMatrix::from_fn(11, 11, |a, b| {
                    similarity(&known[rest[a]], &known[rest[b]]) + if a == b { ridge } else { 0.0 }
                });
                let targets = DVector::from_iterator(11, rest.iter().map(|&place| values[place] - mean));
                let solved = kernel.lu().solve(&targets).unwrap();
                let fitted: f64 =
                    rest.iter().zip(solved.iter()).map(|(&place, w)| w * similarity(&known[place], &known[out])).sum();
                sum += (fitted + mean - values[out]).powi(2);
            }
            sum
        };
        let best = RIDGES.into_iter().min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap();
        assert_eq!(Surrogate::fit(&known, &values).unwrap().ridge, best);
        assert!(Surrogate::fit(&known[..2], &values[..2]).is_none());
    }
}
