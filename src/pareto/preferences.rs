//! Preference vectors: non-negative weights between objectives that sum to one.
//!
//! A preference has one weight an objective, the task loss first. `(1, 0)` asks for the best loss whatever the latency,
//! `(0, 1)` for the lowest latency whatever the loss.

use std::f64::consts::FRAC_PI_2;

use thiserror::Error;

/// How far the sum of a preference that a user wrote may be from one.
pub const SUM_TOLERANCE: f64 = 1e-3;

/// Why a text is not a preference.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PreferenceError {
    /// A part between two commas is not a finite number.
    #[error("`{text}` in a preference is not a finite number; write weights such as `0.7,0.3`")]
    NotANumber {
        /// The part that could not be read.
        text: String,
    },
    /// A weight is below zero.
    #[error("weight {position} of the preference is {value}, but a weight is never negative")]
    Negative {
        /// Position of the weight, counted from zero.
        position: usize,
        /// The weight as written.
        value: f64,
    },
    /// The weights do not sum to one.
    #[error("the weights of the preference sum to {sum}, not to 1 (within {SUM_TOLERANCE})")]
    Sum {
        /// Sum of the weights as written.
        sum: f64,
    },
    /// The number of weights is not the number of objectives.
    #[error("the preference has {found} weights, but there are {expected} objectives")]
    Objectives {
        /// Number of weights as written.
        found: usize,
        /// Number of objectives of the run.
        expected: usize,
    },
}

/// `points` preferences between two objectives, evenly spaced from `(1, 0)` to `(0, 1)`, both ends included.
///
/// A single point is the middle, `(0.5, 0.5)`.
pub fn uniform_line(points: usize) -> Vec<Vec<f64>> {
    if points == 1 {
        return vec![vec![0.5, 0.5]];
    }
    let steps = points.saturating_sub(1) as f64;
    (0..points).map(|i| vec![(points - 1 - i) as f64 / steps, i as f64 / steps]).collect()
}

/// The evaluation rays of the published MODNAS code: `(cos t, sin t)` for `points` evenly spaced angles `t` from `1e-6`
/// to `pi/2 - 1e-6`.
///
/// They lie on the quarter circle and are **not** renormalised to the simplex, as published; asked for only to compare
/// with published numbers.
pub fn published_circle(points: usize) -> Vec<Vec<f64>> {
    let (first, last) = (1e-6, FRAC_PI_2 - 1e-6);
    let steps = points.saturating_sub(1).max(1) as f64;
    (0..points)
        .map(|i| {
            let angle: f64 = first + (last - first) * i as f64 / steps;
            vec![angle.cos(), angle.sin()]
        })
        .collect()
}

/// Number of vectors that [`das_dennis`] yields: `(divisions + objectives - 1)` choose `(objectives - 1)`, saturating.
pub fn das_dennis_count(objectives: usize, divisions: usize) -> usize {
    if objectives == 0 {
        return 0;
    }
    let mut count: u128 = 1;
    for k in 1..objectives as u128 {
        // Exact at each step: the running value is a binomial coefficient.
        count = count.saturating_mul(divisions as u128 + k) / k;
        if count > usize::MAX as u128 {
            return usize::MAX;
        }
    }
    count as usize
}

/// All preferences whose weights are multiples of `1 / divisions`, the largest first weight first.
///
/// Das and Dennis, "Normal-boundary intersection", SIAM J. Optim. 8(3), 1998. With `divisions == 0` the one vector of
/// equal weights; with no objectives nothing.
pub fn das_dennis(objectives: usize, divisions: usize) -> Vec<Vec<f64>> {
    if objectives == 0 {
        return Vec::new();
    }
    if divisions == 0 {
        return vec![vec![1.0 / objectives as f64; objectives]];
    }
    let mut all = Vec::with_capacity(das_dennis_count(objectives, divisions).min(1 << 20));
    let mut parts = vec![0; objectives];
    parts[0] = divisions;
    loop {
        all.push(parts.iter().map(|&p| p as f64 / divisions as f64).collect());
        // The next composition: take one from the last non-zero part that has a part after it, and give it, with all
        // that stood at the end, to the part right after.
        let last = objectives - 1;
        let tail = std::mem::take(&mut parts[last]);
        match parts.iter().rposition(|&p| p > 0) {
            Some(i) => {
                parts[i] -= 1;
                parts[i + 1] = tail + 1;
            }
            None => return all,
        }
    }
}

/// The coarsest [`das_dennis`] set with at least `points` vectors; for two objectives exactly [`uniform_line`].
pub fn at_least(objectives: usize, points: usize) -> Vec<Vec<f64>> {
    match objectives {
        0 => Vec::new(),
        1 => vec![vec![1.0]],
        2 => uniform_line(points),
        _ => {
            let mut divisions = 1;
            while das_dennis_count(objectives, divisions) < points {
                divisions += 1;
            }
            das_dennis(objectives, divisions)
        }
    }
}

/// Reads a preference such as `0.7,0.3` for a run with `objectives` objectives.
///
/// Weights whose sum is within [`SUM_TOLERANCE`] of one are accepted and then scaled to sum to one exactly.
///
/// # Errors
/// A part that is no finite number, a wrong number of weights, a negative weight, a sum that is not one.
pub fn parse(text: &str, objectives: usize) -> Result<Vec<f64>, PreferenceError> {
    let mut weights = Vec::new();
    for part in text.split(',') {
        let part = part.trim();
        match part.parse::<f64>() {
            Ok(value) if value.is_finite() => weights.push(value),
            _ => return Err(PreferenceError::NotANumber { text: part.into() }),
        }
    }
    if weights.len() != objectives {
        return Err(PreferenceError::Objectives { found: weights.len(), expected: objectives });
    }
    if let Some(position) = weights.iter().position(|&w| w < 0.0) {
        return Err(PreferenceError::Negative { position, value: weights[position] });
    }
    let sum: f64 = weights.iter().sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(PreferenceError::Sum { sum });
    }
    Ok(weights.into_iter().map(|w| w / sum).collect())
}
