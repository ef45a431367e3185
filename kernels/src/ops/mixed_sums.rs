//! The sums that the gradients of a mixed edge need.

use rayon::prelude::*;

use super::batch_norm::{NEIGHBOURS, RowNormalisation, Total};
use super::mixed_edge::{CHOICES, MixedEdge};
use super::mixed_pool::MixedPool;
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// The sums over batch and space of `g`, `g x`, `g zhat1`, `g zhat3` and `g pool(x)`: `[A, C, 5]`. Slots `g`, `x`, `z1`, `z3`
/// `[A, N, C, H, W]`, `statistics` `[2, A, C, 2]`, `weights` `[A, 5]`, `sums`. The columns of skipped operations are 0; the first is
/// always there.
#[derive(Debug, Clone, PartialEq)]
pub struct MixedSums(
    /// The edge.
    pub MixedEdge,
);

impl MixedSums {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`MixedEdge::validate`].
    pub fn validate(&self) -> Result<()> {
        self.0.validate()
    }

    /// The sums of some rows of one architecture, from row `first` on.
    #[inline(always)]
    fn of_rows(&self, first: usize, [g, x, z1, z3, statistics, weights]: [&[f32]; 6], sums: &mut [f32]) {
        let planes = self.0.planes();
        let weights = MixedEdge::weights_of(weights, first / planes.channels);
        let [skip, one, three, pool] = std::array::from_fn(|choice| self.0.evaluates(weights[choice + 1]));
        let normalisation = |operation: usize, row: usize| {
            RowNormalisation::new(&statistics[2 * (operation * planes.rows() + row)..], self.0.epsilon)
        };
        let mut pooling = MixedPool::new(&self.0, false);
        let mut all = [[Total::new(); CHOICES]; NEIGHBOURS];
        for n in 0..planes.batch {
            for (totals, row) in all[..sums.len() / CHOICES].iter_mut().zip(first..) {
                let plane = planes.plane(row, n);
                let (g, x) = (&g[plane.clone()], &x[plane.clone()]);
                totals[0].add(g, g, |g, _| g);
                if skip {
                    totals[1].add(g, x, |g, x| g * x);
                }
                if one {
                    let mean = normalisation(0, row).mean;
                    totals[2].add(g, &z1[plane.clone()], |g, z| g * (z - mean));
                }
                if three {
                    let mean = normalisation(1, row).mean;
                    totals[3].add(g, &z3[plane], |g, z| g * (z - mean));
                }
                if pool {
                    pooling.run(x, |start, pooled| {
                        totals[4].add(&g[start..start + pooled.len()], pooled, |g, pooled| g * pooled);
                    });
                }
            }
        }
        for (row, (sums, totals)) in (first..).zip(sums.chunks_exact_mut(CHOICES).zip(all)) {
            let inverse =
                |evaluated: bool, operation| if evaluated { normalisation(operation, row).inverse } else { 0.0 };
            let factors = [1.0, 1.0, inverse(one, 0), inverse(three, 1), 1.0];
            for ((sum, total), factor) in sums.iter_mut().zip(totals).zip(factors) {
                *sum = (total.finish() * f64::from(factor)) as f32;
            }
        }
    }
}

impl Kernel for MixedSums {
    fn name(&self) -> &'static str {
        "mixed_sums"
    }

    fn slots(&self) -> Vec<Slot> {
        let planes = self.0.planes();
        vec![
            Slot::read("g", planes.len()).or_half(),
            Slot::read("x", planes.len()).or_half(),
            Slot::read("z1", planes.len()).or_half(),
            Slot::read("z3", planes.len()).or_half(),
            Slot::read("statistics", 4 * planes.rows()),
            Slot::read("weights", self.0.weights()),
            Slot::write("sums", CHOICES * planes.rows()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "mixed_edge/mixed_sums", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.planes().rows())
    }

    fn cost(&self) -> Cost {
        Cost { operations: 21 * self.0.planes().len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [g, x, z1, z3, statistics, weights, sums] = views.split();
        let inputs = [g, x, z1, z3, statistics, weights].map(|view| view.read());
        let planes = self.0.planes();
        let group = planes.neighbours();
        let groups = sums.write()[..CHOICES * planes.rows()].par_chunks_mut(CHOICES * group);
        groups.with_min_len(planes.few_groups()).enumerate().for_each(|(index, sums)| {
            cpu.vectorised(
                #[inline(always)]
                || self.of_rows(index * group, inputs, sums),
            );
        });
    }
}
