//! The weighted sum of the operations of a mixed edge.

use std::sync::Arc;

use rayon::prelude::*;

use super::batch_norm::RowNormalisation;
use super::mixed_edge::{MixedEdge, add_scaled};
use super::mixed_pool::MixedPool;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::in_place::{Accumulating, InPlace, Known};

/// `y = known + w1 x + w2 zhat1 + w3 zhat3 + w4 pool(x)`, `zhat` the normalised results of the convolutions: all
/// `[A, N, C, H, W]`. Slots `x`, `z1`, `z3`, `statistics` `[2, A, C, 2]`, `weights` `[A, 5]`, (`known`), `y`.
#[derive(Debug, Clone, PartialEq)]
pub struct MixedCombine {
    /// The edge.
    pub edge: MixedEdge,
    /// Whether the sum starts from the slot `known`, else from 0.
    pub accumulate: bool,
}

impl MixedCombine {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`MixedEdge::validate`].
    pub fn validate(&self) -> Result<()> {
        self.edge.validate()
    }

    fn combine(&self, cpu: &Cpu, [x, z1, z3, statistics, weights]: [&[f32]; 5], known: Known<'_>, y: &mut [f32]) {
        let planes = self.edge.planes();
        let images = y[..planes.len()].par_chunks_mut(planes.image()).with_min_len(planes.few_images());
        images.enumerate().for_each(|(image, y)| {
            let a = image / planes.batch;
            let weights = MixedEdge::weights_of(weights, a);
            cpu.vectorised(
                #[inline(always)]
                || {
                    let mut pool = MixedPool::new(&self.edge, false);
                    for (c, y) in y.chunks_exact_mut(planes.spatial).enumerate() {
                        let start = image * planes.image() + c * planes.spatial;
                        let range = start..start + planes.spatial;
                        known.part(start, planes.spatial).start(y);
                        let x = &x[range.clone()];
                        if weights[1] != 0.0 {
                            add_scaled(y, x, weights[1]);
                        }
                        for (operation, z) in [z1, z3].into_iter().enumerate() {
                            let weight = weights[2 + operation];
                            if weight != 0.0 {
                                let row = operation * planes.rows() + a * planes.channels + c;
                                let row = RowNormalisation::new(&statistics[2 * row..], self.edge.epsilon);
                                for (y, z) in y.iter_mut().zip(&z[range.clone()]) {
                                    *y += weight * row.apply(*z);
                                }
                            }
                        }
                        if weights[4] != 0.0 {
                            pool.run(x, |start, pooled| add_scaled(&mut y[start..], pooled, weights[4]));
                        }
                    }
                },
            );
        });
    }

    fn compute(&self, cpu: &Cpu, views: Views<'_>, in_place: bool) {
        let mut views = views.each();
        let mut inputs = [&[] as &[f32]; 5];
        for (input, view) in inputs.iter_mut().zip(&mut views) {
            *input = view.read();
        }
        let known = Known::next(self.accumulate, in_place, &mut views);
        let Some(y) = views.next() else { return };
        self.combine(cpu, inputs, known, y.write());
    }
}

impl Kernel for MixedCombine {
    fn name(&self) -> &'static str {
        "mixed_combine"
    }

    fn slots(&self) -> Vec<Slot> {
        let planes = self.edge.planes();
        let mut slots = vec![
            Slot::read("x", planes.len()).or_half(),
            Slot::read("z1", planes.len()).or_half(),
            Slot::read("z3", planes.len()).or_half(),
            Slot::read("statistics", 4 * planes.rows()),
            Slot::read("weights", self.edge.weights()),
        ];
        if self.accumulate {
            slots.push(Slot::read("known", planes.len()).or_half());
        }
        slots.push(Slot::write("y", planes.len()).or_half_where(self.edge.stores_pairs()));
        slots
    }

    fn shader(&self) -> Shader {
        let constants = vec![("ACCUMULATE", u32::from(self.accumulate))];
        Shader { file: "mixed_edge/mixed_combine", constants }
    }

    fn parameters(&self) -> Words {
        self.edge.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.edge.planes().architectures * self.edge.strip_blocks())
    }

    fn cost(&self) -> Cost {
        Cost { operations: 22 * self.edge.planes().len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn in_place(&self) -> Option<Arc<dyn Kernel>> {
        InPlace::of(self)
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.compute(cpu, views, false);
    }
}

impl Accumulating for MixedCombine {
    fn run_in_place(&self, cpu: &Cpu, views: Views<'_>) {
        self.compute(cpu, views, true);
    }
}
