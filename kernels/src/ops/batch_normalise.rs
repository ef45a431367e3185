//! Batch normalisation by given statistics.

use rayon::prelude::*;

use super::batch_norm::{Affine, Normalisation, Planes};
use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};

/// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift`, through ReLU if asked, then plus another tensor if asked:
/// `[A, N, C, S] -> [A, N, C, S]`. Slots `x`, `statistics` `[A, C, 2]` (mean, variance), (`scale`, `shift`: see [`Affine`]),
/// (`summand`, like `x`), `y`.
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
    /// Whether another tensor is added to it at last.
    pub summand: bool,
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

    fn normalise(
        &self,
        cpu: &Cpu,
        [x, statistics]: [&[f32]; 2],
        affine: Option<(&[f32], &[f32])>,
        summand: Option<&[f32]>,
        y: &mut [f32],
    ) {
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
                        if let Some(summand) = summand {
                            let plane = (image * planes.channels + c) * planes.spatial;
                            for (y, summand) in y.iter_mut().zip(&summand[plane..]) {
                                *y += summand;
                            }
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
        let mut slots = vec![Slot::read("x", planes.len()).or_half(), Slot::read("statistics", 2 * planes.rows())];
        slots.extend(normalisation.affine_slots());
        if self.summand {
            slots.push(Slot::read("summand", planes.len()).or_half());
        }
        slots.push(Slot::write("y", planes.len()).or_half_where(planes.stores_pairs()));
        slots
    }

    fn shader(&self) -> Shader {
        let mut constants = self.normalisation().constants();
        constants.push(("SUMMAND", u32::from(self.summand)));
        Shader { file: "norm/batch_normalise", constants }
    }

    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.architectures).u32(self.batch).u32(self.channels).u32(self.spatial);
        words.f32(self.epsilon)
    }

    fn grid(&self) -> [u32; 3] {
        self.normalisation().planes.spread_grid()
    }

    fn cost(&self) -> Cost {
        let each = 3 + u64::from(self.relu) + u64::from(self.summand);
        Cost { operations: each * self.normalisation().planes.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let affine = self.affine != Affine::None;
        match (affine, self.summand) {
            (false, false) => {
                let [x, statistics, y] = views.split();
                self.normalise(cpu, [x, statistics].map(View::read), None, None, y.write());
            }
            (false, true) => {
                let [x, statistics, summand, y] = views.split();
                self.normalise(cpu, [x, statistics].map(View::read), None, Some(summand.read()), y.write());
            }
            (true, false) => {
                let [x, statistics, scale, shift, y] = views.split();
                let affine = Some((scale.read(), shift.read()));
                self.normalise(cpu, [x, statistics].map(View::read), affine, None, y.write());
            }
            (true, true) => {
                let [x, statistics, scale, shift, summand, y] = views.split();
                let affine = Some((scale.read(), shift.read()));
                self.normalise(cpu, [x, statistics].map(View::read), affine, Some(summand.read()), y.write());
            }
        }
    }
}
