//! The forward pass of a convolution.

use super::elastic::Bounds;
use super::pass::{Pass, scratch};
use super::{Conv2d, variants};
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::in_place::Known;

/// `y[a,n,o] = sum_i w[a,o,i] * f(x[a,n,i])`, `f` being ReLU or nothing. Slots `x`, `w`, (`gate` `[A, width]`), (the bounds of
/// [`super::Elastic`]), `y`. Where the gate is closed, `y` stays as it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2dForward(pub Conv2d);

impl Kernel for Conv2dForward {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn slots(&self) -> Vec<Slot> {
        let pairs = self.0.stores_pairs(false);
        let first = [Slot::read("x", self.0.inputs()).or_half(), Slot::read("w", self.0.weights_of_all())];
        first
            .into_iter()
            .chain(self.0.bound_slots())
            .chain([Slot::write("y", self.0.outputs()).or_half_where(pairs)])
            .collect()
    }

    fn shader(&self) -> Shader {
        self.variants().swap_remove(0).shader
    }

    fn parameters(&self) -> Words {
        let words = Words::new()
            .u32(self.0.architectures)
            .u32(self.0.batch)
            .u32(self.0.groups)
            .u32(self.0.group_outputs() as u32)
            .u32(self.0.group_inputs() as u32)
            .u32(self.0.output_height())
            .u32(self.0.output_width())
            .u32(self.0.height)
            .u32(self.0.width);
        self.0.shared_words(words)
    }

    fn grid(&self) -> [u32; 3] {
        self.variants().swap_remove(0).grid
    }

    fn variants(&self) -> Vec<Variant> {
        let image = [self.0.output_height(), self.0.output_width()];
        variants::pass(&self.0, self.0.group_outputs(), image, [("INPUT_GRADIENT", 0), ("ACCUMULATE", 0)])
    }

    fn tuning(&self) -> Option<Tuning> {
        Some(variants::tuning("conv2d", &self.0, Conv2dForward))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.0.operations(), bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        scratch(&self.0, false)
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let (Some(x), Some(w)) = (views.next(), views.next()) else { return };
        let gate = self.0.gate.and_then(|_| views.next());
        let bounds = Bounds::take(self.0.elastic, &mut views);
        let Some(y) = views.next() else { return };
        let pass = Pass {
            convolution: &self.0,
            gradient: false,
            source: x.read(),
            weights: w.read(),
            gate: gate.map(|gate| gate.read()),
            bounds,
            mask: None,
            known: Known::Nothing,
        };
        pass.run(cpu, y.write());
    }
}
