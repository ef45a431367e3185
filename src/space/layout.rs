//! The decisions of a space laid out one after another, and everything that follows from them alone.

use sha2::{Digest, Sha256};

use super::{Activity, Architecture, Decision, SpaceError};

/// A checked list of decisions, with the place of each in a flat vector of logits.
///
/// The methods here are reached through [`SearchSpace`](super::SearchSpace), where they are documented; a layout alone
/// serves whoever builds a new space. Those that take an architecture without returning a `Result` never panic: a
/// missing or impossible choice is read as choice 0.
#[derive(Clone, Debug)]
pub struct DecisionLayout {
    name: String,
    decisions: Vec<Decision>,
    offsets: Vec<usize>,
    // For each decision, the decisions it governs (empty for most): what counting and sampling by depth walk over.
    governed: Vec<Vec<usize>>,
}

impl DecisionLayout {
    /// Lays out the decisions of the space `name`.
    ///
    /// # Errors
    /// [`SpaceError::Definition`] for a decision without choices or with more than 65,535, a repeated decision name or
    /// choice, a smallest or largest choice out of range, and an activity that points at no choice or at a decision
    /// which is not always active.
    pub fn new(name: impl Into<String>, decisions: Vec<Decision>) -> Result<Self, SpaceError> {
        let name = name.into();
        let fail = |reason: String| Err(SpaceError::Definition { space: name.clone(), reason });
        let mut offsets = vec![0];
        let mut governed = vec![Vec::new(); decisions.len()];
        for (index, decision) in decisions.iter().enumerate() {
            let (label, width) = (&decision.name, decision.choices.len());
            if width == 0 || width > usize::from(u16::MAX) {
                return fail(format!("{label} has {width} choices, expected 1 to {}", u16::MAX));
            }
            if decisions[..index].iter().any(|earlier| earlier.name == *label) {
                return fail(format!("two decisions are named {label}"));
            }
            if let Some(twice) = (1..width).find(|&k| decision.choices[..k].contains(&decision.choices[k])) {
                return fail(format!("{label} lists the choice {} twice", decision.choices[twice]));
            }
            if usize::from(decision.smallest.max(decision.largest)) >= width {
                return fail(format!("the smallest or largest choice of {label} is past its {width} choices"));
            }
            if let Activity::When { decision: governor, choices } = &decision.activity {
                let governor_width = match decisions.get(*governor) {
                    Some(found) if found.activity == Activity::Always => found.choices.len(),
                    _ => {
                        return fail(format!("{label} must hang on a decision that is always active"));
                    }
                };
                if choices.iter().any(|&choice| usize::from(choice) >= governor_width) {
                    return fail(format!("{label} is active for a choice that its governing decision does not have"));
                }
                governed[*governor].push(index);
            }
            offsets.push(offsets[index] + width);
        }
        Ok(Self { name, decisions, offsets, governed })
    }

    /// Name of the space.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decisions in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Start of each decision in the flat vector, then the total width: one entry more than decisions.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Sum of the numbers of choices.
    pub fn width(&self) -> usize {
        self.offsets[self.decisions.len()]
    }

    /// The decisions whose activity hangs on `decision`.
    pub(super) fn governed(&self, decision: usize) -> &[usize] {
        &self.governed[decision]
    }

    /// The choice of one decision, read as 0 where it is missing or impossible.
    pub(super) fn choice(&self, architecture: &Architecture, decision: usize) -> u16 {
        let width = self.decisions[decision].choices.len();
        architecture.choice(decision).filter(|&choice| usize::from(choice) < width).unwrap_or(0)
    }

    /// Whether `decision` is active where its governing decision takes `governing_choice`.
    pub(super) fn is_active_under(&self, decision: usize, governing_choice: u16) -> bool {
        match &self.decisions[decision].activity {
            Activity::Always => true,
            Activity::When { choices, .. } => choices.contains(&governing_choice),
        }
    }

