//! What a run found, as `results.json` in its folder: everything that the fronts' tables and the report are made of.

use serde::{Deserialize, Serialize};

use crate::pareto::hypervolume::hypervolume;

/// An architecture that was scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// The preference that it answers, empty for one that was drawn at random.
    pub preference: Vec<f64>,
    /// The architecture.
    pub architecture: String,
    /// Hardware objectives as predicted, in their units.
    pub predicted: Vec<f64>,
    /// Hardware objectives as measured, computed or looked up; none where this machine cannot tell.
    pub measured: Vec<Option<f64>>,
    /// The supernet's loss on the images of the upper level.
    pub predicted_loss: f64,
    /// The supernet's loss on images that no step saw.
    pub loss: f64,
    /// The supernet's accuracy on them.
    pub accuracy: f64,
}

/// An architecture that the front was chosen from, with what the choice was made by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The architecture.
    pub architecture: String,
    /// The supernet's loss on the images of the upper level, as the estimates of all candidates together have it
    /// ([`Surrogate`](super::surrogate::Surrogate)).
    pub predicted_loss: f64,
    /// Hardware objectives as predicted, in their units.
    pub predicted: Vec<f64>,
}

impl Candidate {
    /// The objectives as predicted, the loss first.
    pub fn point(&self) -> Vec<f64> {
        [self.predicted_loss].into_iter().chain(self.predicted.iter().copied()).collect()
    }
}

/// A device's front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceResult {
    /// The profile's name.
    pub device: String,
    /// What the front was chosen from: draws from the hypernetwork's distributions.
    pub candidates: Vec<Candidate>,
    /// The answers, one a preference.
    pub front: Vec<Scored>,
    /// Random architectures, scored by the very same calls.
    pub random: Vec<Scored>,
    /// The hypervolume of both, on a common scale; none where an objective could not be measured.
    pub hypervolume: Option<Hypervolumes>,
    /// Predicted and measured values of cells that the predictor did not see, an objective each.
    pub held_out_cells: Vec<PredictorCheck>,
}

/// How a predictor does on cells that it did not see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorCheck {
    /// The objective.
    pub objective: String,
    /// Its unit.
    pub unit: String,
    /// Predicted values.
    pub predicted: Vec<f64>,
    /// Measured values.
    pub measured: Vec<f64>,
    /// Kendall's tau, none where there are too few cells.
    pub kendall_tau: Option<f64>,
    /// The mean relative error, as a fraction.
    pub relative_error: Option<f64>,
}

/// Two sets of points scored on one scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hypervolumes {
    /// Of the front.
    pub front: f64,
    /// Of the random architectures.
    pub random: f64,
}

/// Everything a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The names of the objectives, the loss first.
    pub objectives: Vec<String>,
    /// The units of the hardware objectives.
    pub units: Vec<String>,
    /// A front each.
    pub devices: Vec<DeviceResult>,
    /// Seconds of each stage, in order.
    pub seconds: Vec<(String, f64)>,
}

impl Scored {
    /// The measured objectives, the loss first; none where one is missing.
    pub fn point(&self) -> Option<Vec<f64>> {
        let hardware: Option<Vec<f64>> = self.measured.iter().copied().collect();
        Some([self.loss].into_iter().chain(hardware?).collect())
    }
}

/// The hypervolume of both sets after each objective is brought to `[0, 1]` between its best and worst value over both
/// sets, with reference point 1.1: a point at the worst value of one objective still counts for the others.
pub fn compare(front: &[Scored], random: &[Scored]) -> Option<Hypervolumes> {
    let points = |set: &[Scored]| set.iter().map(Scored::point).collect::<Option<Vec<_>>>();
    let (mut front, mut random) = (points(front)?, points(random)?);
    let width = front.first()?.len();
    for objective in 0..width {
        let all = || front.iter().chain(&random).map(|point| point[objective]);
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let span = if high > low { high - low } else { 1.0 };
        for point in front.iter_mut().chain(random.iter_mut()) {
            point[objective] = (point[objective] - low) / span;
        }
    }
    let reference = vec![1.1; width];
    let scale = 1.1f64.powi(width as i32);
    Some(Hypervolumes {
        front: hypervolume(&front, &reference).ok()? / scale,
        random: hypervolume(&random, &reference).ok()? / scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(loss: f64, latency: Option<f64>) -> Scored {
        Scored {
            preference: Vec::new(),
            architecture: String::new(),
            predicted: vec![0.0],
            measured: vec![latency],
            predicted_loss: loss,
            loss,
            accuracy: 0.0,
        }
    }

    #[test]
    fn a_dominating_set_has_the_larger_volume() {
        let front = [scored(0.1, Some(1.0)), scored(0.5, Some(0.5))];
        let random = [scored(0.6, Some(1.2)), scored(0.9, Some(0.9))];
        let volumes = compare(&front, &random).unwrap();
        assert!(volumes.front > volumes.random, "{volumes:?}");
        assert!(volumes.front <= 1.0 && volumes.random > 0.0);
        assert_eq!(compare(&front, &[scored(0.1, None)]), None);
    }
}
