//! The gradient of a convolution with respect to its input.

use std::sync::Arc;

use super::elastic::Bounds;
use super::pass::{Pass, scratch};
use super::{Conv2d, variants};
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::in_place::{Accumulating, InPlace, Known};

/// The gradient with respect to `x`. Slots `dy`, `w`, (`x`, where the input passes through ReLU), (`gate`), (the bounds of
/// [`super::Elastic`]), (`known`), `dx`.
///
/// Architectures that the gate keeps out have the gradient `known`, or 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2dInputGradient {
    /// The convolution.
    pub convolution: Conv2d,
    /// Whether the slot `known` is added.
    pub accumulate: bool,
}

impl Conv2dInputGradient {
    fn compute(&self, cpu: &Cpu, views: Views<'_>, in_place: bool) {
        let convolution = &self.convolution;
        let mut views = views.each();
        let (Some(dy), Some(w)) = (views.next(), views.next()) else { return };
        let mask = convolution.relu_input.then(|| views.next()).flatten();
        let gate = convolution.gate.and_then(|_| views.next());
        let bounds = Bounds::take(convolution.elastic, &mut views);
        let known = Known::next(self.accumulate, in_place, &mut views);
        let Some(dx) = views.next() else { return };
        let pass = Pass {
            convolution,
            gradient: true,
            source: dy.read(),
            weights: w.read(),
            gate: gate.map(|gate| gate.read()),
            bounds,
            mask: mask.map(|mask| mask.read()),
            known,
        };
        pass.run(cpu, dx.write());
    }
}

impl Kernel for Conv2dInputGradient {
    fn name(&self) -> &'static str {
        "conv2d_input_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let convolution = &self.convolution;
        let inputs = convolution.inputs();
        let pairs = convolution.stores_pairs(true);
        let first = [Slot::read("dy", convolution.outputs()).or_half(), Slot::read("w", convolution.weights_of_all())];
        first
            .into_iter()
            .chain(convolution.relu_input.then(|| Slot::read("x", inputs).or_half()))
            .chain(convolution.bound_slots())
            .chain(self.accumulate.then(|| Slot::read("known", inputs).or_half()))
            .chain([Slot::write("dx", inputs).or_half_where(pairs)])
            .collect()
    }

    fn shader(&self) -> Shader {
        self.variants().swap_remove(0).shader
    }

    fn parameters(&self) -> Words {
        let convolution = &self.convolution;
        let words = Words::new()
            .u32(convolution.architectures)
            .u32(convolution.batch)
            .u32(convolution.groups)
            .u32(convolution.group_inputs() as u32)
            .u32(convolution.group_outputs() as u32)
            .u32(convolution.height)
            .u32(convolution.width)
            .u32(convolution.output_height())
            .u32(convolution.output_width());
        convolution.shared_words(words)
    }

    fn grid(&self) -> [u32; 3] {
        self.variants().swap_remove(0).grid
    }

    fn variants(&self) -> Vec<Variant> {
        let image = [self.convolution.height, self.convolution.width];
        let constants = [("INPUT_GRADIENT", 1), ("ACCUMULATE", self.accumulate.into())];
        variants::pass(&self.convolution, self.convolution.group_inputs(), image, constants)
    }

    fn tuning(&self) -> Option<Tuning> {
        let kernel = |convolution| Self { convolution, accumulate: self.accumulate };
        Some(variants::tuning("conv2d_input_gradient", &self.convolution, kernel))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.convolution.operations(), bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        scratch(&self.convolution, true)
    }

    fn in_place(&self) -> Option<Arc<dyn Kernel>> {
        InPlace::of(self)
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.compute(cpu, views, false);
    }
}

impl Accumulating for Conv2dInputGradient {
    fn run_in_place(&self, cpu: &Cpu, views: Views<'_>) {
        self.compute(cpu, views, true);
    }
}