    /// See [`SearchSpace::is_active`](super::SearchSpace::is_active).
    pub fn is_active(&self, architecture: &Architecture, decision: usize) -> bool {
        match self.decisions.get(decision).map(|decision| &decision.activity) {
            None => false,
            Some(Activity::Always) => true,
            Some(Activity::When { decision: governor, choices }) => {
                choices.contains(&self.choice(architecture, *governor))
            }
        }
    }

    /// See [`SearchSpace::canonical`](super::SearchSpace::canonical).
    pub fn canonical(&self, architecture: &Architecture) -> Architecture {
        let choice = |decision| match self.is_active(architecture, decision) {
            true => self.choice(architecture, decision),
            false => 0,
        };
        Architecture::new((0..self.decisions.len()).map(choice).collect())
    }

    /// See [`SearchSpace::validate`](super::SearchSpace::validate).
    ///
    /// # Errors
    /// [`SpaceError::DecisionCount`] or [`SpaceError::ChoiceOutOfRange`].
    pub fn validate(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        let (found, expected) = (architecture.choices().len(), self.decisions.len());
        if found != expected {
            return Err(SpaceError::DecisionCount { space: self.name.clone(), found, expected });
        }
        for (decision, &choice) in self.decisions.iter().zip(architecture.choices()) {
            if usize::from(choice) >= decision.choices.len() {
                return Err(SpaceError::ChoiceOutOfRange {
                    space: self.name.clone(),
                    decision: decision.name.clone(),
                    choice,
                    choices: decision.choices.clone(),
                });
            }
        }
        Ok(())
    }

    /// See [`SearchSpace::encode`](super::SearchSpace::encode).
    pub fn encode(&self, architecture: &Architecture) -> Vec<f32> {
        let mut encoding = vec![0.0; self.width()];
        for decision in 0..self.decisions.len() {
            if self.is_active(architecture, decision) {
                encoding[self.offsets[decision] + usize::from(self.choice(architecture, decision))] = 1.0;
            }
        }
        encoding
    }

    /// See [`SearchSpace::argmax`](super::SearchSpace::argmax).
    ///
    /// # Errors
    /// [`SpaceError::LogitCount`] or [`SpaceError::LogitNotANumber`].
    pub fn argmax(&self, logits: &[f32]) -> Result<Architecture, SpaceError> {
        let (found, expected) = (logits.len(), self.width());
        if found != expected {
            return Err(SpaceError::LogitCount { space: self.name.clone(), found, expected });
        }
        let mut choices = Vec::with_capacity(self.decisions.len());
        for (index, decision) in self.decisions.iter().enumerate() {
            let start = self.offsets[index];
            let row = &logits[start..self.offsets[index + 1]];
            if let Some(position) = row.iter().position(|logit| logit.is_nan()) {
                let (space, decision) = (self.name.clone(), decision.name.clone());
                return Err(SpaceError::LogitNotANumber { space, decision, position: start + position });
            }
            // Strictly greater: the first of equal logits wins, on every machine.
            let best = (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
            choices.push(best as u16);
        }
        Ok(self.canonical(&Architecture::new(choices)))
    }

    /// See [`SearchSpace::smallest`](super::SearchSpace::smallest).
    pub fn smallest(&self) -> Architecture {
        self.canonical(&Architecture::new(self.decisions.iter().map(|decision| decision.smallest).collect()))
    }

    /// See [`SearchSpace::largest`](super::SearchSpace::largest).
    pub fn largest(&self) -> Architecture {
        self.canonical(&Architecture::new(self.decisions.iter().map(|decision| decision.largest).collect()))
    }

    /// See [`SearchSpace::hash`](super::SearchSpace::hash).
    pub fn hash(&self) -> String {
        // Each text goes in with its length before it, so that no two spaces spell the same bytes.
        let mut hasher = Sha256::new();
        let mut text = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(&self.name);
        for decision in &self.decisions {
            text(&decision.name);
            text(&decision.choices.len().to_string());
            decision.choices.iter().for_each(|choice| text(choice));
            match &decision.activity {
                Activity::Always => text("always"),
                Activity::When { decision, choices } => text(&format!("when {decision} in {choices:?}")),
            }
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
