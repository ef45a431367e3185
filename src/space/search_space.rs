//! The trait that all spaces share.

use num_bigint::BigUint;
use rand::Rng;

use super::{Architecture, Decision, DecisionLayout, SpaceError};

/// A space of architectures.
///
/// An implementation gives its [layout](DecisionLayout) and its text form; the rest follows. The trait is object safe:
/// the rest of the engine holds a `&dyn SearchSpace`.
///
/// Every architecture that a method returns is canonical. Methods that take an architecture and return no `Result`
/// expect one that [`validate`](SearchSpace::validate) accepts; another one gives no panic, but a meaningless answer.
pub trait SearchSpace: Send + Sync {
    /// The decisions of the space, laid out.
    fn layout(&self) -> &DecisionLayout;

    /// Reads an architecture in the text form of its field. Values of inactive decisions are not looked at.
    ///
    /// # Errors
    /// A [`SpaceError`] that names the offending text, its position, and what would have been right.
    fn parse(&self, text: &str) -> Result<Architecture, SpaceError>;

    /// Writes an architecture in the text form of its field; [`parse`](SearchSpace::parse) reads back its canonical form.
    fn print(&self, architecture: &Architecture) -> String;

    /// Name of the space, as in files.
    fn name(&self) -> &str {
        self.layout().name()
    }

    /// The decisions in the order of an architecture's choices.
    fn decisions(&self) -> &[Decision] {
        self.layout().decisions()
    }

    /// Where each decision's logits start in one flat vector, and after the last its [width](SearchSpace::width):
    /// decision `i` is `offsets()[i]..offsets()[i + 1]`.
    fn offsets(&self) -> &[usize] {
        self.layout().offsets()
    }

    /// Length of the flat vector of logits, and of an [encoding](SearchSpace::encode).
    fn width(&self) -> usize {
        self.layout().width()
    }

    /// Whether a decision is part of this network (a layer beyond the chosen depth is not). `false` past the last decision.
    fn is_active(&self, architecture: &Architecture, decision: usize) -> bool {
        self.layout().is_active(architecture, decision)
    }

    /// The same network with inactive decisions at choice 0, so that equal networks compare equal.
    fn canonical(&self, architecture: &Architecture) -> Architecture {
        self.layout().canonical(architecture)
    }

    /// Checks the number of choices and that each exists. Inactive decisions may take any of their choices.
    ///
    /// # Errors
    /// [`SpaceError::DecisionCount`] or [`SpaceError::ChoiceOutOfRange`].
    fn validate(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        self.layout().validate(architecture)
    }

    /// One-hot over all decisions, `[width]`; inactive decisions all zero. The input of the field's predictors.
    fn encode(&self, architecture: &Architecture) -> Vec<f32> {
        self.layout().encode(architecture)
    }

    /// The architecture of the greatest logit of each decision, `[width]`; of equal ones the first.
    /// Takes an [encoding](SearchSpace::encode) back to its architecture, too.
    ///
    /// # Errors
    /// [`SpaceError::LogitCount`] for another width, [`SpaceError::LogitNotANumber`] for a NaN.
    fn argmax(&self, logits: &[f32]) -> Result<Architecture, SpaceError> {
        self.layout().argmax(logits)
    }

    /// Exact number of distinct architectures, from the decisions and their activity.
    fn count(&self) -> BigUint {
        self.layout().count()
    }

    /// The architecture with a number from 0 to [`count`](SearchSpace::count) - 1, each distinct network once; `None`
    /// beyond. The order is the engine's own: it is not that of any published table.
    fn numbered(&self, number: &BigUint) -> Option<Architecture> {
        self.layout().numbered(number)
    }

    /// The smallest choice everywhere.
    fn smallest(&self) -> Architecture {
        self.layout().smallest()
    }

    /// The largest choice everywhere.
    fn largest(&self) -> Architecture {
        self.layout().largest()
    }

    /// A random architecture, uniform over the choices of each decision, as the field samples.
    ///
    /// Where depth is a decision this is *not* uniform over networks: each depth is as likely as another, although far
    /// more networks are deep. See [`random_network`](SearchSpace::random_network).
    fn random(&self, rng: &mut dyn Rng) -> Architecture {
        self.layout().random(rng)
    }

    /// A random architecture, uniform over the distinct networks of the space.
    fn random_network(&self, rng: &mut dyn Rng) -> Architecture {
        self.layout().random_network(rng)
    }

    /// A different network near `parent`: each active decision moves to another of its choices with `probability`, and
    /// where none did, one of them does. A layer that becomes active is drawn at random.
    ///
    /// A space with a single architecture gives that one.
    fn mutate(&self, parent: &Architecture, probability: f64, rng: &mut dyn Rng) -> Architecture {
        self.layout().mutate(parent, probability, rng)
    }

    /// A child of two networks: each decision from one parent or the other, at even odds; one that only one parent has
    /// comes from that parent.
    fn crossover(&self, first: &Architecture, second: &Architecture, rng: &mut dyn Rng) -> Architecture {
        self.layout().crossover(first, second, rng)
    }

    /// All networks that differ in one active decision. Layers that become active take choice 0, those that become
    /// inactive are forgotten: with depth decisions the relation is not symmetric.
    fn neighbours(&self, architecture: &Architecture) -> Vec<Architecture> {
        self.layout().neighbours(architecture)
    }

    /// SHA-256, in hexadecimal, over the space's name, its decisions, their choices and activity. Files carry it, so that
    /// what belongs to another space is refused.
    fn hash(&self) -> String {
        self.layout().hash()
    }
}
