//! The gradient of layer norm and RMS norm with respect to their input, and to the weights of an elastic width.

use std::ops::Range;

use rayon::prelude::*;

use super::layer_norm::{CHOICES, LayerNorm, Live, RowAffine};
use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::require::require;
use crate::ops::sums::{sum_of, sum_of_pairs, sum_of_triples};

/// The gradient of [`super::LayerNormForward`]. Slots `g`, `x` `[A, rows, width]`, `statistics` `[A, rows, K, 2]`, (`width_weights`
/// `[A, K]`), (`scale`), (`shift`, with the gradient of the weights alone), `dx`, (`drows` `[A, rows, K]`: what each row
/// adds to the gradient of the weights, 0 where a width was not evaluated).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormGradient {
    /// The normalisation.
    pub norm: LayerNorm,
    /// Whether the gradient of the weights is computed too.
    pub of_weights: bool,
}

/// The channels between two live widths: `dx = g scale factor - offset - (x - centre) slope`.
#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    factor: f32,
    offset: f32,
    slope: f32,
}

/// What a row is computed from.
#[derive(Clone, Copy)]
struct Row<'a> {
    g: &'a [f32],
    x: &'a [f32],
    statistics: &'a [f32],
    scale: Option<&'a [f32]>,
    shift: Option<&'a [f32]>,
}

impl LayerNormGradient {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`LayerNorm::validate`], and where there are no weights whose gradient could be computed.
    pub fn validate(&self) -> Result<()> {
        self.norm.validate()?;
        let possible = !self.of_weights || self.norm.elastic.is_some();
        require(possible, "layer_norm_gradient", "only an elastic width has weights with a gradient")
    }

    fn reads_shift(&self) -> bool {
        self.of_weights && self.norm.affine == RowAffine::ScaleAndShift
    }

    fn rows(&self) -> usize {
        if self.of_weights { self.norm.all_rows() * self.norm.choices() } else { 0 }
    }

    #[inline(always)]
    fn row(&self, live: &Live, row: Row<'_>, dx: &mut [f32], drows: &mut [f32]) {
        drows.fill(0.0);
        let widest = live.widths().last().filter(|_| self.norm.centred);
        let centre = widest.map_or(0.0, |live| row.statistics[2 * live.choice]);
        // What each live width adds to the coefficients of its channels.
        let mut parts = [Segment::default(); CHOICES];
        let (mut of_h, mut along_x, mut of_shift, mut first) = (0.0, 0.0, 0.0, 0);
        for (part, live) in parts.iter_mut().zip(live.widths()) {
            let channels = first..live.width;
            let (g, x) = (&row.g[channels.clone()], &row.x[channels.clone()]);
            let [h, along] = match row.scale {
                Some(scale) => {
                    let scale = &scale[channels.clone()];
                    let along = sum_of_triples(g, scale, x, |g, scale, x| g * scale * (x - centre));
                    [sum_of_pairs(g, scale, |g, scale| g * scale), along]
                }
                None => [sum_of(g, |g| g), sum_of_pairs(g, x, |g, x| g * (x - centre))],
            };
            (of_h, along_x) = (of_h + h, along_x + along);
            if let Some(shift) = row.shift {
                of_shift += sum_of_pairs(g, &shift[channels], |g, shift| g * shift);
            }
            first = live.width;
            let [mean, inverse] = [row.statistics[2 * live.choice], row.statistics[2 * live.choice + 1]];
            let from_centre = mean - centre;
            let along = inverse * (along_x - from_centre * of_h);
            if let Some(drow) = drows.get_mut(live.choice) {
                *drow = along + of_shift;
            }
            let share = 1.0 / live.width as f32;
            part.factor = live.weight * inverse;
            part.slope = part.factor * inverse * along * share;
            if self.norm.centred {
                part.offset = part.factor * of_h * share - from_centre * part.slope;
            }
        }
        let mut last = live.widest();
        dx[last..].fill(0.0);
        let mut segment = Segment::default();
        for (part, live) in parts.iter().zip(live.widths()).rev() {
            segment.write(centre, row, dx, live.width..last);
            last = live.width;
            segment.factor += part.factor;
            segment.offset += part.offset;
            segment.slope += part.slope;
        }
        segment.write(centre, row, dx, 0..last);
    }

    fn gradient(&self, cpu: &Cpu, inputs: Row<'_>, weights: Option<&[f32]>, dx: &mut [f32], drows: &mut [f32]) {
        let (rows, width, choices) = (self.norm.rows as usize, self.norm.width as usize, self.norm.choices());
        let task = self.norm.few_rows();
        let each = |index: usize, dx: &mut [f32], drows: &mut [f32]| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (i, dx) in dx.chunks_exact_mut(width).enumerate() {
                        let at = index * task + i;
                        let architecture = at / rows;
                        let row = Row {
                            g: &inputs.g[at * width..][..width],
                            x: &inputs.x[at * width..][..width],
                            statistics: &inputs.statistics[2 * at * choices..][..2 * choices],
                            scale: self.norm.affine_of(inputs.scale, architecture),
                            shift: self.norm.affine_of(inputs.shift, architecture),
                        };
                        let own = if self.of_weights { i * choices..(i + 1) * choices } else { 0..0 };
                        self.row(&self.norm.live(weights, architecture), row, dx, &mut drows[own]);
                    }
                },
            );
        };
        let tasks = dx.par_chunks_mut(task * width);
        if self.of_weights {
            let tasks = tasks.zip(drows.par_chunks_mut(task * choices)).enumerate();
            tasks.for_each(|(index, (dx, drows))| each(index, dx, drows));
        } else {
            tasks.enumerate().for_each(|(index, dx)| each(index, dx, &mut []));
        }
    }

    fn by(&self, lanes: u32) -> Shader {
        let constants = vec![
            ("LANES", lanes),
            ("CENTRED", u32::from(self.norm.centred)),
            ("AFFINE", self.norm.affine as u32),
            ("ELASTIC", u32::from(self.norm.elastic.is_some())),
            ("WEIGHTS", u32::from(self.of_weights)),
        ];
        Shader { file: "norm/layer_norm_gradient", constants }
    }
}

