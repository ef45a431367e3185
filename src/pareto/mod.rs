//! Preferences, scalarisations, dominance, indicators and baseline optimisers.
//!
//! Everything here runs on the host in `f64` and knows nothing of networks. **Every objective is minimised**; what is to
//! be large (accuracy) enters as its loss or error. A set of points is any slice whose items can be seen as `&[f64]`,
//! one value an objective (`[[f64; 2]]`, `Vec<Vec<f64>>`, ...).
//!
//! | module | answers |
//! |---|---|
//! | [`preferences`] | which weights between objectives to ask for |
//! | [`scalarisation`] | how a preference turns several objectives into one number |
//! | [`dominance`] | which points are worth keeping, and in what order |
//! | [`hypervolume`], [`indicators`] | how good a set of points is |
//! | [`subset`] | which few of many estimated points to keep |
//! | [`objective`], [`limits`] | what is minimised, and which values a user will not go beyond |
//! | [`optimise`] | what baseline methods find, one evaluation after another |

pub mod dominance;
pub mod hypervolume;
pub mod indicators;
pub mod limits;
pub mod objective;
pub mod optimise;
pub mod preferences;
pub mod scalarisation;
pub mod subset;

use thiserror::Error;

/// Why a set of points cannot be scored.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PointError {
    /// A point has another number of objectives than the reference point, or than the first point of the other set.
    #[error("point {index} has {found} objectives where {expected} are expected")]
    Objectives {
        /// Position of the point in its set.
        index: usize,
        /// Number of objectives it has.
        found: usize,
        /// Number of objectives it should have.
        expected: usize,
    },
    /// A coordinate of a point is not a number.
    #[error("objective {objective} of point {index} is not a number")]
    NotANumber {
        /// Position of the point in its set.
        index: usize,
        /// Position of the objective in the point.
        objective: usize,
    },
    /// A coordinate of the reference point is not a number.
    #[error("objective {objective} of the reference point is not a number")]
    Reference {
        /// Position of the objective in the reference point.
        objective: usize,
    },
    /// A set is empty where a distance to it is asked for, or the reference point has no coordinate.
    #[error("{0} is empty")]
    Empty(&'static str),
}

/// Checks that every point has `expected` objectives, none of them NaN.
fn check_points<P: AsRef<[f64]>>(points: &[P], expected: usize) -> Result<(), PointError> {
    for (index, point) in points.iter().enumerate() {
        let point = point.as_ref();
        if point.len() != expected {
            return Err(PointError::Objectives { index, found: point.len(), expected });
        }
        if let Some(objective) = point.iter().position(|value| value.is_nan()) {
            return Err(PointError::NotANumber { index, objective });
        }
    }
    Ok(())
}
