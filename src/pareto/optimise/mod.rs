//! Baseline optimisers: methods that evaluate one architecture after another, and that a search has to beat.
//!
//! All share one interface: [`ask`](Optimiser::ask) for an architecture, evaluate it, [`tell`](Optimiser::tell) its objectives.
//! All work on any [`SearchSpace`] and any number of objectives, minimised. An optimiser is a function of its seed and of
//! what it is told. The methods and their settings are those that the MODNAS comparison takes from Syne Tune.
//!
//! | method | file |
//! |---|---|
//! | random search | [`random_search`] |
//! | local search around the front | [`local_search`] |
//! | NSGA-II | [`nsga2`] |
//! | MO-REA, regularised evolution | [`mo_rea`] |
//! | MO-ASHA, successive halving | [`mo_asha`] |
//! | LSBO, RSBO, ParEGO on a [Gaussian process](gaussian_process) | [`bayesian`] |

pub mod bayesian;
mod draw;
pub mod gaussian_process;
pub mod local_search;
pub mod mo_asha;
pub mod mo_rea;
pub mod nsga2;
pub mod random_search;
mod ranking;
pub mod run;

use std::fmt;
use std::str::FromStr;

use crate::space::{Architecture, SearchSpace};

/// What an optimiser wants to know: the objectives of an architecture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The architecture, canonical.
    pub architecture: Architecture,
    /// After so many epochs of training, where an optimiser is content with less than all of them.
    pub epochs: Option<u32>,
}

impl Question {
    /// Asks for a full evaluation.
    pub fn full(architecture: Architecture) -> Self {
        Self { architecture, epochs: None }
    }
}

/// A method that learns from evaluations what to evaluate next.
pub trait Optimiser: Send {
    /// The next question; `None` where the space has nothing left to ask for. No optimiser here asks the same question twice.
    fn ask(&mut self) -> Option<Question>;

    /// The answer to a question that was asked: one value an objective, NaN throughout for an architecture that is of no use.
    fn tell(&mut self, question: &Question, values: &[f64]);
}

/// The baseline methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Random search.
    RandomSearch,
    /// Local search around the front.
    LocalSearch,
    /// NSGA-II.
    Nsga2,
    /// Multi-objective regularised evolution.
    MoRea,
    /// Multi-objective asynchronous successive halving.
    MoAsha,
    /// Bayesian optimisation of the equal-weight sum.
    Lsbo,
    /// Bayesian optimisation of randomly weighted sums.
    Rsbo,
    /// Bayesian optimisation of randomly weighted augmented Tchebycheff values.
    ParEgo,
}

/// A name that is no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no method {name:?}; known are {}", Method::ALL.map(Method::name).join(", "))]
pub struct UnknownMethod {
    /// The name as written.
    pub name: String,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 8] = [
        Self::RandomSearch,
        Self::LocalSearch,
        Self::Nsga2,
        Self::MoRea,
        Self::MoAsha,
        Self::Lsbo,
        Self::Rsbo,
        Self::ParEgo,
    ];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::RandomSearch => "rs",
            Self::LocalSearch => "ls",
            Self::Nsga2 => "nsga2",
            Self::MoRea => "morea",
            Self::MoAsha => "moasha",
            Self::Lsbo => "lsbo",
            Self::Rsbo => "rsbo",
            Self::ParEgo => "parego",
        }
    }

    /// A new optimiser of this method. `epochs` are the lengths of training short of the full one that can be asked for,
    /// ascending; only MO-ASHA uses them, and without any it is random search.
    pub fn optimiser<'a>(self, space: &'a dyn SearchSpace, epochs: &[u32], seed: u64) -> Box<dyn Optimiser + 'a> {
        use bayesian::{BayesianOptimiser, Scheme};
        match self {
            Self::RandomSearch => Box::new(random_search::RandomSearch::new(space, seed)),
            Self::LocalSearch => Box::new(local_search::LocalSearch::new(space, seed)),
            Self::Nsga2 => Box::new(nsga2::Nsga2::new(space, nsga2::POPULATION, seed)),
            Self::MoRea => Box::new(mo_rea::MoRea::new(space, mo_rea::POPULATION, mo_rea::SAMPLE, seed)),
            Self::MoAsha => Box::new(mo_asha::MoAsha::new(space, epochs, mo_asha::REDUCTION, seed)),
            Self::Lsbo => Box::new(BayesianOptimiser::new(space, Scheme::EqualSum, seed)),
            Self::Rsbo => Box::new(BayesianOptimiser::new(space, Scheme::RandomSum, seed)),
            Self::ParEgo => Box::new(BayesianOptimiser::new(space, Scheme::ParEgo, seed)),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| UnknownMethod { name: name.into() })
    }
}
