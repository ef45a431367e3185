//! Pareto dominance: which points no other point beats, layers of such points, and how crowded a layer is.

use std::cmp::Ordering;

/// Whether `a` is nowhere worse than `b` and somewhere better (smaller).
///
/// Never true where a value of either is NaN or the two differ in length.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut better = false;
    for (x, y) in a.iter().zip(b) {
        match x.partial_cmp(y) {
            Some(Ordering::Less) => better = true,
            Some(Ordering::Equal) => {}
            Some(Ordering::Greater) | None => return false,
        }
    }
    better
}

/// Positions of the points that no other point dominates, ascending.
///
/// Of points that are equal in every objective **only the first is kept**: a second copy adds nothing to a front. A point
/// with a NaN is never kept. Time `O(n log n)` for two objectives, `O(n f)` with a front of `f` points otherwise.
pub fn non_dominated<P: AsRef<[f64]>>(points: &[P]) -> Vec<usize> {
    let mut front: Vec<usize> = Vec::new();
    for index in lexicographic_order(points) {
        let point = points[index].as_ref();
        // In this order nothing later dominates anything earlier, and with two objectives the last point kept has the
        // smallest second value so far: it alone decides.
        let beaten = |&kept: &usize| {
            let kept = points[kept].as_ref();
            kept == point || dominates(kept, point)
        };
        let rejected = match point.len() {
            2 => front.last().is_some_and(beaten),
            _ => front.iter().any(beaten),
        };
        if !rejected {
            front.push(index);
        }
    }
    front.sort_unstable();
    front
}

/// Layers of points: the first holds what nothing dominates, each next one what only earlier layers dominate. Positions
/// are ascending in a layer; equal points share a layer; points with a NaN form one last layer.
///
/// Zhang et al., "An Efficient Approach to Nondominated Sorting" (sequential search), IEEE TEC 19(2), 2015.
pub fn non_dominated_sort<P: AsRef<[f64]>>(points: &[P]) -> Vec<Vec<usize>> {
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for index in lexicographic_order(points) {
        let point = points[index].as_ref();
        let free = layers.iter().position(|layer| {
            // From the back: the neighbours in the order are the likeliest to dominate.
            !layer.iter().rev().any(|&other| dominates(points[other].as_ref(), point))
        });
        match free {
            Some(layer) => layers[layer].push(index),
            None => layers.push(vec![index]),
        }
    }
    for layer in &mut layers {
        layer.sort_unstable();
    }
    let unordered: Vec<usize> = (0..points.len()).filter(|&i| has_nan(points[i].as_ref())).collect();
    if !unordered.is_empty() {
        layers.push(unordered);
    }
    layers
}

/// Crowding distance of each point of a layer: the sum over the objectives of the gap between its two neighbours, in parts
/// of the layer's range. The ends of an objective are infinitely far; an objective that is constant or not finite adds nothing.
///
/// Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002, section III-B.
pub fn crowding_distance<P: AsRef<[f64]>>(points: &[P]) -> Vec<f64> {
    let mut distances = vec![0.0; points.len()];
    let objectives = points.iter().map(|p| p.as_ref().len()).min().unwrap_or(0);
    for objective in 0..objectives {
        let value = |i: usize| points[i].as_ref()[objective];
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by(|&a, &b| value(a).total_cmp(&value(b)).then(a.cmp(&b)));
        let (first, last) = (order[0], order[order.len() - 1]);
        let range = value(last) - value(first);
        if !(range.is_finite() && range > 0.0) {
            continue;
        }
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
        for window in order.windows(3) {
            distances[window[1]] += (value(window[2]) - value(window[0])) / range;
        }
    }
    if points.len() <= 2 {
        distances.fill(f64::INFINITY);
    }
    distances
}

fn has_nan(point: &[f64]) -> bool {
    point.iter().any(|value| value.is_nan())
}

/// Positions of the points without a NaN, by first objective, then second, and so on, then by position.
fn lexicographic_order<P: AsRef<[f64]>>(points: &[P]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).filter(|&i| !has_nan(points[i].as_ref())).collect();
    order.sort_by(|&a, &b| {
        let ordering = points[a].as_ref().partial_cmp(points[b].as_ref());
        ordering.unwrap_or(Ordering::Equal).then(a.cmp(&b))
    });
    order
}
