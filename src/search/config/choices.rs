//! The types of keys that choose between ways of doing a thing, and a number of bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an architecture is drawn from logits, and how the gradient passes the draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampler {
    /// One choice, second-order gradient (Liu et al., "Bridging Discrete and Backpropagation", NeurIPS 2023).
    ReinMax,
    /// One choice, straight-through Gumbel softmax (Dong and Yang, CVPR 2019).
    Gdas,
    /// A mixture: the Gumbel softmax.
    Gumbel,
    /// A mixture: the softmax (DARTS).
    Softmax,
}

/// The upstream gradient of the choices that a sample did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnselectedGradient {
    /// As in the public code: the sum of the gradient of the edge's output.
    Published,
    /// None.
    Zero,
    /// What it would be, from evaluating all choices in the upper level.
    Exact,
}

/// How the devices' gradients of the hypernetwork become one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GradientUpdate {
    /// The least-norm combination of the normalised gradients.
    #[serde(rename = "mgd")]
    MultipleGradientDescent,
    /// Their mean.
    Mean,
    /// A step after each device.
    Sequential,
    /// The gradient of one device, drawn for the step.
    Sample,
}

/// The form of the hypernetwork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HypernetworkKind {
    /// A small network over preference and device, for any number of objectives.
    Smooth,
    /// The published bank of tables, for two objectives.
    Bank,
}

/// How cross-entropy is brought to the scale of the other objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// By a running minimum and maximum.
    Running,
    /// By the logarithm of the number of classes.
    Fixed,
    /// By the extremes of the epoch so far, as in the public code.
    Published,
}

/// How the supernet's activations and their gradients are stored in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As f32.
    F32,
    /// As halves, with a scaled loss.
    F16,
}

/// A number of bytes. As text `4096`, `512MiB`, `4GiB`, `2GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "String")]
pub struct Bytes(pub u64);

/// A text that is no number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of bytes; write such as 4096, 512MiB, 4GiB or 2GB")]
pub struct BytesError(pub String);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || BytesError(text.to_owned());
        let lower = text.trim().to_lowercase();
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((lower.strip_suffix(&unit.to_lowercase())?, *bytes)));
        let (number, bytes) = unit.unwrap_or((&lower, 1));
        let number = number.trim();
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(bytes).map(Self).ok_or_else(error);
        }
        match number.parse::<f64>() {
            // Half a byte is none, so fractions are for units above one.
            Ok(part) if part >= 0.0 && bytes > 1 && part * (bytes as f64) < u64::MAX as f64 => {
                Ok(Self((part * bytes as f64) as u64))
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().filter(|(unit, _)| unit.ends_with("iB"));
        match binary.into_iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => write!(formatter, "{}{unit}", self.0 / bytes),
            None => write!(formatter, "{}", self.0),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl TryFrom<NumberOrText> for Bytes {
    type Error = BytesError;

    fn try_from(value: NumberOrText) -> Result<Self, Self::Error> {
        match value {
            NumberOrText::Number(number) => Ok(Self(number)),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_every_unit() {
        for (text, expected) in [
            ("4096", 4096),
            ("512MiB", 512 << 20),
            ("4GiB", 4 << 30),
            ("2GB", 2_000_000_000),
            ("1.5 gib", 3 << 29),
            ("7 KB", 7000),
        ] {
            assert_eq!(text.parse::<Bytes>().unwrap().0, expected, "{text}");
        }
        for text in ["", "-1", "4 XB", "GiB", "1.5", "99999999999TiB", "nan GiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        for bytes in [0, 1, 1000, 4096, 3 << 29, u64::MAX] {
            assert_eq!(Bytes(bytes).to_string().parse::<Bytes>().unwrap().0, bytes);
        }
    }
}
