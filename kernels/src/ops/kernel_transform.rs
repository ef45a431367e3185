//! Depthwise kernels 3, 5 and 7 out of one kernel 7 by learned transforms, and their gradients.

use rayon::prelude::*;

use super::check::{at_most, countable, positive};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};

/// Sizes of a decision over kernels: 3, 5, 7.
const SIZES: usize = 3;
/// Taps of a kernel 7.
const SEVEN: usize = 49;
/// Taps of a kernel 5.
const FIVE: usize = 25;
/// Taps of a kernel 3.
const THREE: usize = 9;
/// Taps that are made of a kernel 7: those of 5, then those of 3.
const MADE: usize = FIVE + THREE;

/// The place, in a kernel `large`, of tap `tap` of its centre `small`.
#[inline(always)]
fn centre_tap(tap: usize, small: usize, large: usize) -> usize {
    let margin = (large - small) / 2;
    (tap / small + margin) * large + tap % small + margin
}

/// `y = M centre(x)`, `M` `[rows, rows]` being of kernels `small` and `x` of a kernel `large`.
#[inline(always)]
fn transform(m: &[f32], x: &[f32], small: usize, large: usize, y: &mut [f32]) {
    for (y, m) in y.iter_mut().zip(m.chunks_exact(small * small)) {
        *y = m.iter().enumerate().fold(0.0, |sum, (tap, m)| m.mul_add(x[centre_tap(tap, small, large)], sum));
    }
}

/// `centre(dx) += M^T dy`.
#[inline(always)]
fn transform_gradient(m: &[f32], dy: &[f32], small: usize, large: usize, dx: &mut [f32]) {
    for (dy, m) in dy.iter().zip(m.chunks_exact(small * small)) {
        for (tap, m) in m.iter().enumerate() {
            let dx = &mut dx[centre_tap(tap, small, large)];
            *dx = m.mul_add(*dy, *dx);
        }
    }
}

/// The depthwise kernels that architectures use, out of one kernel 7x7 a channel (once-for-all: Cai et al., ICLR 2020;
/// `DynamicSeparableConv2d` of mit-han-lab/once-for-all): kernel 5 is the centre 5x5 of kernel 7, as a vector times a matrix `m5`
/// `[25, 25]`, kernel 3 the centre 3x3 of that kernel 5 times `m3` `[9, 9]`; all channels share the matrices.
///
/// `effective[a,c]` is the sum of the kernels, each in the middle of zeros, by the weights `[A, 3]` of the sizes 3, 5, 7: one of
/// them with a one-hot. `reach[a]` (u32) is how far it goes from its centre, 1 to 3. Slots `weights` `[A, 3]`, `w` `[C, 7, 7]`, `m5`,
/// `m3`, `effective` `[A, C, 7, 7]`, `made` `[C, 34]` (kernels 5 and 3, for the gradients), `reach` u32 `[A]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTransform {
    /// Architectures A.
    pub architectures: u32,
    /// Channels C.
    pub channels: u32,
    /// Whether all reach to 3, for the gradient of weights that are 0 ([`super::Unselected::Exact`]).
    pub evaluate_all: bool,
}

impl KernelTransform {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where there is no architecture or channel, or there are more than an index or a loop of the shaders counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "kernel_transform";
        let [a, channels] = [self.architectures, self.channels].map(u64::from);
        positive(NAME, &[("architectures", a), ("channels", channels)])?;
        at_most(NAME, "architectures", a, 65_000)?;
        at_most(NAME, "channels", channels, 65_000)?;
        countable(NAME, "the kernels", &[a, channels, SEVEN as u64])
    }

    fn each(&self) -> usize {
        self.channels as usize
    }

    fn all(&self) -> usize {
        self.architectures as usize * self.channels as usize
    }

    fn weights_slot(&self) -> Slot {
        Slot::read("weights", self.architectures as usize * SIZES)
    }

    fn words(&self) -> Words {
        Words::new().u32(self.architectures).u32(self.channels).u32(self.evaluate_all.into())
    }

    fn reach(&self, weights: &[f32]) -> u32 {
        match weights.iter().rposition(|weight| *weight != 0.0) {
            _ if self.evaluate_all => SIZES as u32,
            Some(largest) => largest as u32 + 1,
            None => 0,
        }
    }
}

