//! What architectures drawn at random reach: the floor below which no search has found anything.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::BenchmarkError;
use super::protocol::{Protocol, Scores};

/// How often a random set is drawn for a published figure.
pub const REPETITIONS: usize = 200;

/// Mean and standard deviation of the scores of several random sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean of each score.
    pub mean: Scores,
    /// The standard deviation of each score over the sets, with the divisor `n - 1`.
    pub deviation: Scores,
    /// The number of sets.
    pub repetitions: usize,
}

/// Scores `repetitions` random sets of `size` different architectures each, drawn from the whole table: who draws does not
/// know yet which of them will not count.
///
/// Set `i` depends on the seed and on `i` alone, so that the same call gives the same spread on any number of threads.
///
/// # Errors
/// A size that is zero or larger than the table, fewer than two repetitions, a set in which no architecture counts.
pub fn spread(protocol: &Protocol, size: usize, repetitions: usize, seed: u64) -> Result<Spread, BenchmarkError> {
    let rows = protocol.rows();
    if size == 0 || size > rows || repetitions < 2 {
        return Err(BenchmarkError::Draws { size, repetitions, rows });
    }
    let draw = |repetition: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(repetition as u64);
        protocol.score(&sample(&mut rng, rows, size).into_vec())
    };
    let scores = (0..repetitions).into_par_iter().map(draw).collect::<Result<Vec<_>, _>>()?;
    Ok(Spread::of(&scores))
}

impl Spread {
    /// Mean and standard deviation of some scores; the deviation is NaN for fewer than two, the mean too for none.
    pub fn of(scores: &[Scores]) -> Self {
        let count = scores.len() as f64;
        let mean: [f64; 5] =
            std::array::from_fn(|score| scores.iter().map(|scores| scores.values()[score]).sum::<f64>() / count);
        let deviation = std::array::from_fn(|score| {
            let squares = scores.iter().map(|scores| (scores.values()[score] - mean[score]).powi(2));
            match scores.len() {
                0 | 1 => f64::NAN,
                _ => (squares.sum::<f64>() / (count - 1.0)).sqrt(),
            }
        });
        let (mean, deviation) = (Scores::from_values(mean), Scores::from_values(deviation));
        Self { mean, deviation, repetitions: scores.len() }
    }

    /// The standard error of each mean.
    pub fn error(&self) -> Scores {
        Scores::from_values(self.deviation.values().map(|deviation| deviation / (self.repetitions as f64).sqrt()))
    }
}
