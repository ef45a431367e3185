//! What a search can minimise, and the units that values are written in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Something to minimise. Values are held in the objective's [`base_unit`](Objective::base_unit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Held-out task loss (cross-entropy), no unit.
    Loss,
    /// Time of one inference, milliseconds.
    Latency,
    /// Energy of one inference, millijoules.
    Energy,
    /// Number of parameters.
    Parameters,
    /// Floating-point operations of one inference.
    Flops,
    /// Peak memory of one inference, bytes.
    Memory,
}

impl Objective {
    /// Whether its values must be measured on a device, rather than computed from the architecture or told by the supernet.
    pub fn is_measured(self) -> bool {
        matches!(self, Self::Latency | Self::Energy | Self::Memory)
    }

    /// Every objective, the task loss first.
    pub const ALL: [Self; 6] = [Self::Loss, Self::Latency, Self::Energy, Self::Parameters, Self::Flops, Self::Memory];

    /// The name in configurations, file columns and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Latency => "latency",
            Self::Energy => "energy",
            Self::Parameters => "parameters",
            Self::Flops => "flops",
            Self::Memory => "memory",
        }
    }

    /// The unit in which values of this objective are held.
    pub fn base_unit(self) -> Unit {
        self.units()[0]
    }

    /// The units that values of this objective may be written in, the base unit first.
    pub fn units(self) -> &'static [Unit] {
        const NONE: Unit = unit("", 1.0);
        match self {
            Self::Loss => const { &[NONE] },
            Self::Latency => const { &[unit("ms", 1.0), unit("us", 1e-3), unit("s", 1e3)] },
            Self::Energy => const { &[unit("mJ", 1.0), unit("J", 1e3)] },
            Self::Parameters | Self::Flops => {
                const { &[NONE, unit("K", 1e3), unit("M", 1e6), unit("G", 1e9), unit("T", 1e12)] }
            }
            Self::Memory => {
                const {
                    &[
                        unit("B", 1.0),
                        unit("KiB", 1024.0),
                        unit("MiB", 1048576.0),
                        unit("GiB", 1073741824.0),
                        unit("KB", 1e3),
                        unit("MB", 1e6),
                        unit("GB", 1e9),
                    ]
                }
            }
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no objective.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown objective `{0}`; known are loss, latency, energy, parameters, flops and memory")]
pub struct UnknownObjective(pub String);

impl FromStr for Objective {
    type Err = UnknownObjective;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|o| o.name() == text.trim());
        known.ok_or_else(|| UnknownObjective(text.trim().into()))
    }
}

/// A unit, and what one of it is in the objective's base unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// As written behind a number; empty for a plain count.
    pub symbol: &'static str,
    /// One of this unit, in base units.
    pub factor: f64,
}

const fn unit(symbol: &'static str, factor: f64) -> Unit {
    Unit { symbol, factor }
}
