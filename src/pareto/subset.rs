//! Which few of many estimated points to keep.

use super::dominance::non_dominated;
use super::hypervolume::hypervolume;
use super::{PointError, check_points};

/// The reference point of scaled objectives: a point at the worst value of one still counts for the others.
const REFERENCE: f64 = 1.1;

/// At most `count` of `points`, ascending, for a front whose values are estimates.
///
/// The non-dominated layer comes first. Where it has more points than are wanted, those are taken greedily that add the most
/// hypervolume, which is within `1 - 1/e` of the best choice (hypervolume is submodular: Ulrich and Thiele, "Bounding the
/// effectiveness of hypervolume-based (mu + lambda)-archiving algorithms", LION 2012). Where it has fewer, the next layers
/// follow: estimates err, a further point costs a front nothing, and those beaten by the least are the likeliest to be on
/// the true one. Each objective is scaled between its best and worst value over all points.
///
/// # Errors
/// Points that differ in their number of objectives, or NaN.
pub fn best_subset<P: AsRef<[f64]>>(points: &[P], count: usize) -> Result<Vec<usize>, PointError> {
    let Some(first) = points.first() else { return Ok(Vec::new()) };
    let width = first.as_ref().len();
    check_points(points, width)?;
    let mut scaled: Vec<Vec<f64>> = points.iter().map(|point| point.as_ref().to_vec()).collect();
    for objective in 0..width {
        let values = || scaled.iter().map(|point| point[objective]);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let span = if high > low { high - low } else { 1.0 };
        scaled.iter_mut().for_each(|point| point[objective] = (point[objective] - low) / span);
    }
    let mut rest: Vec<usize> = (0..points.len()).collect();
    let mut kept = Vec::new();
    while kept.len() < count && !rest.is_empty() {
        let own: Vec<&[f64]> = rest.iter().map(|&place| scaled[place].as_slice()).collect();
        let layer: Vec<usize> = non_dominated(&own).into_iter().map(|place| rest[place]).collect();
        rest.retain(|place| !layer.contains(place));
        let wanted = count - kept.len();
        kept.extend(if layer.len() <= wanted { layer } else { greedy(&scaled, &layer, wanted)? });
    }
    kept.sort_unstable();
    Ok(kept)
}

/// `count` points of a layer, each the one that adds the most hypervolume to those before it.
fn greedy(scaled: &[Vec<f64>], layer: &[usize], count: usize) -> Result<Vec<usize>, PointError> {
    let reference = vec![REFERENCE; scaled[layer[0]].len()];
    let mut taken: Vec<usize> = Vec::new();
    while taken.len() < count {
        let mut best = None;
        for &place in layer.iter().filter(|place| !taken.contains(place)) {
            let set: Vec<&Vec<f64>> = taken.iter().chain([&place]).map(|&place| &scaled[place]).collect();
            let volume = hypervolume(&set.iter().map(|point| point.as_slice()).collect::<Vec<_>>(), &reference)?;
            if best.is_none_or(|(largest, _)| volume > largest) {
                best = Some((volume, place));
            }
        }
        match best {
            Some((_, place)) => taken.push(place),
            None => break,
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_front_keeps_the_points_of_the_largest_hypervolume() {
        // Five points of a front, two of them close together in the middle.
        let points = [[0.0, 1.0], [0.2, 0.4], [0.21, 0.395], [0.5, 0.15], [1.0, 0.0]];
        let kept = best_subset(&points, 3).unwrap();
        let volume = |places: &[usize]| {
            hypervolume(&places.iter().map(|&place| points[place]).collect::<Vec<_>>(), &[1.1, 1.1]).unwrap()
        };
        let mut best = 0.0f64;
        for a in 0..5 {
            for b in a + 1..5 {
                for c in b + 1..5 {
                    best = best.max(volume(&[a, b, c]));
                }
            }
        }
        assert!(volume(&kept) > 0.98 * best, "{kept:?}");
        assert!(!(kept.contains(&1) && kept.contains(&2)));
    }

    #[test]
    fn a_small_front_is_filled_with_the_next_layers() {
        let points = [[0.0, 1.0], [1.0, 0.0], [0.5, 1.1], [0.9, 0.9], [2.0, 2.0]];
        assert_eq!(best_subset(&points, 2).unwrap(), [0, 1]);
        assert_eq!(best_subset(&points, 4).unwrap(), [0, 1, 2, 3]);
        assert_eq!(best_subset(&points, 9).unwrap(), [0, 1, 2, 3, 4]);
        assert!(best_subset::<[f64; 2]>(&[], 3).unwrap().is_empty());
        assert!(best_subset(&[[0.0, f64::NAN]], 1).is_err());
    }
}