impl Segment {
    #[inline(always)]
    fn write(self, centre: f32, row: Row<'_>, dx: &mut [f32], channels: Range<usize>) {
        let (g, x, dx) = (&row.g[channels.clone()], &row.x[channels.clone()], &mut dx[channels.clone()]);
        let of = |h: f32, x: f32| h * self.factor - self.offset - (x - centre) * self.slope;
        match row.scale {
            Some(scale) => {
                for (((dx, g), x), scale) in dx.iter_mut().zip(g).zip(x).zip(&scale[channels]) {
                    *dx = of(g * scale, *x);
                }
            }
            None => {
                for ((dx, g), x) in dx.iter_mut().zip(g).zip(x) {
                    *dx = of(*g, *x);
                }
            }
        }
    }
}

impl Kernel for LayerNormGradient {
    fn name(&self) -> &'static str {
        "layer_norm_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let norm = &self.norm;
        let mut slots =
            vec![Slot::read("g", norm.len()), Slot::read("x", norm.len()), Slot::read("statistics", norm.statistics())];
        slots.extend(norm.weight_slots());
        slots.extend(norm.affine_slots(self.reads_shift()));
        slots.push(Slot::write("dx", norm.len()));
        if self.of_weights {
            slots.push(Slot::write("drows", self.rows()));
        }
        slots
    }

    fn shader(&self) -> Shader {
        self.by(self.norm.lanes())
    }

    fn parameters(&self) -> Words {
        self.norm.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        self.norm.row_grid()
    }

    fn variants(&self) -> Vec<Variant> {
        self.norm.variants(|lanes| self.by(lanes))
    }

    fn tuning(&self) -> Option<Tuning> {
        Some(self.norm.tuning("layer_norm_gradient", |norm| Self { norm, ..self.clone() }))
    }

    fn cost(&self) -> Cost {
        let each = 9 + 2 * u64::from(self.norm.affine != RowAffine::None) + 2 * u64::from(self.reads_shift());
        Cost { operations: each * self.norm.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let norm = &self.norm;
        let mut views = views.each();
        let mut read = |given: bool| if given { views.next().map(View::read) } else { None };
        let [g, x, statistics] = [(); 3].map(|()| read(true).unwrap_or_default());
        let weights = read(norm.elastic.is_some());
        let (scale, shift) = (read(norm.affine != RowAffine::None), read(self.reads_shift()));
        let dx = &mut views.next().map(View::write).unwrap_or_default()[..norm.len()];
        let drows = &mut views.next().map(View::write).unwrap_or_default()[..self.rows()];
        self.gradient(cpu, Row { g, x, statistics, scale, shift }, weights, dx, drows);
    }
}