impl Kernel for KernelTransform {
    fn name(&self) -> &'static str {
        "kernel_transform"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            self.weights_slot(),
            Slot::read("w", self.each() * SEVEN),
            Slot::read("m5", FIVE * FIVE),
            Slot::read("m3", THREE * THREE),
            Slot::write("effective", self.all() * SEVEN),
            Slot::write("made", self.each() * MADE),
            Slot::write("reach", self.architectures as usize),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/kernel_transform", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.each())
    }

    fn cost(&self) -> Cost {
        let transforms = 2 * self.each() * (FIVE * FIVE + THREE * THREE);
        Cost { operations: (transforms + 2 * self.all() * (SEVEN + MADE)) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [weights, w, m5, m3, effective, made, reach] = views.split();
        let (weights, w, m5, m3) = (weights.read(), w.read(), m5.read(), m3.read());
        let made = &mut made.write()[..self.each() * MADE];
        made.par_chunks_exact_mut(MADE).zip(w.par_chunks_exact(SEVEN)).with_min_len(16).for_each(|(made, w)| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    let (five, three) = made.split_at_mut(FIVE);
                    transform(m5, w, 5, 7, five);
                    transform(m3, five, 3, 5, three);
                },
            );
        });
        let made = &*made;
        let rows = effective.write()[..self.all() * SEVEN].par_chunks_exact_mut(SEVEN).with_min_len(64);
        rows.enumerate().for_each(|(row, effective)| {
            let (a, channel) = (row / self.each(), row % self.each());
            let [three, five, seven] = [0, 1, 2].map(|size| weights[a * SIZES + size]);
            let (w, made) = (&w[channel * SEVEN..][..SEVEN], &made[channel * MADE..][..MADE]);
            effective.iter_mut().zip(w).for_each(|(effective, w)| *effective = seven * w);
            for (tap, made) in made[..FIVE].iter().enumerate() {
                effective[centre_tap(tap, 5, 7)] += five * made;
            }
            for (tap, made) in made[FIVE..].iter().enumerate() {
                effective[centre_tap(tap, 3, 7)] += three * made;
            }
        });
        for (reach, weights) in reach.write_u32().iter_mut().zip(weights.chunks_exact(SIZES)) {
            *reach = self.reach(weights);
        }
    }
}

/// The gradients of the kernels, apart for each architecture. Slots `g` `[A, C, 7, 7]`, that of the effective kernels, `weights`,
/// `m5`, `m3`, `dw` `[A, C, 7, 7]`, `dmade` `[A, C, 34]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTransformWeightGradient(pub KernelTransform);

impl Kernel for KernelTransformWeightGradient {
    fn name(&self) -> &'static str {
        "kernel_transform_weight_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("g", self.0.all() * SEVEN),
            self.0.weights_slot(),
            Slot::read("m5", FIVE * FIVE),
            Slot::read("m3", THREE * THREE),
            Slot::write("dw", self.0.all() * SEVEN),
            Slot::write("dmade", self.0.all() * MADE),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/kernel_transform_weight_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.all())
    }

    fn cost(&self) -> Cost {
        let each = SEVEN + MADE + 2 * (FIVE * FIVE + THREE * THREE);
        Cost { operations: (self.0.all() * each) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [g, weights, m5, m3, dw, dmade] = views.split();
        let (g, weights, m5, m3) = (g.read(), weights.read(), m5.read(), m3.read());
        let dw = dw.write()[..self.0.all() * SEVEN].par_chunks_exact_mut(SEVEN);
        let rows = dw.zip(dmade.write().par_chunks_exact_mut(MADE)).zip(g.par_chunks_exact(SEVEN));
        rows.with_min_len(16).enumerate().for_each(|(row, ((dw, dmade), g))| {
            let a = row / self.0.each();
            let [three, five, seven] = [0, 1, 2].map(|size| weights[a * SIZES + size]);
            cpu.vectorised(
                #[inline(always)]
                || {
                    let (dfive, dthree) = dmade.split_at_mut(FIVE);
                    for (tap, dthree) in dthree.iter_mut().enumerate() {
                        *dthree = three * g[centre_tap(tap, 3, 7)];
                    }
                    for (tap, dfive) in dfive.iter_mut().enumerate() {
                        *dfive = five * g[centre_tap(tap, 5, 7)];
                    }
                    dw.iter_mut().zip(g).for_each(|(dw, g)| *dw = seven * g);
                    transform_gradient(m3, dthree, 3, 5, dfive);
                    transform_gradient(m5, dfive, 5, 7, dw);
                },
            );
        });
    }
}

