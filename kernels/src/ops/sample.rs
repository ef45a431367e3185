//! Architecture weights drawn from logits, for every decision of every architecture.

use rayon::prelude::*;

use super::draws::{gumbel_of, uniform_of};
use super::philox::{philox_key, philox4x32_10};
use super::require::{LONGEST_LOOP, require, require_len};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// How architecture weights come from logits. The order is that of `KIND` in `sample/sample.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleKind {
    /// One-hot, drawn from softmax(logits); second-order straight-through gradient (Liu et al., NeurIPS 2023).
    ReinMax,
    /// One-hot at the argmax of Gumbel-softmax; straight-through gradient (Dong and Yang, CVPR 2019).
    Gdas,
    /// Gumbel-softmax, relaxed (Jang et al.; Maddison et al., ICLR 2017).
    Gumbel,
    /// Softmax, nothing drawn (DARTS: Liu et al., ICLR 2019).
    Softmax,
    /// One-hot at the first largest logit, nothing drawn; no gradient.
    Argmax,
    /// One-hot, drawn uniformly whatever the logits are; no gradient.
    Uniform,
}

impl SampleKind {
    fn code(self) -> u32 {
        match self {
            Self::ReinMax => 0,
            Self::Gdas => 1,
            Self::Gumbel => 2,
            Self::Softmax => 3,
            Self::Argmax => 4,
            Self::Uniform => 5,
        }
    }

    /// Whether the weights are one-hot, exactly 0 and 1.
    pub fn one_hot(self) -> bool {
        !matches!(self, Self::Gumbel | Self::Softmax)
    }

    /// Whether logits have a gradient through the weights.
    pub fn differentiable(self) -> bool {
        !matches!(self, Self::Argmax | Self::Uniform)
    }
}

/// Weights of every entry of every decision group, `[A, total]`, from logits `[A, total]`.
///
/// Slots: `logits` `[A, total]`, `offsets` u32 `[groups + 1]` (the start of each group, the last is `total`), `clock` u32
/// `[2]`, `weights` `[A, total]`, `probabilities` `[A, total]`. A draw is a function of (`seed`, `site`, step,
/// `first_architecture + a`, group) alone, so that a step cut into chunks over architectures draws the same. Entries in
/// no group are left as they were.
///
/// `modnas.md` 4.1, 4.2; the formulas stand in `sample/sample.wgsl`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// How.
    pub kind: SampleKind,
    /// Architectures.
    pub architectures: u32,
    /// Entries of one architecture, all groups together.
    pub total: u32,
    /// Decision groups of one architecture.
    pub groups: u32,
    /// The temperature of [`SampleKind::Gdas`], [`SampleKind::Gumbel`] and [`SampleKind::Softmax`]. That of
    /// [`SampleKind::ReinMax`] concerns its gradient only.
    pub temperature: f32,
    /// The run's seed.
    pub seed: u64,
    /// Where in the step the sample is drawn.
    pub site: u32,
    /// The place, among all architectures of the step, of the first that this launch samples.
    pub first_architecture: u32,
}

/// Checks what the kernels over decision groups have in common.
pub(super) fn require_groups(architectures: u32, total: u32, groups: u32, kernel: &'static str) -> Result<()> {
    require(architectures > 0, kernel, "there must be an architecture")?;
    require(groups > 0 && groups <= total, kernel, "there must be a decision, and an entry for each")?;
    require(total <= LONGEST_LOOP, kernel, "an architecture has at most 65,535 entries")?;
    require_len(architectures as usize * total as usize, kernel)
}

/// The ranges of the groups, as the shaders read them: within `total`, whatever the buffer holds.
#[inline(always)]
pub(super) fn ranges(offsets: &[u32], total: u32) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    offsets.windows(2).map(move |pair| {
        let end = pair[1].min(total);
        pair[0].min(end) as usize..end as usize
    })
}

