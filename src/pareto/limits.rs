//! Limits that a user will not go beyond, such as `pixel3.latency<=20ms`, and what to answer when no point keeps them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::objective::{Objective, Unit, UnknownObjective};

/// An upper bound of an objective, on one device or on the device in question.
///
/// As text `[DEVICE.]OBJECTIVE<=NUMBER[UNIT]`: `latency<=2ms`, `pixel3.latency<=20ms`, `parameters<=1.2M`. Without a
/// unit the number is in the objective's base unit (ms, mJ, a count, bytes).
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The device; `None` for the one that is asked about.
    pub device: Option<String>,
    /// What is limited.
    pub objective: Objective,
    /// The largest value allowed, in base units of the objective, above zero.
    pub at_most: f64,
    /// The unit in which the limit was written; `Display` uses it.
    pub unit: Unit,
}

/// Why a text is not a limit, or limits cannot be checked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LimitError {
    /// There is no `<=`, or another comparison stands there.
    #[error("`{0}` is not a limit; write OBJECTIVE<=VALUE or DEVICE.OBJECTIVE<=VALUE, such as latency<=2ms")]
    Form(String),
    /// The objective is not known.
    #[error(transparent)]
    Objective(#[from] UnknownObjective),
    /// The device before the point is empty.
    #[error("the device of the limit `{0}` is empty")]
    Device(String),
    /// The value is not a finite number above zero.
    #[error("`{text}` is not a value for {objective}; write a finite number above 0, such as {objective}<=2{example}")]
    Value {
        /// The value as written.
        text: String,
        /// The objective that is limited.
        objective: Objective,
        /// A unit that would be right.
        example: &'static str,
    },
    /// The unit does not measure the objective.
    #[error("`{unit}` is not a unit of {objective}; known are {known}")]
    Unit {
        /// The unit as written.
        unit: String,
        /// The objective that is limited.
        objective: Objective,
        /// The units that would be right, for a reader.
        known: String,
    },
    /// There is nothing to choose from.
    #[error("there is no architecture to check the limits against")]
    NoPoints,
    /// No point has a value for what a limit is about.
    #[error("no architecture has a known value for the limit `{0}`; is the device's name right?")]
    NoValue(Box<Limit>),
}

/// A limit that a value does not keep. `Display` names the value and by how many percent it misses.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// The limit.
    pub limit: Limit,
    /// The value, in base units of the objective.
    pub value: f64,
    /// `value / at_most - 1`, above zero.
    pub relative: f64,
}

/// Which points keep all limits, or which one comes nearest. Points are named by position.
#[derive(Debug, Clone, PartialEq)]
pub enum Feasibility {
    /// These keep every limit, ascending; never empty.
    Feasible(Vec<usize>),
    /// None keeps them all; the point with the smallest largest relative miss.
    Nearest {
        /// Position of the nearest point.
        index: usize,
        /// The limits that it misses, never empty.
        misses: Vec<Miss>,
    },
}

impl Limit {
    /// Whether a value (base units) keeps the limit, and by how much it misses if not. NaN counts as an infinite miss.
    ///
    /// # Errors
    /// The [`Miss`].
    pub fn check(&self, value: f64) -> Result<(), Miss> {
        if value <= self.at_most {
            return Ok(());
        }
        let relative = value / self.at_most - 1.0;
        Err(Miss { limit: self.clone(), value, relative: if relative.is_nan() { f64::INFINITY } else { relative } })
    }
}