/// The gradients of the matrices, apart for each architecture. Slots `w` `[C, 7, 7]`, `made` `[C, 34]`, `dmade` `[A, C, 34]`, `dm5`
/// `[A, 25, 25]`, `dm3` `[A, 9, 9]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTransformMatrixGradient(pub KernelTransform);

/// `dm += dy centre(x)^T`.
#[inline(always)]
fn outer(dy: &[f32], x: &[f32], small: usize, large: usize, dm: &mut [f32]) {
    for (dm, dy) in dm.chunks_exact_mut(small * small).zip(dy) {
        for (tap, dm) in dm.iter_mut().enumerate() {
            *dm = dy.mul_add(x[centre_tap(tap, small, large)], *dm);
        }
    }
}

impl Kernel for KernelTransformMatrixGradient {
    fn name(&self) -> &'static str {
        "kernel_transform_matrix_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let architectures = self.0.architectures as usize;
        vec![
            Slot::read("w", self.0.each() * SEVEN),
            Slot::read("made", self.0.each() * MADE),
            Slot::read("dmade", self.0.all() * MADE),
            Slot::write("dm5", architectures * FIVE * FIVE),
            Slot::write("dm3", architectures * THREE * THREE),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/kernel_transform_matrix_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid((self.0.architectures as usize * (FIVE * FIVE + THREE * THREE)).div_ceil(64))
    }

    fn cost(&self) -> Cost {
        let operations = 2 * self.0.all() * (FIVE * FIVE + THREE * THREE);
        Cost { operations: operations as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [w, made, dmade, dm5, dm3] = views.split();
        let (w, made, dmade) = (w.read(), made.read(), dmade.read());
        let channels = self.0.each();
        let dm5 = dm5.write()[..self.0.architectures as usize * FIVE * FIVE].par_chunks_exact_mut(FIVE * FIVE);
        dm5.zip(dm3.write().par_chunks_exact_mut(THREE * THREE)).enumerate().for_each(|(a, (dm5, dm3))| {
            dm5.fill(0.0);
            dm3.fill(0.0);
            let dmade = &dmade[a * channels * MADE..][..channels * MADE];
            cpu.vectorised(
                #[inline(always)]
                || {
                    let rows = dmade.chunks_exact(MADE).zip(w.chunks_exact(SEVEN)).zip(made.chunks_exact(MADE));
                    for ((dmade, w), made) in rows {
                        outer(&dmade[..FIVE], w, 5, 7, dm5);
                        outer(&dmade[FIVE..], &made[..FIVE], 3, 5, dm3);
                    }
                },
            );
        });
    }
}

/// The gradient of the weights of the sizes; 0 where a weight is 0, unless all are evaluated. Slots `g` `[A, C, 7, 7]`, `weights`
/// `[A, 3]`, `w` `[C, 7, 7]`, `made` `[C, 34]`, `dweights` `[A, 3]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTransformChoiceGradient(pub KernelTransform);

impl Kernel for KernelTransformChoiceGradient {
    fn name(&self) -> &'static str {
        "kernel_transform_choice_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("g", self.0.all() * SEVEN),
            self.0.weights_slot(),
            Slot::read("w", self.0.each() * SEVEN),
            Slot::read("made", self.0.each() * MADE),
            Slot::write("dweights", self.0.architectures as usize * SIZES),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "elastic/kernel_transform_choice_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.words()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.architectures as usize * SIZES)
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * (self.0.all() * (SEVEN + MADE)) as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [g, weights, w, made, dweights] = views.split();
        let (g, weights, w, made) = (g.read(), weights.read(), w.read(), made.read());
        let channels = self.0.each();
        let entries = dweights.write()[..self.0.architectures as usize * SIZES].par_iter_mut();
        entries.enumerate().for_each(|(entry, dweight)| {
            *dweight = 0.0;
            if !self.0.evaluate_all && weights[entry] == 0.0 {
                return;
            }
            let size = 3 + 2 * (entry % SIZES);
            let mut total = 0.0f64;
            for (channel, g) in g[entry / SIZES * channels * SEVEN..].chunks_exact(SEVEN).take(channels).enumerate() {
                let kernel = match size {
                    7 => &w[channel * SEVEN..][..SEVEN],
                    5 => &made[channel * MADE..][..FIVE],
                    _ => &made[channel * MADE + FIVE..][..THREE],
                };
                let taps = kernel.iter().enumerate();
                total += f64::from(taps.map(|(tap, kernel)| g[centre_tap(tap, size, 7)] * kernel).sum::<f32>());
            }
            *dweight = total as f32;
        });
    }
}
