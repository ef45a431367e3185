//! Scalarisations: one number to minimise out of several objectives and a preference. The host's reference in `f64` of what
//! a search step does on the device.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Smoothing of [`Scalarisation::SmoothTchebycheff`] where a text names none.
pub const DEFAULT_SMOOTHING: f64 = 0.1;

/// How a preference `r` turns objectives `f` into one number. `z` is the ideal point: a lower bound of each objective.
///
/// As text (configuration, command line): `linear`, `tchebycheff`, `smooth-tchebycheff`, `smooth-tchebycheff:0.05`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scalarisation {
    /// `sum_m r_m f_m`. Reaches only the convex part of a front. The published MODNAS form.
    Linear,
    /// `max_m r_m (f_m - z_m)`. Reaches every point of a front; its gradient sees one objective at a time.
    Tchebycheff,
    /// `mu log sum_m exp(r_m (f_m - z_m) / mu)`: differentiable, and [`Tchebycheff`](Self::Tchebycheff) as `mu` goes to 0.
    /// Lin et al., "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", ICML 2024, equation 10.
    SmoothTchebycheff {
        /// Smoothing, above zero, in units of the weighted objectives.
        mu: f64,
    },
}

/// Why a text names no scalarisation, or numbers cannot be scalarised.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScalarisationError {
    /// The name is none of the known ones.
    #[error("unknown scalarisation `{0}`; known are linear, tchebycheff, smooth-tchebycheff and smooth-tchebycheff:MU")]
    Unknown(String),
    /// The smoothing is not a finite number above zero.
    #[error("the smoothing `{0}` of a smooth Tchebycheff scalarisation is not a finite number above 0")]
    Smoothing(String),
    /// Preference, objectives and ideal point differ in length.
    #[error(
        "a preference of {preference} weights, {objectives} objectives and an ideal point of {ideal} values do not match"
    )]
    Lengths {
        /// Number of weights.
        preference: usize,
        /// Number of objective values.
        objectives: usize,
        /// Number of values of the ideal point.
        ideal: usize,
    },
}

impl Scalarisation {
    /// The number to minimise. All three slices have one value an objective; `ideal` is not used by `Linear`.
    ///
    /// # Errors
    /// [`ScalarisationError::Lengths`] where the slices differ in length.
    pub fn value(&self, preference: &[f64], objectives: &[f64], ideal: &[f64]) -> Result<f64, ScalarisationError> {
        let weighted = self.weighted(preference, objectives, ideal)?;
        Ok(match *self {
            Self::Linear => weighted.iter().sum(),
            Self::Tchebycheff => weighted.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::SmoothTchebycheff { mu } => {
                // The largest term is taken out so that exp never overflows.
                let largest = weighted.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = weighted.iter().map(|w| ((w - largest) / mu).exp()).sum();
                largest + mu * sum.ln()
            }
        })
    }

    /// The derivative of [`value`](Self::value) by each objective. Where `Tchebycheff` has several largest terms, the first
    /// of them takes it all.
    ///
    /// # Errors
    /// [`ScalarisationError::Lengths`] where the slices differ in length.
    pub fn gradient(
        &self,
        preference: &[f64],
        objectives: &[f64],
        ideal: &[f64],
    ) -> Result<Vec<f64>, ScalarisationError> {
        let weighted = self.weighted(preference, objectives, ideal)?;
        let largest = weighted.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(match *self {
            Self::Linear => preference.to_vec(),
            Self::Tchebycheff => {
                let active = weighted.iter().position(|&w| w == largest);
                let share = |m| if Some(m) == active { 1.0 } else { 0.0 };
                (0..preference.len()).map(|m| preference[m] * share(m)).collect()
            }
            Self::SmoothTchebycheff { mu } => {
                let terms: Vec<f64> = weighted.iter().map(|w| ((w - largest) / mu).exp()).collect();
                let sum: f64 = terms.iter().sum();
                terms.iter().zip(preference).map(|(t, r)| r * t / sum).collect()
            }
        })
    }

    /// `r_m f_m` for `Linear`, `r_m (f_m - z_m)` otherwise.
    fn weighted(&self, preference: &[f64], objectives: &[f64], ideal: &[f64]) -> Result<Vec<f64>, ScalarisationError> {
        if preference.len() != objectives.len() || objectives.len() != ideal.len() {
            return Err(ScalarisationError::Lengths {
                preference: preference.len(),
                objectives: objectives.len(),
                ideal: ideal.len(),
            });
        }
        let offset = |m: usize| match self {
            Self::Linear => 0.0,
            _ => ideal[m],
        };
        Ok((0..preference.len()).map(|m| preference[m] * (objectives[m] - offset(m))).collect())
    }
}

impl fmt::Display for Scalarisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear => f.write_str("linear"),
            Self::Tchebycheff => f.write_str("tchebycheff"),
            Self::SmoothTchebycheff { mu } => write!(f, "smooth-tchebycheff:{mu}"),
        }
    }
}

impl FromStr for Scalarisation {
    type Err = ScalarisationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "linear" => Ok(Self::Linear),
            "tchebycheff" => Ok(Self::Tchebycheff),
            "smooth-tchebycheff" => Ok(Self::SmoothTchebycheff { mu: DEFAULT_SMOOTHING }),
            other => match other.strip_prefix("smooth-tchebycheff:") {
                Some(number) => match number.trim().parse::<f64>() {
                    Ok(mu) if mu.is_finite() && mu > 0.0 => Ok(Self::SmoothTchebycheff { mu }),
                    _ => Err(ScalarisationError::Smoothing(number.trim().into())),
                },
                None => Err(ScalarisationError::Unknown(other.into())),
            },
        }
    }
}

impl TryFrom<String> for Scalarisation {
    type Error = ScalarisationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Scalarisation> for String {
    fn from(scalarisation: Scalarisation) -> Self {
        scalarisation.to_string()
    }
}
