//! Channels scaled by the mask of each architecture, and the gradient of the mask.

use rayon::prelude::*;

use super::check::{at_most, countable, positive};
use super::dot;
use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// The longest sum of a channel: that of `elastic/channel_mask_gradient.wgsl`.
const LONGEST_SUM: u64 = 8 * 65_000;
/// Places of a channel that lie side by side below which the gradient reads across channels.
const FEW: u32 = 16;
/// Channels that a task of the gradient takes where it reads across channels.
const BLOCK: usize = 64;
/// Places whose products one partial sum holds there.
const PLACES: usize = 64;

/// `y[a,j,c,p] = mask[a,c] x[a,j,c,p]`, and 0 where the mask is 0 whatever `x` is: `[A, outer, C, inner]`. Slots `x`, `mask`
/// `[A, C]`, `y`. It is its own gradient with respect to `x`.
///
/// A mask of [`super::Coverage`] belongs behind a normalisation: before it the statistics would take the mask out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelMask {
    /// Architectures A.
    pub architectures: u32,
    /// What stands before the channels: images, or rows.
    pub outer: u32,
    /// Channels C.
    pub channels: u32,
    /// What stands behind the channels: pixels, or 1.
    pub inner: u32,
}

impl ChannelMask {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        let [a, outer, channels, inner] = [self.architectures, self.outer, self.channels, self.inner].map(u64::from);
        let extents = [("architectures", a), ("outer", outer), ("channels", channels), ("inner", inner)];
        positive("channel_mask", &extents)?;
        countable("channel_mask", "x", &[a, outer, channels, inner])?;
        at_most("channel_mask", "the number of elements of a channel", outer * inner, LONGEST_SUM)
    }

    /// Elements of one architecture.
    fn each(&self) -> usize {
        self.outer as usize * self.channels as usize * self.inner as usize
    }

    fn len(&self) -> usize {
        self.architectures as usize * self.each()
    }

    fn mask_len(&self) -> usize {
        self.architectures as usize * self.channels as usize
    }

    fn words(&self) -> Words {
        Words::new().u32(self.architectures).u32(self.outer).u32(self.channels).u32(self.inner)
    }
}

impl Kernel for ChannelMask {
    fn name(&self) -> &'static str {
        "channel_mask"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.len()), Slot::read("mask", self.mask_len()), Slot::write("y", self.len())]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/channel_mask", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, mask, y] = views.split();
        let (x, mask) = (x.read(), mask.read());
        let (channels, inner, outer) = (self.channels as usize, self.inner as usize, self.outer as usize);
        let image = channels * inner;
        let few = (1 << 14) / image.clamp(1, 1 << 14);
        let rows = y.write()[..self.len()].par_chunks_exact_mut(image).zip(x.par_chunks_exact(image));
        rows.with_min_len(few).enumerate().for_each(|(row, (y, x))| {
            let mask = &mask[row / outer * channels..][..channels];
            cpu.vectorised(
                #[inline(always)]
                || {
                    if inner == 1 {
                        for ((y, x), mask) in y.iter_mut().zip(x).zip(mask) {
                            *y = if *mask == 0.0 { 0.0 } else { mask * x };
                        }
                        return;
                    }
                    for ((y, x), mask) in y.chunks_exact_mut(inner).zip(x.chunks_exact(inner)).zip(mask) {
                        if *mask == 0.0 {
                            y.fill(0.0);
                        } else {
                            y.iter_mut().zip(x).for_each(|(y, x)| *y = mask * x);
                        }
                    }
                },
            );
        });
    }
}

/// The gradient of the mask, `dmask[a,c] = (known[a,c] +) sum_{j,p} dy[a,j,c,p] x[a,j,c,p]`. Slots `dy`, `x`, (`known` `[A, C]`),
/// (`mask` `[A, C]`), `dmask` `[A, C]`.
///
/// With the gradient of a layer's effective weights as `dy` and the weights themselves, that all architectures share, as `x`
/// it is the gradient of the mask over the layer's outputs: `outer` is 1 and `inner` the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelMaskGradient {
    /// The mask.
    pub mask: ChannelMask,
    /// Whether `x` is one for all architectures, `[outer, C, inner]`.
    pub shared: bool,
    /// Whether the slot `known` is added.
    pub accumulate: bool,
    /// Whether `x` is what the mask has made, so that the sum is divided by the slot `mask`. Entries of a mask that is 0, or no
    /// normal number, are then 0.
    pub quotient: bool,
}

impl ChannelMaskGradient {
    fn columns(&self) -> bool {
        self.mask.inner < FEW && self.mask.outer > 1
    }

