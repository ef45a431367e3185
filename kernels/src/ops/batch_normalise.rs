//! Batch normalisation by given statistics.

use rayon::prelude::*;

use super::batch_norm::{Affine, Normalisation, Planes};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift`, through ReLU if asked: `[A, N, C, S] -> [A, N, C, S]`.
/// Slots `x`, `statistics` `[A, C, 2]` (mean, variance), (`scale`, `shift`: see [`Affine`]), `y`.
///
/// Ioffe and Szegedy, ICML 2015.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormalise {
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
    /// Whether the result passes through ReLU.
    pub relu: bool,
}

impl BatchNormalise {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index counts, or epsilon is negative.
    pub fn validate(&self) -> Result<()> {
        self.normalisation().validate("batch_normalise")
    }

    fn normalisation(&self) -> Normalisation {
        let planes = Planes::new([self.architectures, self.batch, self.channels, self.spatial]);
        Normalisation { planes, epsilon: self.epsilon, affine: self.affine, relu: self.relu }
    }

    fn normalise(&self, cpu: &Cpu, x: &[f32], statistics: &[f32], affine: Option<(&[f32], &[f32])>, y: &mut [f32]) {
        let normalisation = self.normalisation();
        let planes = normalisation.planes;
        let images = y[..planes.len()].par_chunks_mut(planes.image()).zip(x.par_chunks(planes.image()));
        images.with_min_len(planes.few_images()).enumerate().for_each(|(image, (y, x))| {
            let first = image / planes.batch * planes.channels;
            cpu.vectorised(
                #[inline(always)]
                || {
                    let pairs = y.chunks_exact_mut(planes.spatial).zip(x.chunks_exact(planes.spatial));
                    for (c, (y, x)) in pairs.enumerate() {
                        let row = normalisation.of_row(first + c, statistics, affine);
                        for (y, x) in y.iter_mut().zip(x) {
                            let value = row.apply(*x);
                            *y = if self.relu && value <= 0.0 { 0.0 } else { value };
                        }
                    }
                },
            );
        });
    }
}

impl Kernel for BatchNormalise {
    fn name(&self) -> &'static str {
        "batch_normalise"
    }

    fn slots(&self) -> Vec<Slot> {
        let normalisation = self.normalisation();
        let planes = normalisation.planes;
        let mut slots = vec![Slot::read("x", planes.len()), Slot::read("statistics", 2 * planes.rows())];
        slots.extend(normalisation.affine_slots());
        slots.push(Slot::write("y", planes.len()));
        slots
    }

    fn shader(&self) -> Shader {
        Shader { file: "norm/batch_normalise", constants: self.normalisation().constants() }
    }

    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.architectures).u32(self.batch).u32(self.channels).u32(self.spatial);
        words.f32(self.epsilon)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.normalisation().planes.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        let each = 3 + u64::from(self.relu);
        Cost { operations: each * self.normalisation().planes.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        if self.affine == Affine::None {
            let [x, statistics, y] = views.split();
            self.normalise(cpu, x.read(), statistics.read(), None, y.write());
        } else {
            let [x, statistics, scale, shift, y] = views.split();
            self.normalise(cpu, x.read(), statistics.read(), Some((scale.read(), shift.read())), y.write());
        }
    }
}
