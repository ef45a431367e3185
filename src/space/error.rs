//! What can be wrong with an architecture, its text, or the definition of a space.

/// A text, an architecture or a vector that does not belong to a space.
///
/// Positions are byte offsets into the text that was read, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// The text does not have the form in which the space writes its architectures.
    #[error("{space}: expected {expected} at byte {position}, found {text:?}")]
    Syntax {
        /// Name of the space.
        space: String,
        /// The offending piece of text; empty at the end.
        text: String,
        /// Where it starts.
        position: usize,
        /// What would have been right.
        expected: String,
    },
    /// A value that is no choice of its decision.
    #[error("{space}: {text:?} at byte {position} is not a choice of {decision} (choices: {})", choices.join(", "))]
    UnknownChoice {
        /// Name of the space.
        space: String,
        /// Name of the decision.
        decision: String,
        /// The offending value.
        text: String,
        /// Where it starts.
        position: usize,
        /// The values that the decision knows.
        choices: Vec<String>,
    },
    /// A key that the space does not know, or that stands there twice.
    #[error("{space}: unexpected key {key:?} at byte {position} (each of these once: {})", keys.join(", "))]
    UnexpectedKey {
        /// Name of the space.
        space: String,
        /// The offending key.
        key: String,
        /// Where it starts.
        position: usize,
        /// The keys that the space knows.
        keys: Vec<String>,
    },
    /// A key that is needed is not there.
    #[error("{space}: key {key:?} is missing (each of these once: {})", keys.join(", "))]
    MissingKey {
        /// Name of the space.
        space: String,
        /// The missing key.
        key: String,
        /// The keys that the space knows.
        keys: Vec<String>,
    },
    /// A key has the wrong number of values.
    #[error("{space}: key {key:?} at byte {position} has {found} values, expected {expected}")]
    ValueCount {
        /// Name of the space.
        space: String,
        /// The key.
        key: String,
        /// Where its value starts.
        position: usize,
        /// Number of values found.
        found: usize,
        /// The numbers of values that would have been right.
        expected: String,
    },
    /// An architecture with the wrong number of decisions.
    #[error("{space}: an architecture has {expected} decisions, not {found}")]
    DecisionCount {
        /// Name of the space.
        space: String,
        /// Number of choices found.
        found: usize,
        /// Number of decisions of the space.
        expected: usize,
    },
    /// A choice index past the last choice.
    #[error("{space}: {decision} has no choice {choice} (choices, from 0: {})", choices.join(", "))]
    ChoiceOutOfRange {
        /// Name of the space.
        space: String,
        /// Name of the decision.
        decision: String,
        /// The offending index.
        choice: u16,
        /// The values that the decision knows, in index order.
        choices: Vec<String>,
    },
    /// A vector of logits of the wrong width.
    #[error("{space}: expected {expected} logits, found {found}")]
    LogitCount {
        /// Name of the space.
        space: String,
        /// Number of logits found.
        found: usize,
        /// One-hot width of the space.
        expected: usize,
    },
    /// A logit that is not a number, so that no choice is the greatest.
    #[error("{space}: logit {position}, a choice of {decision}, is not a number")]
    LogitNotANumber {
        /// Name of the space.
        space: String,
        /// Name of the decision.
        decision: String,
        /// Index into the flat vector of logits.
        position: usize,
    },
    /// A space or a network that cannot exist as configured.
    #[error("{space}: {reason}")]
    Definition {
        /// Name of the space.
        space: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}
