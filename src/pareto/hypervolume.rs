//! Hypervolume: the volume of what a set of points dominates, up to a reference point. Exact, for any number of objectives.
//!
//! Two objectives: a sweep, `O(n log n)`. Three: a sweep over the last objective that keeps the staircase of the other
//! two in an ordered map, `O(n log n)` (Beume et al., IEEE TEC 13(5), 2009). Four and more: exclusive volumes against limited
//! sets (While, Bradstreet and Barone, "A fast way of calculating exact hypervolumes", IEEE TEC 16(1), 2012),
//! one objective sliced off at each level down to the sweep over three.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::dominance::non_dominated;
use super::{PointError, check_points};

/// The volume of the union of the boxes between each point and `reference`, objectives minimised.
///
/// A point that is not below the reference in every objective adds nothing. An infinite reference coordinate (with a
/// point that is at most there and below the reference elsewhere), or a point at minus infinity, makes the
/// volume infinite. No points: 0.
///
/// # Errors
/// A NaN in the reference or in a point, a point with another number of objectives than the reference, an empty reference.
pub fn hypervolume<P: AsRef<[f64]>>(points: &[P], reference: &[f64]) -> Result<f64, PointError> {
    if reference.is_empty() {
        return Err(PointError::Empty("the reference point"));
    }
    if let Some(objective) = reference.iter().position(|value| value.is_nan()) {
        return Err(PointError::Reference { objective });
    }
    check_points(points, reference.len())?;
    let inside: Vec<&[f64]> = points
        .iter()
        .map(AsRef::as_ref)
        .filter(|point| {
            let below = |(p, r): (&f64, &f64)| p < r || *r == f64::INFINITY;
            point.iter().zip(reference).all(below)
        })
        .collect();
    let infinite = |values: &[f64]| values.iter().any(|value| value.is_infinite());
    if inside.iter().any(|point| infinite(point) || infinite(reference)) {
        return Ok(f64::INFINITY);
    }
    let front: Vec<Vec<f64>> = non_dominated(&inside).into_iter().map(|i| inside[i].to_vec()).collect();
    Ok(volume(front, reference))
}

/// The volume of finite, mutually non-dominated points that are strictly inside `reference`.
fn volume(mut front: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    match (front.len(), reference.len()) {
        (0, _) => 0.0,
        (1, _) => inclusive(&front[0], reference),
        (_, 1) => front.iter().map(|p| reference[0] - p[0]).fold(0.0, f64::max),
        (_, 2) => sweep_two(&mut front, reference),
        (_, 3) => sweep_three(&mut front, reference),
        _ => exclusive_sum(&mut front, reference),
    }
}

/// The volume of one point's box.
fn inclusive(point: &[f64], reference: &[f64]) -> f64 {
    point.iter().zip(reference).map(|(p, r)| r - p).product()
}

fn sweep_two(front: &mut [Vec<f64>], reference: &[f64]) -> f64 {
    front.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut ceiling = reference[1];
    let mut area = 0.0;
    for point in front.iter() {
        if point[1] < ceiling {
            area += (reference[0] - point[0]) * (ceiling - point[1]);
            ceiling = point[1];
        }
    }
    area
}

/// A finite number with the total order that a map needs.
#[derive(Clone, Copy, PartialEq)]
struct Finite(f64);

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The area dominated by points in the plane, kept up to date as points come in.
struct Staircase {
    /// First objective to second: as the first rises, the second falls.
    steps: BTreeMap<Finite, f64>,
    reference: [f64; 2],
    area: f64,
}

impl Staircase {
    fn insert(&mut self, x: f64, y: f64) {
        let left = self.steps.range(..=Finite(x)).next_back();
        let ceiling = left.map_or(self.reference[1], |(_, &left_y)| left_y);
        if ceiling <= y {
            return;
        }
        // What the new point adds: from x rightwards, under the steps that stand there, down to y.
        let (mut from, mut top) = (x, ceiling);
        let mut beaten = Vec::new();
        for (&Finite(step_x), &step_y) in self.steps.range((Excluded(Finite(x)), Unbounded)) {
            self.area += (step_x - from) * (top - y);
            (from, top) = (step_x, step_y);
            if step_y < y {
                // The steps from here on already lie below y.
                top = y;
                break;
            }
            beaten.push(Finite(step_x));
        }
        self.area += (self.reference[0] - from) * (top - y);
        for step in beaten {
            self.steps.remove(&step);
        }
        self.steps.insert(Finite(x), y);
    }
}

fn sweep_three(front: &mut [Vec<f64>], reference: &[f64]) -> f64 {
    front.sort_by(|a, b| a[2].total_cmp(&b[2]));
    let mut staircase = Staircase { steps: BTreeMap::new(), reference: [reference[0], reference[1]], area: 0.0 };
    let mut total = 0.0;
    for (i, point) in front.iter().enumerate() {
        staircase.insert(point[0], point[1]);
        let next = front.get(i + 1).map_or(reference[2], |p| p[2]);
        total += staircase.area * (next - point[2]);
    }
    total
}

/// Each point's own share: its box less what the points after it dominate of that box.
fn exclusive_sum(front: &mut [Vec<f64>], reference: &[f64]) -> f64 {
    let last = reference.len() - 1;
    // Worst in the last objective first: then each later point, limited to the box of this one, has this one's last
    // value, and the share is a slab over a volume of one objective less.
    front.sort_by(|a, b| b[last].total_cmp(&a[last]));
    let mut total = 0.0;
    for (i, point) in front.iter().enumerate() {
        let limited: Vec<Vec<f64>> =
            front[i + 1..].iter().map(|other| (0..last).map(|m| other[m].max(point[m])).collect()).collect();
        let kept = non_dominated(&limited).into_iter().map(|j| limited[j].clone()).collect();
        let share = inclusive(&point[..last], &reference[..last]) - volume(kept, &reference[..last]);
        total += share * (reference[last] - point[last]);
    }
    total
}