/// Finds the points that keep all `limits`, or the nearest one.
///
/// `value(point, limit)` gives a point's value of the limit's objective on the limit's device in base units, or `None`
/// where it is not known; a point that lacks a value is never feasible and never the nearest.
///
/// # Errors
/// [`LimitError::NoPoints`] without points; [`LimitError::NoValue`] where for some limit no point has a value, or no point
/// has a value for all limits.
pub fn choose<P>(
    points: &[P],
    limits: &[Limit],
    value: impl Fn(&P, &Limit) -> Option<f64>,
) -> Result<Feasibility, LimitError> {
    if points.is_empty() {
        return Err(LimitError::NoPoints);
    }
    let known = |point: &P, limit: &Limit| value(point, limit).filter(|v| !v.is_nan());
    let mut feasible = Vec::new();
    let mut nearest: Option<(f64, usize, Vec<Miss>)> = None;
    let mut unknown = None;
    for (index, point) in points.iter().enumerate() {
        let mut misses = Vec::new();
        let mut complete = true;
        for limit in limits {
            match known(point, limit) {
                Some(v) => misses.extend(limit.check(v).err()),
                None => {
                    complete = false;
                    unknown = unknown.or(Some(limit));
                }
            }
        }
        if !complete {
            continue;
        }
        if misses.is_empty() {
            feasible.push(index);
            continue;
        }
        let worst = misses.iter().map(|m| m.relative).fold(0.0, f64::max);
        if nearest.as_ref().is_none_or(|(best, ..)| worst < *best) {
            nearest = Some((worst, index, misses));
        }
    }
    // A limit that no point at all has a value for is the one to name.
    let nowhere = |limit: &&Limit| points.iter().all(|point| known(point, limit).is_none());
    match (feasible.is_empty(), nearest, limits.iter().find(nowhere).or(unknown)) {
        (false, ..) => Ok(Feasibility::Feasible(feasible)),
        (true, Some((_, index, misses)), _) => Ok(Feasibility::Nearest { index, misses }),
        (true, None, Some(limit)) => Err(LimitError::NoValue(Box::new(limit.clone()))),
        (true, None, None) => Err(LimitError::NoPoints),
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || LimitError::Form(text.trim().into());
        let (left, right) = text.split_once("<=").or_else(|| text.split_once('≤')).ok_or_else(form)?;
        let (left, right) = (left.trim(), right.trim());
        // Device names may hold points (`wgpu_30.0_8`): the objective stands after the last one.
        let (device, name) = match left.rsplit_once('.') {
            Some((device, name)) => (Some(device.trim()), name.trim()),
            None => (None, left),
        };
        if name.is_empty() || right.is_empty() {
            return Err(form());
        }
        if device.is_some_and(str::is_empty) {
            return Err(LimitError::Device(text.trim().into()));
        }
        let objective: Objective = name.parse()?;
        let (number, unit) = split_unit(right);
        let base = objective.base_unit();
        let unit =
            match unit {
                "" => base,
                "µs" | "μs" if objective == Objective::Latency => objective.units()[1],
                symbol => *objective.units().iter().find(|known| known.symbol == symbol).ok_or_else(|| {
                    LimitError::Unit { unit: symbol.into(), objective, known: known_units(objective) }
                })?,
            };
        match number.parse::<f64>().map(|n| n * unit.factor) {
            Ok(at_most) if at_most.is_finite() && at_most > 0.0 => {
                Ok(Self { device: device.map(str::to_owned), objective, at_most, unit })
            }
            _ => Err(LimitError::Value { text: right.into(), objective, example: base.symbol }),
        }
    }
}

/// Cuts `20 ms` into `20` and `ms`: the number is the longest part at the start that reads as one.
fn split_unit(text: &str) -> (&str, &str) {
    let mut ends = text.char_indices().map(|(i, c)| i + c.len_utf8());
    let end = ends.rfind(|&end| text[..end].trim_end().parse::<f64>().is_ok());
    match end {
        Some(end) => (text[..end].trim_end(), text[end..].trim_start()),
        // No number at all: the caller's parse fails and says so.
        None => (text, ""),
    }
}

fn known_units(objective: Objective) -> String {
    let names: Vec<&str> = objective
        .units()
        .iter()
        .map(|unit| match unit.symbol {
            "" => "none",
            symbol => symbol,
        })
        .collect();
    names.join(", ")
}

/// A number with at most four digits behind the point, or four that count where it is smaller, without trailing zeros.
fn short(value: f64) -> String {
    let leading_zeros = if value == 0.0 { 0.0 } else { (-value.abs().log10()).ceil().clamp(0.0, 300.0) };
    let digits = 4.max(leading_zeros as usize + 3);
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(device) = &self.device {
            write!(f, "{device}.")?;
        }
        let value = short(self.at_most / self.unit.factor);
        write!(f, "{}<={value}{}", self.objective, self.unit.symbol)
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.limit.unit;
        let value = short(self.value / unit.factor);
        let percent = self.relative * 100.0;
        write!(f, "{} is missed by {percent:.1} % ({value}{})", self.limit, unit.symbol)
    }
}
