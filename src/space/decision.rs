//! A decision: its name, its choices, and when it is made at all.

/// When a decision is part of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// In every architecture.
    Always,
    /// Only where another decision takes one of the listed choices: the block exists because the stage is deep enough.
    When {
        /// Index of the governing decision, itself always active.
        decision: usize,
        /// Choice indices of the governing decision that make this one active.
        choices: Vec<u16>,
    },
}

/// One thing to choose, with all that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Unique in its space, for example `stage2.block1.kernel_size`.
    pub name: String,
    /// Decisions of one kind share a group, for example `kernel_size`.
    pub group: String,
    /// The choices as they are written in architecture strings, in index order.
    pub choices: Vec<String>,
    /// When the decision is made at all.
    pub activity: Activity,
    /// The choice of the smallest network of the space.
    pub smallest: u16,
    /// The choice of the largest network of the space.
    pub largest: u16,
}

impl Decision {
    /// A decision over numbers; its smallest and largest choices are the least and the greatest number.
    pub fn over_numbers(name: impl Into<String>, group: &str, numbers: &[i64]) -> Self {
        let position_of = |wanted: Option<&i64>| {
            wanted.and_then(|wanted| numbers.iter().position(|number| number == wanted)).unwrap_or(0) as u16
        };
        Self {
            name: name.into(),
            group: group.to_owned(),
            choices: numbers.iter().map(i64::to_string).collect(),
            activity: Activity::Always,
            smallest: position_of(numbers.iter().min()),
            largest: position_of(numbers.iter().max()),
        }
    }

    /// A decision over names, with the indices of the smallest and the largest choice.
    pub fn over_names(name: impl Into<String>, group: &str, names: &[&str], smallest: u16, largest: u16) -> Self {
        Self {
            name: name.into(),
            group: group.to_owned(),
            choices: names.iter().map(|&name| name.to_owned()).collect(),
            activity: Activity::Always,
            smallest,
            largest,
        }
    }

    /// The same decision, made only where `decision` takes one of `choices`.
    #[must_use]
    pub fn active_when(mut self, decision: usize, choices: Vec<u16>) -> Self {
        self.activity = Activity::When { decision, choices };
        self
    }

    /// The number that a choice stands for, or `None` where the choice is a word or does not exist.
    pub fn number(&self, choice: u16) -> Option<i64> {
        self.choices.get(usize::from(choice))?.parse().ok()
    }

    /// The index of a choice by its written form. Upper and lower case are the same: Python writes `True`, JSON `true`.
    pub fn choice_named(&self, text: &str) -> Option<u16> {
        self.choices.iter().position(|choice| choice.eq_ignore_ascii_case(text)).map(|index| index as u16)
    }
}

/// The choices of a depth decision (written as numbers of layers) that make layer `layer`, from 0, exist.
pub(super) fn choices_deeper_than(depths: &[i64], layer: usize) -> Vec<u16> {
    (0..depths.len()).filter(|&choice| depths[choice] > layer as i64).map(|choice| choice as u16).collect()
}