    fn x_len(&self) -> usize {
        if self.shared { self.mask.each() } else { self.mask.len() }
    }

    /// The sums of `dmask.len()` channels of one architecture from channel `first` on, place by place.
    #[inline(always)]
    fn across(&self, first: usize, dy: &[f32], x: &[f32], dmask: &mut [f32]) {
        let (channels, inner) = (self.mask.channels as usize, self.mask.inner as usize);
        let (count, places) = (dmask.len(), self.mask.outer as usize * inner);
        dmask.fill(0.0);
        // Partial sums, so that the error does not grow with the number of places.
        for start in (0..places).step_by(PLACES) {
            let mut partial = [0.0; BLOCK];
            for place in start..places.min(start + PLACES) {
                let at = (place / inner * channels + first) * inner + place % inner;
                if inner == 1 {
                    let rows = dy[at..][..count].iter().zip(&x[at..][..count]);
                    for (sum, (dy, x)) in partial.iter_mut().zip(rows) {
                        *sum = dy.mul_add(*x, *sum);
                    }
                } else {
                    for (channel, sum) in partial[..count].iter_mut().enumerate() {
                        *sum = dy[at + channel * inner].mul_add(x[at + channel * inner], *sum);
                    }
                }
            }
            dmask.iter_mut().zip(partial).for_each(|(dmask, sum)| *dmask += sum);
        }
    }

    /// The sum of one channel, whose places lie side by side.
    #[inline(always)]
    fn along(&self, channel: usize, dy: &[f32], x: &[f32]) -> f32 {
        let (channels, inner) = (self.mask.channels as usize, self.mask.inner as usize);
        let sums = (0..self.mask.outer as usize).map(|row| {
            let at = (row * channels + channel) * inner;
            f64::from(dot::leaf(&dy[at..][..inner], &x[at..][..inner]))
        });
        sums.sum::<f64>() as f32
    }
}

impl Kernel for ChannelMaskGradient {
    fn name(&self) -> &'static str {
        "channel_mask_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let mask = self.mask.mask_len();
        [Slot::read("dy", self.mask.len()), Slot::read("x", self.x_len())]
            .into_iter()
            .chain(self.accumulate.then(|| Slot::read("known", mask)))
            .chain(self.quotient.then(|| Slot::read("mask", mask)))
            .chain([Slot::write("dmask", mask)])
            .collect()
    }

    fn shader(&self) -> Shader {
        let constants = vec![
            ("COLUMNS", self.columns().into()),
            ("ACCUMULATE", self.accumulate.into()),
            ("QUOTIENT", self.quotient.into()),
        ];
        Shader { file: "elastic/channel_mask_gradient", constants }
    }

    fn parameters(&self) -> Words {
        self.mask.words().u32(if self.shared { 0 } else { self.mask.each() as u32 })
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(match self.columns() {
            true => self.mask.architectures as usize * self.mask.channels.div_ceil(32) as usize,
            false => self.mask.mask_len(),
        })
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * self.mask.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let (Some(dy), Some(x)) = (views.next(), views.next()) else { return };
        let known = self.accumulate.then(|| views.next()).flatten().map(View::read);
        let mask = self.quotient.then(|| views.next()).flatten().map(View::read);
        let Some(dmask) = views.next() else { return };
        let (dy, x, dmask) = (dy.read(), x.read(), dmask.write());
        let (each, channels) = (self.mask.each(), self.mask.channels as usize);
        let dmask = &mut dmask[..self.mask.mask_len()];
        dmask.par_chunks_mut(channels).enumerate().for_each(|(a, dmask)| {
            let dy = &dy[a * each..][..each];
            let x = if self.shared { &x[..each] } else { &x[a * each..][..each] };
            dmask.par_chunks_mut(BLOCK).enumerate().for_each(|(block, dmask)| {
                let first = block * BLOCK;
                cpu.vectorised(
                    #[inline(always)]
                    || {
                        if self.columns() {
                            self.across(first, dy, x, dmask);
                        } else {
                            for (channel, dmask) in dmask.iter_mut().enumerate() {
                                *dmask = self.along(first + channel, dy, x);
                            }
                        }
                        if let Some(mask) = mask {
                            for (dmask, mask) in dmask.iter_mut().zip(&mask[a * channels + first..]) {
                                *dmask = if mask.abs() >= f32::MIN_POSITIVE { *dmask / mask } else { 0.0 };
                            }
                        }
                        if let Some(known) = known {
                            let known = &known[a * channels + first..];
                            dmask.iter_mut().zip(known).for_each(|(dmask, known)| *dmask += known);
                        }
                    },
                );
            });
        });
    }
}
