//! The gradient of a mixed edge with respect to its input, but for the parts through its convolutions.

use std::sync::Arc;

use rayon::prelude::*;

use super::mixed_edge::{CHOICES, MixedEdge, add_scaled};
use super::mixed_pool::MixedPool;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::in_place::{Accumulating, InPlace, Known};

/// `dx = known + w1 g + w4 transpose(pool)(g)`, all `[A, N, C, H, W]`: the convolutions' own gradients add theirs.
/// Slots `g`, `weights` `[A, 5]`, (`known`), `dx`.
#[derive(Debug, Clone, PartialEq)]
pub struct MixedInputGradient {
    /// The edge.
    pub edge: MixedEdge,
    /// Whether the sum starts from the slot `known`, else from 0.
    pub accumulate: bool,
}

impl MixedInputGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`MixedEdge::validate`].
    pub fn validate(&self) -> Result<()> {
        self.edge.validate()
    }

    fn gradient(&self, cpu: &Cpu, g: &[f32], weights: &[f32], known: Known<'_>, dx: &mut [f32]) {
        let planes = self.edge.planes();
        let images = dx[..planes.len()].par_chunks_mut(planes.image()).zip(g.par_chunks(planes.image()));
        images.with_min_len(planes.few_images()).enumerate().for_each(|(image, (dx, g))| {
            let weights = &weights[image / planes.batch * CHOICES..];
            let (skip, pool) = (weights[1], weights[4]);
            cpu.vectorised(
                #[inline(always)]
                || {
                    known.part(image * planes.image(), planes.image()).start(dx);
                    if skip != 0.0 {
                        add_scaled(dx, g, skip);
                    }
                    if pool != 0.0 {
                        let mut pooling = MixedPool::new(&self.edge, true);
                        let pairs = dx.chunks_exact_mut(planes.spatial).zip(g.chunks_exact(planes.spatial));
                        for (dx, g) in pairs {
                            pooling.run(g, |start, values| add_scaled(&mut dx[start..], values, pool));
                        }
                    }
                },
            );
        });
    }

    fn compute(&self, cpu: &Cpu, views: Views<'_>, in_place: bool) {
        let mut views = views.each();
        let (Some(g), Some(weights)) = (views.next(), views.next()) else { return };
        let known = Known::next(self.accumulate, in_place, &mut views);
        let Some(dx) = views.next() else { return };
        self.gradient(cpu, g.read(), weights.read(), known, dx.write());
    }
}

impl Kernel for MixedInputGradient {
    fn name(&self) -> &'static str {
        "mixed_input_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let len = self.edge.planes().len();
        let mut slots = vec![Slot::read("g", len).or_half(), Slot::read("weights", self.edge.weights())];
        if self.accumulate {
            slots.push(Slot::read("known", len).or_half());
        }
        slots.push(Slot::write("dx", len).or_half_where(self.edge.stores_pairs()));
        slots
    }

    fn shader(&self) -> Shader {
        let constants = vec![("ACCUMULATE", u32::from(self.accumulate))];
        Shader { file: "mixed_edge/mixed_input_gradient", constants }
    }

    fn parameters(&self) -> Words {
        self.edge.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.edge.planes().architectures * self.edge.strip_blocks())
    }

    fn cost(&self) -> Cost {
        Cost { operations: 13 * self.edge.planes().len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn in_place(&self) -> Option<Arc<dyn Kernel>> {
        InPlace::of(self)
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.compute(cpu, views, false);
    }
}

impl Accumulating for MixedInputGradient {
    fn run_in_place(&self, cpu: &Cpu, views: Views<'_>) {
        self.compute(cpu, views, true);
    }
}
