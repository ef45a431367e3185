//! Does a variant compute what the plain one does?

use std::fmt;

/// How far two orders of one sum may lie apart, as a share of the largest result.
const TOLERANCE: f32 = 1e-4;

/// The first element in which two variants differ by more than the order of a sum explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disagreement {
    /// Its place.
    pub at: usize,
    /// The plain variant's result.
    pub plain: f32,
    /// The other's.
    pub other: f32,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "element {} is {}, {} by the plain variant", self.at, self.other, self.plain)
    }
}

/// Compares the results of a variant with the plain one's. Where the plain one left NaN, so must the other.
///
/// # Errors
/// The first element that is off.
pub fn check(plain: &[f32], other: &[f32]) -> Result<(), Disagreement> {
    let largest =
        plain.iter().filter(|value| value.is_finite()).fold(0.0f32, |largest, value| largest.max(value.abs()));
    for (at, (&plain, &other)) in plain.iter().zip(other).enumerate() {
        let same = plain == other || plain.is_nan() && other.is_nan();
        // Written so that NaN is no agreement.
        let near = (plain - other).abs() <= TOLERANCE * largest;
        if !same && !near {
            return Err(Disagreement { at, plain, other });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_passes_and_anything_else_is_named() {
        assert_eq!(check(&[1.0, -2.0, f32::NAN], &[1.0 + 1e-5, -2.0, f32::NAN]), Ok(()));
        let off = |other: [f32; 3]| check(&[1.0, -2.0, 0.0], &other).unwrap_err().at;
        assert_eq!(off([1.001, -2.0, 0.0]), 0);
        assert_eq!(off([1.0, f32::NAN, 0.0]), 1);
        assert_eq!(off([1.0, -2.0, f32::INFINITY]), 2);
        assert_eq!(check(&[f32::NAN], &[0.0]).unwrap_err().at, 0);
    }
}
