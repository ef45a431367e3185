//! Distance indicators between a set of points and a reference front: GD, GD+, IGD, IGD+. Smaller is better, 0 is perfect.
//!
//! All are plain means of distances (p = 1). With `z` of the front and `a` of the set, GD and IGD use the Euclidean
//! distance; GD+ and IGD+ use `||max(a - z, 0)||`, which does not punish a point for being better than the front (Ishibuchi
//! et al., "Modified distance calculation in generational distance and inverted generational distance", EMO 2015).
//! Scale the objectives first: a distance mixes them.
//!
//! # Errors
//! Each indicator refuses an empty set or front, points that differ in their number of objectives, and NaN.

use super::{PointError, check_points};

/// Generational distance: mean over the set of the distance to the nearest point of the front.
///
/// # Errors
/// See the [module](self).
pub fn gd<P: AsRef<[f64]>, Q: AsRef<[f64]>>(set: &[P], front: &[Q]) -> Result<f64, PointError> {
    check(set, front)?;
    Ok(mean_nearest(set, front, euclidean))
}

/// Modified generational distance: as [`gd`], counting only where the set is worse than the front.
///
/// # Errors
/// See the [module](self).
pub fn gd_plus<P: AsRef<[f64]>, Q: AsRef<[f64]>>(set: &[P], front: &[Q]) -> Result<f64, PointError> {
    check(set, front)?;
    Ok(mean_nearest(set, front, worse_by))
}

/// Inverted generational distance: mean over the front of the distance to the nearest point of the set.
///
/// # Errors
/// See the [module](self).
pub fn igd<P: AsRef<[f64]>, Q: AsRef<[f64]>>(set: &[P], front: &[Q]) -> Result<f64, PointError> {
    check(set, front)?;
    Ok(mean_nearest(front, set, euclidean))
}

/// Modified inverted generational distance: as [`igd`], counting only where the set is worse than the front.
///
/// # Errors
/// See the [module](self).
pub fn igd_plus<P: AsRef<[f64]>, Q: AsRef<[f64]>>(set: &[P], front: &[Q]) -> Result<f64, PointError> {
    check(set, front)?;
    Ok(mean_nearest(front, set, |z, a| worse_by(a, z)))
}

fn check<P: AsRef<[f64]>, Q: AsRef<[f64]>>(set: &[P], front: &[Q]) -> Result<(), PointError> {
    let first = set.first().ok_or(PointError::Empty("the set of points"))?;
    if front.is_empty() {
        return Err(PointError::Empty("the reference front"));
    }
    check_points(set, first.as_ref().len())?;
    check_points(front, first.as_ref().len())
}

fn euclidean(a: &[f64], b: &[f64]) -> f64 {
    let squares = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y));
    squares.sum::<f64>().sqrt()
}

/// By how much `a` is worse than `z`.
fn worse_by(a: &[f64], z: &[f64]) -> f64 {
    let squares = a.iter().zip(z).map(|(x, y)| (x - y).max(0.0).powi(2));
    squares.sum::<f64>().sqrt()
}

fn mean_nearest<P: AsRef<[f64]>, Q: AsRef<[f64]>>(
    from: &[P],
    to: &[Q],
    distance: impl Fn(&[f64], &[f64]) -> f64,
) -> f64 {
    let nearest = |a: &P| to.iter().map(|b| distance(a.as_ref(), b.as_ref())).fold(f64::INFINITY, f64::min);
    from.iter().map(nearest).sum::<f64>() / from.len() as f64
}
