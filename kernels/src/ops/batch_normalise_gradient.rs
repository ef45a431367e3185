//! The gradient of batch normalisation with respect to its input.

use rayon::prelude::*;

use super::batch_norm::{Affine, Normalisation, Planes};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};

/// `dx = scale / sqrt(variance + epsilon) * (g' - mean(g') - xhat * mean(g' xhat))`, or without the means where the statistics
/// are fixed: `[A, N, C, S]`. `g'` and the means come from [`super::BatchNormaliseSums`].
/// Slots `g`, `x`, `statistics` `[A, C, 2]`, `sums` `[A, C, 2]`, (`scale`, `shift`), `dx`.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormaliseGradient {
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
    /// Whether the statistics are constants, else those of the batch.
    pub fixed_statistics: bool,
}

impl BatchNormaliseGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index counts, or epsilon is negative.
    pub fn validate(&self) -> Result<()> {
        self.normalisation().validate("batch_normalise_gradient")
    }

    fn normalisation(&self) -> Normalisation {
        let planes = Planes::new([self.architectures, self.batch, self.channels, self.spatial]);
        Normalisation { planes, epsilon: self.epsilon, affine: self.affine, relu: self.relu }
    }

    fn gradient(
        &self,
        cpu: &Cpu,
        [g, x, statistics, sums]: [&[f32]; 4],
        affine: Option<(&[f32], &[f32])>,
        dx: &mut [f32],
    ) {
        let normalisation = self.normalisation();
        let planes = normalisation.planes;
        let (image, spatial) = (planes.image(), planes.spatial);
        let share = if self.fixed_statistics { 0.0 } else { 1.0 / planes.elements() as f32 };
        let images = dx[..planes.len()].par_chunks_mut(image).zip(g.par_chunks(image)).zip(x.par_chunks(image));
        images.with_min_len(planes.few_images()).enumerate().for_each(|(image, ((dx, g), x))| {
            let first = image / planes.batch * planes.channels;
            cpu.vectorised(
                #[inline(always)]
                || {
                    let given = g.chunks_exact(spatial).zip(x.chunks_exact(spatial));
                    for (c, (dx, (g, x))) in dx.chunks_exact_mut(spatial).zip(given).enumerate() {
                        let row = normalisation.of_row(first + c, statistics, affine);
                        let sums = &sums[2 * (first + c)..];
                        let (mean, along) = (share * sums[0], share * sums[1] * row.inverse);
                        for ((dx, g), x) in dx.iter_mut().zip(g).zip(x) {
                            let g = row.masked(self.relu, *g, *x);
                            *dx = row.factor * (g - mean - (x - row.mean) * along);
                        }
                    }
                },
            );
        });
    }
}

impl Kernel for BatchNormaliseGradient {
    fn name(&self) -> &'static str {
        "batch_normalise_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let normalisation = self.normalisation();
        let planes = normalisation.planes;
        let mut slots = vec![
            Slot::read("g", planes.len()).or_half(),
            Slot::read("x", planes.len()).or_half(),
            Slot::read("statistics", 2 * planes.rows()),
            Slot::read("sums", 2 * planes.rows()),
        ];
        slots.extend(normalisation.affine_slots());
        slots.push(Slot::write("dx", planes.len()).or_half_where(planes.stores_pairs()));
        slots
    }

    fn shader(&self) -> Shader {
        Shader { file: "norm/batch_normalise_gradient", constants: self.normalisation().constants() }
    }

    fn parameters(&self) -> Words {
        let share = if self.fixed_statistics { 0.0 } else { 1.0 / self.normalisation().planes.elements() as f32 };
        let words = Words::new().u32(self.architectures).u32(self.batch).u32(self.channels).u32(self.spatial);
        words.f32(self.epsilon).f32(share)
    }

    fn grid(&self) -> [u32; 3] {
        self.normalisation().planes.spread_grid()
    }

    fn cost(&self) -> Cost {
        let each = 5 + 3 * u64::from(self.relu);
        Cost { operations: each * self.normalisation().planes.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        if self.affine == Affine::None {
            let [g, x, statistics, sums, dx] = views.split();
            self.gradient(cpu, [g.read(), x.read(), statistics.read(), sums.read()], None, dx.write());
        } else {
            let [g, x, statistics, sums, scale, shift, dx] = views.split();
            let affine = Some((scale.read(), shift.read()));
            self.gradient(cpu, [g.read(), x.read(), statistics.read(), sums.read()], affine, dx.write());
        }
    }
}
