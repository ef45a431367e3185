//! The gradient of attention with respect to the weights of its heads, or of its choice.

use rayon::prelude::*;

use super::{Attention, HeadGate};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most};
use crate::ops::require::require;

/// The inner product of the upstream gradient with the heads' outputs before their weight: the sum over a head's rows, or over
/// those of all heads, of what [`super::AttentionRows`] keeps. Slots `rows` `[A, N, H, 1 + 2 Tq]`, `dw` as the weights.
///
/// Of a gate with a choice, the column of the choice alone is written. Skipped heads get 0.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionWeightGradient {
    /// The attention, with a gate.
    pub attention: Attention,
    /// Whether the heads of weight 0 were computed too.
    pub evaluate_all: bool,
}

impl AttentionWeightGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`Attention::validate`], and where there is no gate, or there are more rows than a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        self.attention.validate()?;
        require(self.attention.gate != HeadGate::None, "attention_weight_gradient", "there are weights")?;
        let rows = [self.attention.batch, self.heads() as u32, self.attention.queries].map(u64::from);
        let rows = rows.iter().fold(1, |product: u64, extent| product.saturating_mul(*extent));
        at_most("attention_weight_gradient", "the number of rows", rows, 256 * (ITERATIONS - 9))
    }

    /// Heads that share a weight.
    fn heads(&self) -> usize {
        if self.attention.gate == HeadGate::PerHead { 1 } else { self.attention.heads as usize }
    }

    /// Entries that are written.
    fn entries(&self) -> usize {
        self.attention.architectures as usize * self.attention.heads as usize / self.heads()
    }

    /// The sum of entry `entry`.
    fn sum(&self, rows: &[f32], entry: usize) -> f32 {
        let attention = &self.attention;
        let (heads, shared) = (attention.heads as usize, self.heads());
        let (a, first) = (entry * shared / heads, entry * shared % heads);
        let mut sum = 0.0f64;
        for n in 0..attention.batch as usize {
            for h in first..first + shared {
                let pair = (a * attention.batch as usize + n) * heads + h;
                let rows = &rows[pair * attention.row_block()..][..attention.row_block()];
                if rows[0] != 0.0 || self.evaluate_all {
                    sum += rows[1 + attention.queries as usize..].iter().map(|x| f64::from(*x)).sum::<f64>();
                }
            }
        }
        sum as f32
    }
}

impl Kernel for AttentionWeightGradient {
    fn name(&self) -> &'static str {
        "attention_weight_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("rows", self.attention.of_rows()), Slot::write("dw", self.attention.weights())]
    }

    fn shader(&self) -> Shader {
        Shader { file: "attention/attention_weight_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.attention.parameters().u32(self.evaluate_all.into())
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.entries())
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.attention.query_rows() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [rows, dw] = views.split();
        let (rows, dw) = (rows.read(), dw.write());
        let [width, first, _] = self.attention.gate.steps(self.attention.heads).map(|step| step as usize);
        match self.attention.gate {
            HeadGate::Choice(_) => dw.par_chunks_mut(width).take(self.entries()).enumerate().for_each(|(a, dw)| {
                dw[first] = self.sum(rows, a);
            }),
            _ => dw.par_iter_mut().take(self.entries()).enumerate().for_each(|(entry, dw)| *dw = self.sum(rows, entry)),
        }
    }
}
