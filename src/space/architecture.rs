//! An architecture: one choice a decision.

use serde::{Deserialize, Serialize};

/// One choice index per decision, in the decision order of its space.
///
/// The indices say nothing without the space: [`SearchSpace::validate`](super::SearchSpace::validate) tells whether they
/// belong to it. Two architectures of one space are the same network exactly when their
/// [canonical](super::SearchSpace::canonical) forms are equal; the order is lexicographic in the indices and serves
/// sorted collections only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Architecture(Vec<u16>);

impl Architecture {
    /// An architecture from its choice indices, unchecked against any space.
    pub fn new(choices: Vec<u16>) -> Self {
        Self(choices)
    }

    /// The choice indices, one a decision.
    pub fn choices(&self) -> &[u16] {
        &self.0
    }

    /// The choice index of one decision, or `None` past the last decision.
    pub fn choice(&self, decision: usize) -> Option<u16> {
        self.0.get(decision).copied()
    }
}

impl From<Vec<u16>> for Architecture {
    fn from(choices: Vec<u16>) -> Self {
        Self(choices)
    }
}
