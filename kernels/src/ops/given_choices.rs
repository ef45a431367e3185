//! Architecture weights from choices that the host gives.

use super::sample::{ranges, require_groups};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// One-hot weights `[A, total]` of given choices: the sample of evaluation, of the sandwich rule and of tests.
///
/// Slots: `choices` u32 `[A, groups]` (the place of the entry within its group), `offsets` u32 `[groups + 1]`, `weights`
/// `[A, total]`. A choice beyond its group counts as the group's last; entries in no group are left as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenChoices {
    /// Architectures.
    pub architectures: u32,
    /// Entries of one architecture, all groups together.
    pub total: u32,
    /// Decision groups of one architecture.
    pub groups: u32,
}

impl GivenChoices {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] for extents without entries, or too many.
    pub fn validate(&self) -> Result<()> {
        require_groups(self.architectures, self.total, self.groups, "given_choices")
    }
}

impl Kernel for GivenChoices {
    fn name(&self) -> &'static str {
        "given_choices"
    }

    fn slots(&self) -> Vec<Slot> {
        let a = self.architectures as usize;
        vec![
            Slot::read("choices", a * self.groups as usize),
            Slot::read("offsets", self.groups as usize + 1),
            Slot::write("weights", a * self.total as usize),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "sample/given_choices", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.architectures).u32(self.total).u32(self.groups)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.architectures as usize * self.groups as usize).div_ceil(64))
    }

    fn cost(&self) -> Cost {
        Cost { operations: u64::from(self.architectures) * u64::from(self.total), bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [choices, offsets, weights] = views.split();
        let offsets = &offsets.read_u32()[..=self.groups as usize];
        let rows = weights.write().chunks_exact_mut(self.total as usize);
        for (weights, choices) in rows.zip(choices.read_u32().chunks_exact(self.groups as usize)) {
            for (range, choice) in ranges(offsets, self.total).zip(choices).filter(|(range, _)| !range.is_empty()) {
                let weights = &mut weights[range];
                weights.fill(0.0);
                weights[(*choice as usize).min(weights.len() - 1)] = 1.0;
            }
        }
    }
}
