//! Which channels the widths of a decision cover, for many architectures at once.

use super::Gate;
use super::check::{at_most, countable, positive};
use super::require::require;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// The most widths that a decision has; they are uniform parameters of the shader.
const MOST_WIDTHS: usize = 32;
/// The largest width: its sum is one of a workgroup.
const WIDEST: u64 = 256 * 65_000;

/// The coverage of the channels by one decision over widths: candidates share one largest weight, channels from 0, so that a
/// width covers the channels below it (weight entanglement, Sukthanker et al., 2024).
///
/// `mask[a,c]` is the sum of the weights of the widths above `c`, `[A, K] -> [A, W]`, `W` being the largest width; `extents[a]`
/// (u32) is the largest width whose weight is not 0: where loops over channels end. Slots `weights` `[A, K]`, (`gate`
/// `[A, width]`), `mask` `[A, W]`, `extents` u32 `[A]`. With one-hot weights the mask is 1 below the chosen width and 0 above.
///
/// Where the gate is closed the extent is 0 and the mask as it is: a layer beyond the chosen depth does no work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Architectures A.
    pub architectures: u32,
    /// Channels that each choice covers; 0 is possible.
    pub widths: Vec<u32>,
    /// Architectures that do any work.
    pub gate: Option<Gate>,
    /// Whether all extents are `W`, for the gradient of weights that are 0 ([`super::Unselected::Exact`]).
    pub evaluate_all: bool,
}

impl Coverage {
    /// Checks the widths.
    ///
    /// # Errors
    /// Where there is no architecture, none or more than 32 widths, no width above 0, or more channels than a kernel counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "coverage";
        positive(NAME, &[("architectures", self.architectures.into()), ("the largest width", self.width().into())])?;
        require(self.widths.len() <= MOST_WIDTHS, NAME, "a decision has at most 32 widths")?;
        at_most(NAME, "the largest width", self.width().into(), WIDEST)?;
        countable(NAME, "the mask", &[self.architectures.into(), self.width().into()])
    }

    /// The largest width.
    pub fn width(&self) -> u32 {
        self.widths.iter().copied().max().unwrap_or(0)
    }

    fn mask_len(&self) -> usize {
        self.architectures as usize * self.width() as usize
    }

    fn weights_len(&self) -> usize {
        self.architectures as usize * self.widths.len()
    }

    fn words(&self) -> Words {
        let (gate_width, gate_choice) = self.gate.map_or((0, 0), |gate| (gate.width, gate.choice));
        let words = Words::new()
            .u32(self.architectures)
            .u32(self.widths.len() as u32)
            .u32(self.width())
            .u32(self.evaluate_all.into())
            .u32(gate_width)
            .u32(gate_choice)
            .u32(0)
            .u32(0);
        self.widths.iter().fold(words, |words, width| words.u32(*width))
    }

    fn extent(&self, weights: &[f32]) -> u32 {
        let taken = self.widths.iter().zip(weights).filter(|(_, weight)| **weight != 0.0);
        taken.map(|(width, _)| *width).max().unwrap_or(0)
    }
}

impl Kernel for Coverage {
    fn name(&self) -> &'static str {
        "coverage"
    }

    fn slots(&self) -> Vec<Slot> {
        let architectures = self.architectures as usize;
        [Slot::read("weights", self.weights_len())]
            .into_iter()
            .chain(self.gate.map(|gate| Slot::read("gate", architectures * gate.width as usize)))
            .chain([Slot::write("mask", self.mask_len()), Slot::write("extents", architectures)])
            .collect()
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/coverage", constants: vec![("GATE", self.gate.is_some().into())] }
    }

    fn parameters(&self) -> Words {
        self.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.mask_len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: (self.mask_len() * self.widths.len()) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let (weights, gate, mask, extents) = if self.gate.is_some() {
            let [weights, gate, mask, extents] = views.split();
            (weights.read(), Some(gate.read()), mask.write(), extents.write_u32())
        } else {
            let [weights, mask, extents] = views.split();
            (weights.read(), None, mask.write(), extents.write_u32())
        };
        let rows = weights.chunks_exact(self.widths.len()).zip(mask.chunks_exact_mut(self.width() as usize));
        for (a, ((weights, mask), extent)) in rows.zip(extents).take(self.architectures as usize).enumerate() {
            mask.fill(0.0);
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (width, weight) in self.widths.iter().zip(weights) {
                        mask[..*width as usize].iter_mut().for_each(|mask| *mask += weight);
                    }
                },
            );
            *extent = match self.evaluate_all {
                true => self.width(),
                false if Gate::is_open(self.gate, gate, a) => self.extent(weights),
                false => 0,
            };
        }
    }
}

/// The gradient of the weights of a decision from that of its mask: `dweights[a,k]` is the sum of `dmask[a,c]` over the channels
/// `c` that width `k` covers; 0 where the weight is 0, unless all are evaluated. Slots `dmask` `[A, W]`, `weights` `[A, K]`,
/// `dweights` `[A, K]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageGradient(pub Coverage);

impl Kernel for CoverageGradient {
    fn name(&self) -> &'static str {
        "coverage_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let weights = self.0.weights_len();
        vec![Slot::read("dmask", self.0.mask_len()), Slot::read("weights", weights), Slot::write("dweights", weights)]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/coverage_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.weights_len())
    }

    fn cost(&self) -> Cost {
        Cost { operations: (self.0.mask_len() * self.0.widths.len()) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [dmask, weights, dweights] = views.split();
        let (dmask, weights, choices) = (dmask.read(), weights.read(), self.0.widths.len());
        for (entry, dweight) in dweights.write().iter_mut().take(self.0.weights_len()).enumerate() {
            let row = &dmask[entry / choices * self.0.width() as usize..];
            let covered = &row[..self.0.widths[entry % choices] as usize];
            *dweight = match self.0.evaluate_all || weights[entry] != 0.0 {
                true => covered.iter().map(|dmask| f64::from(*dmask)).sum::<f64>() as f32,
                false => 0.0,
            };
        }
    }
}
