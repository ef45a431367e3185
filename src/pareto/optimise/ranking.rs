//! The order of NSGA-II: by layer of the non-dominated sort, and within a layer the least crowded first.

use std::cmp::Ordering;

use crate::pareto::dominance::{crowding_distance, non_dominated_sort};

/// The rank of a point: its layer, 0 for the front, and its crowding distance in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rank {
    layer: usize,
    crowding: f64,
}

impl Rank {
    /// `Less` where this rank is the better one.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.layer.cmp(&other.layer).then(other.crowding.total_cmp(&self.crowding))
    }
}

/// The rank of each point among all.
pub(super) fn ranks<P: AsRef<[f64]>>(points: &[P]) -> Vec<Rank> {
    let mut ranks = vec![Rank { layer: 0, crowding: 0.0 }; points.len()];
    for (layer, members) in non_dominated_sort(points).into_iter().enumerate() {
        let of_layer: Vec<&[f64]> = members.iter().map(|&member| points[member].as_ref()).collect();
        for (&member, crowding) in members.iter().zip(crowding_distance(&of_layer)) {
            ranks[member] = Rank { layer, crowding };
        }
    }
    ranks
}

/// The positions of all points, best rank first; of equal ranks the earlier point first.
pub(super) fn best_first<P: AsRef<[f64]>>(points: &[P]) -> Vec<usize> {
    let ranks = ranks(points);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| ranks[a].compare(&ranks[b]));
    order
}
