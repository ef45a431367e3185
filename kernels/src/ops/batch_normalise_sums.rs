//! The sums that the gradients of batch normalisation need.

use rayon::prelude::*;

use super::batch_norm::{Affine, NEIGHBOURS, Normalisation, Planes, Total};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Elements that the CPU kernel masks at once.
const BLOCK: usize = 1024;

/// `(sum of g', sum of g' xhat)` over batch and space, `[A, C, 2]`: the gradients of shift and scale, and what the gradient of
/// the input needs. `g'` is `g` where the ReLU of [`super::BatchNormalise`] let the value pass, `xhat` the normalised input.
/// Slots `g`, `x` `[A, N, C, S]`, `statistics` `[A, C, 2]`, (`scale`, `shift`), `sums`.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormaliseSums {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Images of an architecture, `N`.
    pub batch: u32,
    /// Channels, `C`.
    pub channels: u32,
    /// Elements of a plane, `S`.
    pub spatial: u32,
    /// Added to the variance.
    pub epsilon: f32,
    /// Scale and shift.
    pub affine: Affine,
    /// Whether the result passed through ReLU.
    pub relu: bool,
}

impl BatchNormaliseSums {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index or a loop of the shader counts, or epsilon is negative.
    pub fn validate(&self) -> Result<()> {
        self.normalisation().validate("batch_normalise_sums")
    }

    fn normalisation(&self) -> Normalisation {
        let planes = Planes::new([self.architectures, self.batch, self.channels, self.spatial]);
        Normalisation { planes, epsilon: self.epsilon, affine: self.affine, relu: self.relu }
    }

    fn sum(&self, cpu: &Cpu, [g, x, statistics]: [&[f32]; 3], affine: Option<(&[f32], &[f32])>, sums: &mut [f32]) {
        let normalisation = self.normalisation();
        let planes = normalisation.planes;
        let group = planes.neighbours();
        let groups = sums[..2 * planes.rows()].par_chunks_mut(2 * group).with_min_len(planes.few_groups());
        groups.enumerate().for_each(|(index, sums)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    let of_row = |i: usize| normalisation.of_row(index * group + i, statistics, affine);
                    let mut totals = [[Total::new(); 2]; NEIGHBOURS];
                    // Masked apart: a choice inside of a sum keeps it from becoming vector code.
                    let mut masked = [0.0f32; BLOCK];
                    for n in 0..planes.batch {
                        for (i, [of_g, along_x]) in totals[..sums.len() / 2].iter_mut().enumerate() {
                            let (row, plane) = (of_row(i), planes.plane(index * group + i, n));
                            for (g, x) in g[plane.clone()].chunks(BLOCK).zip(x[plane].chunks(BLOCK)) {
                                let masked = &mut masked[..g.len()];
                                for ((masked, g), x) in masked.iter_mut().zip(g).zip(x) {
                                    *masked = row.masked(self.relu, *g, *x);
                                }
                                of_g.add(masked, x, |g, _| g);
                                along_x.add(masked, x, |g, x| g * (x - row.mean));
                            }
                        }
                    }
                    for (i, (sums, [of_g, along_x])) in sums.chunks_exact_mut(2).zip(totals).enumerate() {
                        sums[0] = of_g.finish() as f32;
                        sums[1] = (along_x.finish() * f64::from(of_row(i).inverse)) as f32;
                    }
                },
            );
        });
    }
}

impl Kernel for BatchNormaliseSums {
    fn name(&self) -> &'static str {
        "batch_normalise_sums"
    }

    fn slots(&self) -> Vec<Slot> {
        let normalisation = self.normalisation();
        let planes = normalisation.planes;
        let mut slots = vec![
            Slot::read("g", planes.len()).or_half(),
            Slot::read("x", planes.len()).or_half(),
            Slot::read("statistics", 2 * planes.rows()),
        ];
        slots.extend(normalisation.affine_slots());
        slots.push(Slot::write("sums", 2 * planes.rows()));
        slots
    }

    fn shader(&self) -> Shader {
        Shader { file: "norm/batch_normalise_sums", constants: self.normalisation().constants() }
    }

    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.architectures).u32(self.batch).u32(self.channels).u32(self.spatial);
        words.f32(self.epsilon)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.normalisation().planes.rows())
    }

    fn cost(&self) -> Cost {
        let each = 4 + 3 * u64::from(self.relu);
        Cost { operations: each * self.normalisation().planes.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        if self.affine == Affine::None {
            let [g, x, statistics, sums] = views.split();
            self.sum(cpu, [g.read(), x.read(), statistics.read()], None, sums.write());
        } else {
            let [g, x, statistics, scale, shift, sums] = views.split();
            let affine = Some((scale.read(), shift.read()));
            self.sum(cpu, [g.read(), x.read(), statistics.read()], affine, sums.write());
        }
    }
}
