//! Layer norm and RMS norm of each row.

use std::ops::Range;

use rayon::prelude::*;

use super::layer_norm::{LayerNorm, Live, RowAffine};
use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::sums::sum_of;

/// The normalisation. Slots `x` `[A, rows, width]`, (`width_weights` `[A, K]`), (`scale`, `shift`), `y`, `statistics`
/// `[A, rows, K, 2]`: mean and 1 / sqrt(variance + epsilon) by each width, what the gradients need; zeros where a width was not
/// evaluated. The bits of a row depend on no other row.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormForward(pub LayerNorm);

/// The channels between two live widths: `y = ((x - centre) factor - offset) scale + cover shift`.
#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    factor: f32,
    offset: f32,
    cover: f32,
}

impl LayerNormForward {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`LayerNorm::validate`].
    pub fn validate(&self) -> Result<()> {
        self.0.validate()
    }

    /// Writes the statistics of a row by its live widths, and returns the centre: the mean of the widest, or 0.
    ///
    /// Each segment is centred at its own mean and then joined to those before it (Chan, Golub and LeVeque, 1979), so that no mean,
    /// be it the row's or a segment's, is too large beside a deviation.
    #[inline(always)]
    fn measure(&self, live: &Live, x: &[f32], statistics: &mut [f32]) -> f32 {
        statistics.fill(0.0);
        let (mut mean, mut squares, mut first) = (0.0f32, 0.0f32, 0);
        for live in live.widths() {
            let segment = &x[first..live.width];
            let [before, own, all] = [first, segment.len(), live.width].map(|channels| channels as f32);
            if self.0.centred {
                let centre = sum_of(segment, |x| x) / own;
                let deviation = sum_of(segment, |x| x - centre);
                let square = sum_of(segment, |x| (x - centre) * (x - centre));
                let distance = centre + deviation / own - mean;
                mean += distance * (own / all);
                squares += square - deviation * (deviation / own) + distance * distance * (before * own / all);
            } else {
                squares += sum_of(segment, |x| x * x);
            }
            first = live.width;
            let variance = (squares / all).max(0.0);
            statistics[2 * live.choice] = mean;
            statistics[2 * live.choice + 1] = 1.0 / (variance + self.0.epsilon).sqrt();
        }
        mean
    }

    #[inline(always)]
    fn row(&self, live: &Live, x: &[f32], affine: [Option<&[f32]>; 2], y: &mut [f32], statistics: &mut [f32]) {
        let centre = self.measure(live, x, statistics);
        let mut last = live.widest();
        y[last..].fill(0.0);
        let mut segment = Segment::default();
        for live in live.widths().iter().rev() {
            segment.write(centre, x, affine, y, live.width..last);
            last = live.width;
            let [mean, inverse] = [statistics[2 * live.choice], statistics[2 * live.choice + 1]];
            segment.factor += live.weight * inverse;
            segment.offset += live.weight * inverse * (mean - centre);
            segment.cover += live.weight;
        }
        segment.write(centre, x, affine, y, 0..last);
    }

    fn by(&self, lanes: u32) -> Shader {
        let constants = vec![
            ("LANES", lanes),
            ("CENTRED", u32::from(self.0.centred)),
            ("AFFINE", self.0.affine as u32),
            ("ELASTIC", u32::from(self.0.elastic.is_some())),
        ];
        Shader { file: "norm/layer_norm", constants }
    }
}

impl Segment {
    #[inline(always)]
    fn write(self, centre: f32, x: &[f32], affine: [Option<&[f32]>; 2], y: &mut [f32], channels: Range<usize>) {
        let (x, y) = (&x[channels.clone()], &mut y[channels.clone()]);
        let of = |x: f32| (x - centre) * self.factor - self.offset;
        match affine.map(|values| values.map(|values| &values[channels.clone()])) {
            [Some(scale), Some(shift)] => {
                for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                    *y = of(*x).mul_add(*scale, self.cover * shift);
                }
            }
            [Some(scale), None] => {
                for ((y, x), scale) in y.iter_mut().zip(x).zip(scale) {
                    *y = of(*x) * scale;
                }
            }
            _ => {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = of(*x);
                }
            }
        }
    }
}

impl Kernel for LayerNormForward {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::read("x", self.0.len())];
        slots.extend(self.0.weight_slots());
        slots.extend(self.0.affine_slots(true));
        slots.extend([Slot::write("y", self.0.len()), Slot::write("statistics", self.0.statistics())]);
        slots
    }

    fn shader(&self) -> Shader {
        self.by(self.0.lanes())
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        self.0.row_grid()
    }

    fn variants(&self) -> Vec<Variant> {
        self.0.variants(|lanes| self.by(lanes))
    }

    fn tuning(&self) -> Option<Tuning> {
        Some(self.0.tuning("layer_norm", Self))
    }

    fn cost(&self) -> Cost {
        let each = 5 + u64::from(self.0.centred) + self.0.affine as u64;
        Cost { operations: each * self.0.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let mut read = |given: bool| if given { views.next().map(View::read) } else { None };
        let x = &read(true).unwrap_or_default()[..self.0.len()];
        let weights = read(self.0.elastic.is_some());
        let scale = read(self.0.affine != RowAffine::None);
        let shift = read(self.0.affine == RowAffine::ScaleAndShift);
        let (Some(y), Some(statistics)) = (views.next(), views.next()) else { return };
        let (y, statistics) = (&mut y.write()[..self.0.len()], &mut statistics.write()[..self.0.statistics()]);
        let (rows, width, own) = (self.0.rows as usize, self.0.width as usize, 2 * self.0.choices());
        let task = self.0.few_rows();
        let tasks = y.par_chunks_mut(task * width).zip(statistics.par_chunks_mut(task * own));
        tasks.zip(x.par_chunks(task * width)).enumerate().for_each(|(index, ((y, statistics), x))| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    let outputs = y.chunks_exact_mut(width).zip(statistics.chunks_exact_mut(own));
                    for (i, ((y, statistics), x)) in outputs.zip(x.chunks_exact(width)).enumerate() {
                        let architecture = (index * task + i) / rows;
                        let affine = [scale, shift].map(|values| self.0.affine_of(values, architecture));
                        self.row(&self.0.live(weights, architecture), x, affine, y, statistics);
                    }
                },
            );
        });
    }
}
