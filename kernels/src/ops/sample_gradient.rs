//! The gradient of logits through a sample of architecture weights.

use rayon::prelude::*;

use super::require::require;
use super::sample::{SampleKind, ranges, require_groups};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// `dlogits` from the gradient `g` of the weights that [`super::Sample`] wrote, group by group.
///
/// Slots: `g`, `weights`, `probabilities` `[A, total]`, `offsets` u32 `[groups + 1]`, `dlogits` `[A, total]`.
/// [`SampleKind::ReinMax`] after `modnas.md` 4.1 (Liu et al., NeurIPS 2023), where softmax(logits / temperature) is taken
/// from the probabilities; the others `probabilities (g - <g, probabilities>) / temperature`.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleGradient {
    /// How the sample was drawn.
    pub kind: SampleKind,
    /// Architectures.
    pub architectures: u32,
    /// Entries of one architecture, all groups together.
    pub total: u32,
    /// Decision groups of one architecture.
    pub groups: u32,
    /// The temperature; that of the backward formula for [`SampleKind::ReinMax`].
    pub temperature: f32,
}

impl SampleGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Parameters`] for a kind without gradient ([`SampleKind::differentiable`]), for extents without
    /// entries, and for a temperature that is not a positive number.
    pub fn validate(&self) -> Result<()> {
        let name = "sample_gradient";
        require(self.kind.differentiable(), name, "argmax and uniform samples have no gradient")?;
        require_groups(self.architectures, self.total, self.groups, name)?;
        require(
            self.temperature > 0.0 && self.temperature.is_finite(),
            name,
            "the temperature must be a positive number",
        )
    }

    fn reinmax(&self, g: &[f32], weights: &[f32], probabilities: &[f32], dlogits: &mut [f32]) {
        let exponent = 1.0 / self.temperature;
        let tempered = |p: f32| if self.temperature == 1.0 { p } else { p.powf(exponent) };
        let sum: f32 = if self.temperature == 1.0 { 1.0 } else { probabilities.iter().map(|p| tempered(*p)).sum() };
        let mut along_p = 0.0;
        let mut along_q = 0.0;
        for ((g, d), p) in g.iter().zip(weights).zip(probabilities) {
            along_p += g * p;
            along_q += g * 0.5 * (tempered(*p) / sum + d);
        }
        let mut mean = 0.0;
        for (((dlogit, g), d), p) in dlogits.iter_mut().zip(g).zip(weights).zip(probabilities) {
            let q = 0.5 * (tempered(*p) / sum + d);
            *dlogit = 2.0 * q * (g - along_q) - 0.5 * p * (g - along_p);
            mean += *dlogit;
        }
        mean /= g.len() as f32;
        dlogits.iter_mut().for_each(|dlogit| *dlogit -= mean);
    }

    fn straight_through(&self, g: &[f32], probabilities: &[f32], dlogits: &mut [f32]) {
        let along: f32 = g.iter().zip(probabilities).map(|(g, p)| g * p).sum();
        for ((dlogit, g), p) in dlogits.iter_mut().zip(g).zip(probabilities) {
            *dlogit = p * (g - along) / self.temperature;
        }
    }
}

impl Kernel for SampleGradient {
    fn name(&self) -> &'static str {
        "sample_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let len = self.architectures as usize * self.total as usize;
        vec![
            Slot::read("g", len),
            Slot::read("weights", len),
            Slot::read("probabilities", len),
            Slot::read("offsets", self.groups as usize + 1),
            Slot::write("dlogits", len),
        ]
    }

    fn shader(&self) -> Shader {
        let reinmax = self.kind == SampleKind::ReinMax;
        let tempered = reinmax && self.temperature != 1.0;
        Shader {
            file: "sample/sample_gradient",
            constants: vec![("REINMAX", u32::from(reinmax)), ("TEMPERED", u32::from(tempered))],
        }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.architectures).u32(self.total).u32(self.groups).f32(self.temperature)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.architectures as usize * self.groups as usize).div_ceil(64))
    }

    fn cost(&self) -> Cost {
        let len = u64::from(self.architectures) * u64::from(self.total);
        Cost { operations: 16 * len, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [g, weights, probabilities, offsets, dlogits] = views.split();
        let (g, weights, probabilities) = (g.read(), weights.read(), probabilities.read());
        let offsets = &offsets.read_u32()[..=self.groups as usize];
        let total = self.total as usize;
        let rows = dlogits.write().par_chunks_mut(total).zip(g.par_chunks(total));
        let samples = weights.par_chunks(total).zip(probabilities.par_chunks(total));
        rows.zip(samples).take(self.architectures as usize).for_each(|((dlogits, g), (weights, probabilities))| {
            for range in ranges(offsets, self.total).filter(|range| !range.is_empty()) {
                let (g, p) = (&g[range.clone()], &probabilities[range.clone()]);
                match self.kind {
                    SampleKind::ReinMax => self.reinmax(g, &weights[range.clone()], p, &mut dlogits[range]),
                    _ => self.straight_through(g, p, &mut dlogits[range]),
                }
            }
        });
    }
}
