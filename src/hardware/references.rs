//! The reference architectures of a space: ten whose measured values tell one device from another.
//!
//! NAS-Bench-201 has published ones. Every other space takes its smallest, its largest, and eight that lie far from each
//! other, chosen once from a fixed seed.

use super::profile::REFERENCE_COUNT;

/// The indices of the NAS-Bench-201 reference cells, in HELP's numbering of all 15,625 cells.
///
/// Source: Lee et al., "HELP", NeurIPS 2021; the same in the released MODNAS. Index 1462 is all 3x3 convolutions.
pub const NAS_BENCH_201_INDICES: [u32; REFERENCE_COUNT] = [11982, 431, 55, 9, 14451, 8636, 9881, 13479, 6196, 1462];

/// The cells of [`NAS_BENCH_201_INDICES`], in the same order.
pub const NAS_BENCH_201: [&str; REFERENCE_COUNT] = [
    "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
    "|skip_connect~0|+|skip_connect~0|avg_pool_3x3~1|+|none~0|skip_connect~1|none~2|",
    "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    "|none~0|+|nor_conv_1x1~0|none~1|+|nor_conv_3x3~0|nor_conv_1x1~1|nor_conv_1x1~2|",
    "|skip_connect~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|",
    "|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|none~0|nor_conv_1x1~1|avg_pool_3x3~2|",
    "|skip_connect~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|nor_conv_1x1~1|avg_pool_3x3~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
];

/// The seed from which a space without published references draws the pool for [`choose`].
pub const REFERENCE_SEED: u64 = 10;

/// How many random architectures that pool has.
pub const REFERENCE_POOL: usize = 1000;

/// An architecture that may become a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The architecture, in its space's own notation.
    pub architecture: String,
    /// Its encoding; of one length throughout a space.
    pub encoding: Vec<f32>,
}

/// References that cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Too few different architectures.
    #[error("{found} different architectures, {REFERENCE_COUNT} references are needed")]
    TooFew {
        /// The number of different encodings.
        found: usize,
    },
    /// Encodings of different lengths, or with values that are not finite.
    #[error("the encoding of {architecture} has {found} finite values, expected {expected}")]
    Encoding {
        /// The architecture.
        architecture: String,
        /// Its finite values.
        found: usize,
        /// The length of the smallest architecture's encoding.
        expected: usize,
    },
}

/// Ten references: `smallest`, `largest`, then eight of `pool` by farthest-point selection.
///
/// The pool is [`REFERENCE_POOL`] random architectures drawn from [`REFERENCE_SEED`]; its order decides ties.
///
/// # Errors
/// [`ReferenceError`] where there are fewer than ten different encodings, or encodings that cannot be compared.
pub fn choose(
    smallest: &Candidate,
    largest: &Candidate,
    pool: &[Candidate],
) -> Result<[String; REFERENCE_COUNT], ReferenceError> {
    let all: Vec<&Candidate> = [smallest, largest].into_iter().chain(pool).collect();
    let expected = smallest.encoding.len();
    for candidate in &all {
        let finite = candidate.encoding.iter().filter(|value| value.is_finite()).count();
        if finite != expected || candidate.encoding.len() != expected {
            return Err(ReferenceError::Encoding {
                architecture: candidate.architecture.clone(),
                found: finite,
                expected,
            });
        }
    }
    let encodings: Vec<&[f32]> = all.iter().map(|candidate| candidate.encoding.as_slice()).collect();
    let chosen = if encodings[0] == encodings[1] {
        Vec::new()
    } else {
        farthest_points(&encodings, &[0, 1], REFERENCE_COUNT - 2)
    };
    let order: Vec<usize> = [0, 1].into_iter().chain(chosen).collect();
    if order.len() < REFERENCE_COUNT {
        let found = if encodings[0] == encodings[1] { 1 } else { order.len() };
        return Err(ReferenceError::TooFew { found });
    }
    Ok(std::array::from_fn(|place| all[order[place]].architecture.clone()))
}

/// Chooses `count` more points, each the one whose nearest chosen point is farthest away (Gonzalez 1985).
///
/// Distances are squared Euclidean; equal ones go to the lower index. Stops early, with fewer points, where every other
/// point coincides with a chosen one. Points of different lengths are compared over the shorter length.
pub fn farthest_points(points: &[impl AsRef<[f32]>], chosen: &[usize], count: usize) -> Vec<usize> {
    let distance = |first: usize, second: usize| -> f64 {
        let pairs = points[first].as_ref().iter().zip(points[second].as_ref());
        pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    let mut nearest: Vec<f64> = (0..points.len())
        .map(|point| {
            let known = chosen.iter().filter(|&&other| other < points.len());
            known.map(|&other| distance(point, other)).fold(f64::INFINITY, f64::min)
        })
        .collect();
    let mut added = Vec::new();
    while added.len() < count {
        let mut best: Option<usize> = None;
        for point in 0..points.len() {
            if nearest[point] > best.map_or(0.0, |best| nearest[best]) {
                best = Some(point);
            }
        }
        let Some(best) = best else { break };
        added.push(best);
        for point in 0..points.len() {
            nearest[point] = nearest[point].min(distance(point, best));
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_come_first() {
        let points: Vec<[f32; 1]> = [0.0, 10.0, 1.0, 5.0, 4.0, 8.0, 10.0].map(|value| [value]).to_vec();
        // 5 is 5 away from both ends; then 8 (2 from 10), before 1 and 4 (1 each, the lower index first).
        assert_eq!(farthest_points(&points, &[0, 1], 4), [3, 5, 2, 4]);
        // The last point coincides with the second.
        assert_eq!(farthest_points(&points, &[0, 1], 9).len(), 4);
    }

    #[test]
    fn ten_different_ones_or_an_error() {
        let candidate = |value: f32| Candidate { architecture: value.to_string(), encoding: vec![value] };
        let pool: Vec<Candidate> = (1..9).map(|value| candidate(value as f32)).collect();
        let references = choose(&candidate(0.0), &candidate(20.0), &pool).unwrap();
        assert_eq!(references[..3], ["0", "20", "8"]);
        let error = choose(&candidate(0.0), &candidate(20.0), &pool[1..]).unwrap_err();
        assert_eq!(error, ReferenceError::TooFew { found: 9 });
        let odd = Candidate { architecture: "odd".into(), encoding: vec![1.0, 2.0] };
        assert!(choose(&candidate(0.0), &odd, &pool).unwrap_err().to_string().contains("odd"));
    }
}
