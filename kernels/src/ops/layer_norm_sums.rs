//! The gradients of scale and shift of layer norm and RMS norm, summed over blocks of rows.

use rayon::prelude::*;

use super::layer_norm::{LayerNorm, Live, RowAffine};
use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::require::require;

/// Rows of a block.
const BLOCK: usize = 64;

/// The first pass of the gradients of scale and shift of [`super::LayerNormForward`]: sums over blocks of 64 rows of an architecture;
/// a [`super::Reduce`] over the blocks is the second. Slots `g`, `x` `[A, rows, width]`, `statistics` `[A, rows, K, 2]`, (`width_weights`
/// `[A, K]`), `dscale` `[A, blocks, width]`, (`dshift` `[A, blocks, width]`).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormSums(pub LayerNorm);

impl LayerNormSums {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`LayerNorm::validate`], and where there is no scale.
    pub fn validate(&self) -> Result<()> {
        self.0.validate()?;
        require(self.0.affine != RowAffine::None, "layer_norm_sums", "there is a scale whose gradient is computed")
    }

    /// Blocks of rows of an architecture.
    pub fn blocks(&self) -> u32 {
        self.0.rows.div_ceil(BLOCK as u32)
    }

    fn len(&self) -> usize {
        self.0.architectures as usize * self.blocks() as usize * self.0.width as usize
    }

    /// Adds a row to its block's sums.
    #[inline(always)]
    fn add(&self, live: &Live, [g, x, statistics]: [&[f32]; 3], dscale: &mut [f32], dshift: &mut [f32]) {
        let widest = live.widths().last().filter(|_| self.0.centred);
        let centre = widest.map_or(0.0, |live| statistics[2 * live.choice]);
        let (mut factor, mut offset, mut cover, mut last) = (0.0, 0.0, 0.0, live.widest());
        for place in (0..live.widths().len()).rev() {
            let own = live.widths()[place];
            let [mean, inverse] = [statistics[2 * own.choice], statistics[2 * own.choice + 1]];
            factor += own.weight * inverse;
            offset += own.weight * inverse * (mean - centre);
            cover += own.weight;
            let first = if place > 0 { live.widths()[place - 1].width } else { 0 };
            let (g, x) = (&g[first..last], &x[first..last]);
            for ((sum, g), x) in dscale[first..last].iter_mut().zip(g).zip(x) {
                *sum += g * ((x - centre) * factor - offset);
            }
            if !dshift.is_empty() {
                for (sum, g) in dshift[first..last].iter_mut().zip(g) {
                    *sum += g * cover;
                }
            }
            last = first;
        }
    }
}

impl Kernel for LayerNormSums {
    fn name(&self) -> &'static str {
        "layer_norm_sums"
    }

    fn slots(&self) -> Vec<Slot> {
        let norm = &self.0;
        let mut slots =
            vec![Slot::read("g", norm.len()), Slot::read("x", norm.len()), Slot::read("statistics", norm.statistics())];
        slots.extend(norm.weight_slots());
        slots.push(Slot::write("dscale", self.len()));
        if norm.affine == RowAffine::ScaleAndShift {
            slots.push(Slot::write("dshift", self.len()));
        }
        slots
    }

    fn shader(&self) -> Shader {
        let constants = vec![("AFFINE", self.0.affine as u32), ("ELASTIC", u32::from(self.0.elastic.is_some()))];
        Shader { file: "norm/layer_norm_sums", constants }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.architectures as usize * self.blocks() as usize * self.0.width.div_ceil(64) as usize)
    }

    fn cost(&self) -> Cost {
        let each = 3 + self.0.affine as u64;
        Cost { operations: each * self.0.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let mut read = |given: bool| if given { views.next().map(View::read) } else { None };
        let [g, x, statistics] = [(); 3].map(|()| read(true).unwrap_or_default());
        let weights = read(self.0.elastic.is_some());
        let dscale = &mut views.next().map(View::write).unwrap_or_default()[..self.len()];
        let dshift = views.next().map(|dshift| &mut dshift.write()[..self.len()]).unwrap_or_default();
        let (rows, width, own) = (self.0.rows as usize, self.0.width as usize, 2 * self.0.choices());
        let blocks = self.blocks() as usize;
        let block = |index: usize, dscale: &mut [f32], dshift: &mut [f32]| {
            let (architecture, first) = (index / blocks, index % blocks * BLOCK);
            cpu.vectorised(
                #[inline(always)]
                || {
                    dscale.fill(0.0);
                    dshift.fill(0.0);
                    let live = self.0.live(weights, architecture);
                    for row in first..rows.min(first + BLOCK) {
                        let at = architecture * rows + row;
                        let inputs =
                            [&g[at * width..][..width], &x[at * width..][..width], &statistics[at * own..][..own]];
                        self.add(&live, inputs, dscale, dshift);
                    }
                },
            );
        };
        let tasks = dscale.par_chunks_mut(width);
        if dshift.is_empty() {
            tasks.enumerate().for_each(|(index, dscale)| block(index, dscale, &mut []));
        } else {
            let tasks = tasks.zip(dshift.par_chunks_mut(width)).enumerate();
            tasks.for_each(|(index, (dscale, dshift))| block(index, dscale, dshift));
        }
    }
}
