//! From the hypernetwork's distributions to a front: candidates are drawn for every preference, told apart by what the run has
//! already paid for, the supernet's loss on the upper level's images and the predictors, and each preference takes the best.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::distr::{Distribution, weighted::WeightedIndex};
use rand_chacha::ChaCha8Rng;

use super::SearchError;
use super::device::Device;
use super::session::Session;
use crate::pareto::dominance::dominates;
use crate::pareto::preferences;
use crate::space::{Architecture, NasBench201, SearchSpace};

/// The most candidates of a device.
pub const MOST: usize = 200;
/// Preferences whose likeliest architectures are looked at before anything is drawn. They cost one pass of the hypernetwork.
const SCANNED: usize = 2000;
/// How much the sum of all objectives counts beside the largest, so that a choice is never dominated at equal largest
/// (the augmented Tchebycheff form of Steuer and Choo, 1983).
const AUGMENTATION: f64 = 1e-3;
/// Differences of the scaled objectives that estimates do not tell apart.
const NOISE: f64 = 0.05;

/// Different networks for a device, without what computes nothing in them, at most [`MOST`]: the likeliest one at each of
/// many preferences between all objectives, then `draws` from the distribution at each of `preferences`.
///
/// The draws depend on the run's seed and the device's name alone.
///
/// # Errors
/// Where the device that computes fails.
pub fn candidates(
    session: &mut Session,
    device: &Device,
    preferences: &[Vec<f64>],
    draws: usize,
) -> Result<Vec<Architecture>, SearchError> {
    let scanned = preferences::at_least(session.configuration.objectives.len(), SCANNED);
    let asked: Vec<Vec<f64>> = preferences.iter().cloned().chain(scanned).collect();
    let logits = session.logits(&device.features, &asked)?;
    let space = &session.space.space;
    let mut rng = ChaCha8Rng::seed_from_u64(session.configuration.seed);
    rng.set_stream(stream_of(&device.name));
    let mut all = logits.iter().map(|row| Ok(space.argmax(row)?)).collect::<Result<Vec<_>, SearchError>>()?;
    for _ in 0..draws {
        for row in &logits[..preferences.len()] {
            all.push(draw(space, row, &mut rng)?);
        }
    }
    let mut distinct = distinct_networks(space, all, MOST)?;
    if distinct.is_empty() {
        distinct.push(space.argmax(&logits[0])?);
    }
    Ok(distinct)
}

/// The first `most` different networks among architectures, without what computes nothing in them. A cell without a way from
/// input to output answers the same to every image, and is left out.
///
/// # Errors
/// Where an architecture is none of the space.
pub fn distinct_networks(
    space: &NasBench201,
    architectures: impl IntoIterator<Item = Architecture>,
    most: usize,
) -> Result<Vec<Architecture>, SearchError> {
    let mut seen = BTreeSet::new();
    let mut distinct = Vec::new();
    for architecture in architectures {
        let architecture = space.simplified(&architecture)?;
        if distinct.len() < most && space.is_connected(&architecture)? && seen.insert(architecture.clone()) {
            distinct.push(architecture);
        }
    }
    Ok(distinct)
}

/// A stream of random numbers for a device (FNV-1a of its name).
fn stream_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One architecture from the distribution of each decision.
fn draw(space: &impl SearchSpace, logits: &[f32], rng: &mut ChaCha8Rng) -> Result<Architecture, SearchError> {
    let mut perturbed = vec![0.0f32; logits.len()];
    for ends in space.offsets().windows(2) {
        let own = &logits[ends[0]..ends[1]];
        let largest = own.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights = own.iter().map(|logit| f64::from(logit - largest).exp());
        // The largest weight is 1, unless a logit is not a number: then the argmax refuses the row.
        match WeightedIndex::new(weights) {
            Ok(distribution) => perturbed[ends[0] + distribution.sample(rng)] = 1.0,
            Err(_) => perturbed[ends[0]..ends[1]].copy_from_slice(own),
        }
    }
    Ok(space.argmax(&perturbed)?)
}

/// For each preference the place of the point that serves it best: the least augmented Tchebycheff value, each objective
/// brought to `[0, 1]` between its best and worst value over the points that no other dominates. Unlike the weighted sum it
/// reaches every point of a front.
///
/// Points are estimates: where several serve a preference equally well but for [`NOISE`], one that serves no earlier
/// preference is taken.
pub fn choose(preferences: &[Vec<f64>], points: &[Vec<f64>]) -> Vec<usize> {
    let best: Vec<&Vec<f64>> =
        points.iter().filter(|point| !points.iter().any(|other| dominates(other, point))).collect();
    let width = points.first().map_or(0, Vec::len);
    let ranges: Vec<(f64, f64)> = (0..width)
        .map(|objective| {
            let values = best.iter().map(|point| point[objective]);
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        })
        .collect();
    let value = |preference: &[f64], point: &[f64]| {
        let scaled = point.iter().zip(&ranges).map(|(value, (low, high))| (value - low) / (high - low).max(1e-12));
        let (mut largest, mut sum) = (0.0f64, 0.0);
        for (weight, scaled) in preference.iter().zip(scaled) {
            largest = largest.max(weight * scaled);
            sum += scaled;
        }
        largest + AUGMENTATION * sum
    };
    let mut taken = vec![false; points.len()];
    preferences
        .iter()
        .map(|preference| {
            let values: Vec<f64> = points.iter().map(|point| value(preference, point)).collect();
            let least = |free: bool| {
                let places = (0..points.len()).filter(|place| !(free && taken[*place]));
                places.min_by(|a, b| values[*a].total_cmp(&values[*b]))
            };
            let first = least(false).unwrap_or(0);
            let place = least(true).filter(|place| values[*place] <= values[first] + NOISE).unwrap_or(first);
            if let Some(taken) = taken.get_mut(place) {
                *taken = true;
            }
            place
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_reach_the_whole_front_and_nothing_else() {
        // The third point lies in a dent of the front, the fourth is dominated.
        let points = [[0.0, 1.0], [1.0, 0.0], [0.6, 0.6], [0.7, 0.7]].map(Vec::from);
        let preferences = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]].map(Vec::from);
        assert_eq!(choose(&preferences, &points), [0, 2, 1]);
    }

    #[test]
    fn preferences_share_a_point_only_where_no_other_is_nearly_as_good() {
        let points = [[0.0, 1.0], [0.01, 1.0], [1.0, 0.0]].map(Vec::from);
        let preferences = [[1.0, 0.0], [0.99, 0.01], [0.98, 0.02]].map(Vec::from);
        assert_eq!(choose(&preferences, &points), [0, 1, 0]);
    }

    #[test]
    fn equal_points_and_single_ones_are_chosen() {
        assert_eq!(choose(&[vec![0.5, 0.5]], &[vec![3.0, 3.0]]), [0]);
        assert_eq!(choose(&[vec![0.0, 1.0]], &[vec![2.0, 1.0], vec![1.0, 1.0]]), [1]);
    }
}