impl Sample {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] where there is nothing to sample, too many entries, more (architecture, group) pairs
    /// than counters, or a temperature that is not a positive number.
    pub fn validate(&self) -> Result<()> {
        require_groups(self.architectures, self.total, self.groups, "sample")?;
        require(
            self.temperature > 0.0 && self.temperature.is_finite(),
            "sample",
            "the temperature must be a positive number",
        )?;
        let last = u64::from(self.first_architecture) + u64::from(self.architectures);
        require(last * u64::from(self.groups) <= 1 << 32, "sample", "architectures times groups must fit 32 bits")
    }

    /// One group of one architecture; `index` counts (architecture, group).
    fn group(&self, step: u32, index: u32, logits: &[f32], weights: &mut [f32], probabilities: &mut [f32]) {
        let bits_at = |block: u32| philox4x32_10([index, step, self.site, block], philox_key(self.seed));
        let width = weights.len();
        let mut choice = 0;
        if self.kind == SampleKind::Uniform {
            choice = ((uniform_of(bits_at(0)[0]) * width as f32) as usize).min(width - 1);
            probabilities.fill(1.0 / width as f32);
        } else {
            let mut largest = f32::MIN;
            let mut bits = [0; 4];
            for (k, (p, logit)) in probabilities.iter_mut().zip(logits).enumerate() {
                if matches!(self.kind, SampleKind::Gdas | SampleKind::Gumbel) && k % 4 == 0 {
                    bits = bits_at(k as u32 / 4);
                }
                *p = match self.kind {
                    SampleKind::Gdas | SampleKind::Gumbel => (logit + gumbel_of(bits[k % 4])) / self.temperature,
                    SampleKind::Softmax => logit / self.temperature,
                    _ => *logit,
                };
                if *p > largest {
                    largest = *p;
                    choice = k;
                }
            }
            let mut sum = 0.0;
            for p in probabilities.iter_mut() {
                *p = (*p - largest).exp();
                sum += *p;
            }
            if self.kind == SampleKind::ReinMax {
                // The first entry at which the running sum passes u * sum; rounding may leave none, then the last
                // possible one.
                let threshold = uniform_of(bits_at(0)[0]) * sum;
                let mut running = 0.0;
                for (k, p) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                    running += p;
                    choice = k;
                    if threshold < running {
                        break;
                    }
                }
            }
            probabilities.iter_mut().for_each(|p| *p /= sum);
        }
        if self.kind.one_hot() {
            weights.fill(0.0);
            weights[choice] = 1.0;
        } else {
            weights.copy_from_slice(probabilities);
        }
    }
}

impl Kernel for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn slots(&self) -> Vec<Slot> {
        let len = self.architectures as usize * self.total as usize;
        vec![
            Slot::read("logits", len),
            Slot::read("offsets", self.groups as usize + 1),
            Slot::read("clock", 2),
            Slot::write("weights", len),
            Slot::write("probabilities", len),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "sample/sample", constants: vec![("KIND", self.kind.code())] }
    }

    fn parameters(&self) -> Words {
        let [low, high] = philox_key(self.seed);
        Words::new()
            .u32(self.architectures)
            .u32(self.total)
            .u32(self.groups)
            .u32(self.first_architecture)
            .f32(self.temperature)
            .u32(low)
            .u32(high)
            .u32(self.site)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.architectures as usize * self.groups as usize).div_ceil(64))
    }

    fn cost(&self) -> Cost {
        let len = u64::from(self.architectures) * u64::from(self.total);
        Cost { operations: 40 * len, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [logits, offsets, clock, weights, probabilities] = views.split();
        let (logits, offsets) = (logits.read(), &offsets.read_u32()[..=self.groups as usize]);
        let step = clock.read_u32()[0];
        let total = self.total as usize;
        let rows = weights.write().par_chunks_mut(total).zip(probabilities.write().par_chunks_mut(total));
        rows.zip(logits.par_chunks(total)).take(self.architectures as usize).enumerate().for_each(
            |(a, ((weights, probabilities), logits))| {
                let first = self.first_architecture.wrapping_add(a as u32).wrapping_mul(self.groups);
                for (group, range) in ranges(offsets, self.total).enumerate().filter(|(_, range)| !range.is_empty()) {
                    self.group(
                        step,
                        first.wrapping_add(group as u32),
                        &logits[range.clone()],
                        &mut weights[range.clone()],
                        &mut probabilities[range],
                    );
                }
            },
        );
    }
}
