//! The gradient of a mixed edge with respect to its weights.

use super::mixed_edge::{CHOICES, MixedEdge};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most};

/// The gradient of the entries that the forward pass did not take, those of weight 0. The order is that of `UNSELECTED` in
/// `mixed_edge/mixed_weight_gradient.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unselected {
    /// The sum of all elements of the upstream gradient, as in the published code on NAS-Bench-201 (and in GDAS): there the
    /// weights of unselected operations are added to the result as scalars.
    Published,
    /// Zero.
    Zero,
    /// The entry's own: the inner product of upstream gradient and operation; the edge evaluates all operations.
    Exact,
}

/// The gradient of the weights, `[A, 5]`, from the sums `[A, C, 5]` of [`super::MixedSums`]. Slots `sums`, `weights` `[A, 5]`, `dw`.
///
/// An entry of a weight that is not 0 is the sum of its column over the channels (0 for `none`); for the others see [`Unselected`].
#[derive(Debug, Clone, PartialEq)]
pub struct MixedWeightGradient {
    /// The edge.
    pub edge: MixedEdge,
    /// What an entry of weight 0 gets.
    pub unselected: Unselected,
}

impl MixedWeightGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`MixedEdge::validate`], and where there are more channels than a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        self.edge.validate()?;
        at_most("mixed_weight_gradient", "channels", self.edge.channels.into(), ITERATIONS)
    }
}

impl Kernel for MixedWeightGradient {
    fn name(&self) -> &'static str {
        "mixed_weight_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("sums", self.edge.planes().rows() * CHOICES),
            Slot::read("weights", self.edge.weights()),
            Slot::write("dw", self.edge.weights()),
        ]
    }

    fn shader(&self) -> Shader {
        let constants = vec![("UNSELECTED", self.unselected as u32)];
        Shader { file: "mixed_edge/mixed_weight_gradient", constants }
    }

    fn parameters(&self) -> Words {
        self.edge.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.edge.weights().div_ceil(64))
    }

    fn cost(&self) -> Cost {
        Cost { operations: (self.edge.planes().rows() * CHOICES) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [sums, weights, dw] = views.split();
        let (sums, weights, row) = (sums.read(), weights.read(), self.edge.channels as usize * CHOICES);
        for (index, (dw, weight)) in dw.write().iter_mut().zip(weights).take(self.edge.weights()).enumerate() {
            let (a, choice) = (index / CHOICES, index % CHOICES);
            let selected = *weight != 0.0 || self.unselected == Unselected::Exact;
            let column = match self.unselected {
                _ if selected && choice > 0 => choice,
                Unselected::Published if !selected => 0,
                _ => {
                    *dw = 0.0;
                    continue;
                }
            };
            let channels = sums[a * row..(a + 1) * row].chunks_exact(CHOICES);
            *dw = channels.map(|sums| f64::from(sums[column])).sum::<f64>() as f32;
        }
    }
}
