//! A device as the networks of a run see it: its reference values, and nothing else that was measured on it. So a device that
//! no training saw is asked about as the known ones are.

use super::SearchError;
use crate::hardware::{DeviceProfile, ObjectiveBlock};
use crate::pareto::objective::Objective;

/// A device as the networks of a run see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// The profile's name.
    pub name: String,
    /// `[10 * measured objectives]`, see [`DeviceProfile::normalised_features`].
    pub features: Vec<f32>,
    /// The references of each measured objective of the run, without samples.
    blocks: Vec<ObjectiveBlock>,
}

impl Device {
    /// What a run with these objectives sees of a profile. Where all of them are exact, the profile's first block tells
    /// devices apart.
    ///
    /// # Errors
    /// Where the profile has no values of a measured objective.
    pub fn new(profile: &DeviceProfile, objectives: &[Objective]) -> Result<Self, SearchError> {
        let mut shown = DeviceProfile { objectives: Vec::new(), ..profile.clone() };
        for objective in objectives.iter().filter(|objective| objective.is_measured()) {
            let block = profile.block(objective.name()).ok_or_else(|| SearchError::Objective {
                objective: *objective,
                reason: format!("the profile `{}` has no values of it; measure it, or leave it out", profile.name),
            })?;
            shown.objectives.push(ObjectiveBlock { samples: Vec::new(), ..block.clone() });
        }
        if shown.objectives.is_empty() {
            let first = profile.objectives.first();
            shown.objectives.extend(first.map(|block| ObjectiveBlock { samples: Vec::new(), ..block.clone() }));
        }
        let features = shown.normalised_features().into_iter().map(|value| value as f32).collect();
        Ok(Self { name: shown.name, features, blocks: shown.objectives })
    }

    /// The references of an objective.
    ///
    /// # Errors
    /// Where the device has none.
    pub fn block(&self, objective: Objective) -> Result<&ObjectiveBlock, SearchError> {
        self.blocks.iter().find(|block| block.objective == objective.name()).ok_or_else(|| SearchError::Objective {
            objective,
            reason: format!("the device `{}` has no values of it; measure it, or leave it out", self.name),
        })
    }

    /// The place of an objective's block among the features.
    pub(super) fn place(&self, objective: Objective) -> usize {
        self.blocks.iter().position(|block| block.objective == objective.name()).unwrap_or(0)
    }
}
