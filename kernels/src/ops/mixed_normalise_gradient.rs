//! The gradients of a mixed edge with respect to the results of its convolutions.

use rayon::prelude::*;

use super::batch_norm::RowNormalisation;
use super::mixed_edge::{CHOICES, MixedEdge};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// `dz = w / sqrt(variance + epsilon) * (g - mean(g) - zhat * mean(g zhat))` for the convolutions 1x1 and 3x3, all `[A, N, C, H, W]`.
/// Slots `g`, `z1`, `z3`, `statistics` `[2, A, C, 2]`, `sums` `[A, C, 5]` of [`super::MixedSums`], `weights` `[A, 5]`, `dz1`, `dz3`.
/// Where a weight is 0 the gradient is left as it was: the gradients of the convolution are gated by the same weight.
#[derive(Debug, Clone, PartialEq)]
pub struct MixedNormaliseGradient(
    /// The edge.
    pub MixedEdge,
);

impl MixedNormaliseGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`MixedEdge::validate`].
    pub fn validate(&self) -> Result<()> {
        self.0.validate()
    }
}

impl Kernel for MixedNormaliseGradient {
    fn name(&self) -> &'static str {
        "mixed_normalise_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let planes = self.0.planes();
        vec![
            Slot::read("g", planes.len()).or_half(),
            Slot::read("z1", planes.len()).or_half(),
            Slot::read("z3", planes.len()).or_half(),
            Slot::read("statistics", 4 * planes.rows()),
            Slot::read("sums", CHOICES * planes.rows()),
            Slot::read("weights", self.0.weights()),
            Slot::write("dz1", planes.len()).or_half_where(planes.stores_pairs()),
            Slot::write("dz3", planes.len()).or_half_where(planes.stores_pairs()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "mixed_edge/mixed_normalise_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.planes().architectures * self.0.spread_blocks())
    }

    fn cost(&self) -> Cost {
        Cost { operations: 10 * self.0.planes().len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [g, z1, z3, statistics, sums, weights, dz1, dz3] = views.split();
        let [g, z1, z3, statistics, sums, weights] = [g, z1, z3, statistics, sums, weights].map(|view| view.read());
        let planes = self.0.planes();
        let (image, spatial, len) = (planes.image(), planes.spatial, planes.len());
        let share = 1.0 / planes.elements() as f32;
        let pairs = dz1.write()[..len].par_chunks_mut(image).zip(dz3.write()[..len].par_chunks_mut(image));
        pairs.with_min_len(planes.few_images()).enumerate().for_each(|(index, (dz1, dz3))| {
            let a = index / planes.batch;
            let range = index * image..(index + 1) * image;
            let g = &g[range.clone()];
            for (operation, (dz, z)) in [(dz1, &z1[range.clone()]), (dz3, &z3[range])].into_iter().enumerate() {
                let weight = weights[a * CHOICES + 2 + operation];
                if weight == 0.0 {
                    continue;
                }
                cpu.vectorised(
                    #[inline(always)]
                    || {
                        let given = g.chunks_exact(spatial).zip(z.chunks_exact(spatial));
                        for (c, (dz, (g, z))) in dz.chunks_exact_mut(spatial).zip(given).enumerate() {
                            let row = a * planes.channels + c;
                            let sums = &sums[row * CHOICES..];
                            let statistics = &statistics[2 * (operation * planes.rows() + row)..];
                            let row = RowNormalisation::new(statistics, self.0.epsilon);
                            let (mean, along) = (share * sums[0], share * sums[2 + operation] * row.inverse);
                            let factor = weight * row.factor;
                            for ((dz, g), z) in dz.iter_mut().zip(g).zip(z) {
                                *dz = factor * (g - mean - (z - row.mean) * along);
                            }
                        }
                    },
                );
            }
        });
    }
}
