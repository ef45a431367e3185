//! The gradient of a convolution with respect to its weights.

use rayon::prelude::*;

use super::elastic::{Bounds, Live};
use super::planes::{Planes, SLACK};
use super::weight_sums::WeightSums;
use super::{Conv2d, variants};
use crate::Result;
use crate::cpu::{ALIGNMENT, Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::{Gate, Reduce, ReduceKind};
use crate::plan::{Operand, PlanBuilder};

/// Elements of the input's planes that are summed at once: a quarter of what a core's own cache holds on common machines.
const SOURCE: usize = 1 << 17;

/// The gradient with respect to `w`, `[A, Co, Ci / groups, k, k]` (`k` of the stored kernel), 0 where the gate is closed and for
/// channels and taps that are not used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2dWeightGradient {
    /// The convolution.
    pub convolution: Conv2d,
}

impl Conv2dWeightGradient {
    /// The launch that takes nearly all of the time: sums over some images each, `[A, parts, ..]`. For benches and tests of its
    /// variants; [`Conv2dWeightGradient::push`] is the whole.
    pub fn sums(&self) -> impl Kernel + Clone + use<> {
        PartialWeightGradient(self.convolution)
    }

    /// Appends the launches: sums over some images each, then the sum of these.
    ///
    /// # Errors
    /// Where a tensor is too short.
    pub fn push(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        x: Operand,
        dy: Operand,
        gate: Option<Operand>,
        dw: Operand,
    ) -> Result<()> {
        self.push_elastic(plan, label, x, dy, gate, &[], dw)
    }

    /// [`Conv2dWeightGradient::push`] with the bounds of [`super::Elastic`], in its order.
    ///
    /// # Errors
    /// Where a tensor is too short, or the bounds are not those of the convolution.
    pub fn push_elastic(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        x: Operand,
        dy: Operand,
        gate: Option<Operand>,
        bounds: &[Operand],
        dw: Operand,
    ) -> Result<()> {
        let convolution = self.convolution;
        convolution.validate()?;
        let sums = PartialWeightGradient(convolution);
        let parts = convolution.parts();
        let inputs: Vec<Operand> = [x, dy].into_iter().chain(gate).chain(bounds.iter().copied()).collect();
        if parts == 1 {
            return plan.launch(label, sums, &[inputs, vec![dw]].concat());
        }
        let partial = plan.transient(format!("{label} parts"), sums.results());
        plan.launch(label, sums, &[inputs, vec![partial]].concat())?;
        let reduce = Reduce {
            kind: ReduceKind::Sum,
            outer: convolution.architectures,
            axis: parts,
            inner: convolution.weights() as u32,
            scale: 1.0,
        };
        reduce.validate()?;
        plan.launch(format!("{label} sum"), reduce, &[partial, dw])
    }
}

/// The gradient of the weights `[A, parts, ..]`, each part of some images. Slots `x`, `dy`, (`gate`), (the bounds of
/// [`super::Elastic`]), `dw`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PartialWeightGradient(Conv2d);

impl PartialWeightGradient {
    fn results(&self) -> usize {
        self.0.architectures as usize * self.0.parts() as usize * self.0.weights()
    }

    /// Elements of a channel of the output's gradient in scratch memory: whole lines of the cache.
    fn row(planes: &Planes) -> usize {
        (planes.positions() + SLACK).next_multiple_of(ALIGNMENT)
    }

    /// Images that are summed at once: planes of the input that a core's own cache holds.
    fn block_images(&self, planes: &Planes) -> usize {
        (SOURCE / (self.0.group_inputs() * planes.plane)).clamp(1, self.0.part_images() as usize)
    }

    /// Elements of scratch memory: planes of x, rows of dy, and sums, of one group.
    fn parts_of_scratch(&self, planes: &Planes) -> [usize; 3] {
        let images = self.block_images(planes);
        let (depth, rows) = (self.0.group_inputs(), self.0.group_outputs());
        [
            (images * depth * planes.plane + SLACK).next_multiple_of(ALIGNMENT),
            images * rows * Self::row(planes) + SLACK,
            rows * depth * planes.taps(),
        ]
    }

    /// Sums the images of one part; `first` is the first.
    fn part(&self, cpu: &Cpu, live: &Live, first: usize, images: usize, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let convolution = &self.0;
        let planes = &Planes::of_input(&live.convolution);
        let (depth, rows, groups) =
            (convolution.group_inputs(), convolution.group_outputs(), convolution.groups as usize);
        let (live_depth, live_rows) = (live.inputs, live.outputs);
        let row = Self::row(planes);
        let (stored, taps) = (convolution.weight_taps(), planes.taps());
        if live.groups * live_rows * live_depth * taps < dw.len() {
            dw.fill(0.0);
        }
        if live_depth == 0 || live_rows == 0 {
            return;
        }
        // Rows without padding between them are summed where they lie.
        let in_place = planes.whole() && groups == 1 && live_rows == rows;
        let [source_len, dy_len, sums_len] = self.parts_of_scratch(planes);
        let block = self.block_images(planes);
        cpu.with_scratch(source_len + dy_len + sums_len, |scratch| {
            let (source, rest) = scratch.split_at_mut(source_len);
            let (spread, sums) = rest.split_at_mut(dy_len);
            let sums = &mut sums[..live_rows * live_depth * taps];
            source.fill(0.0);
            spread.fill(0.0);
            for group in 0..live.groups {
                for start in (0..images).step_by(block) {
                    let image = first + start;
                    let images = block.min(images - start);
                    self.place(cpu, live, planes, [image, images, group], x, source);
                    if !in_place {
                        self.spread(cpu, live, planes, [image, images, group], dy, spread);
                    }
                    cpu.with_vectors(WeightSums {
                        planes,
                        images,
                        source,
                        depth: live_depth,
                        dy: if in_place { &dy[image * rows * convolution.out_plane()..] } else { spread },
                        rows: live_rows,
                        row: if in_place { convolution.out_plane() } else { row },
                        add: start > 0,
                        result: sums,
                    });
                }
                for (row, sums) in sums.chunks_exact(live_depth * taps).enumerate() {
                    let dw = &mut dw[(group * rows + row) * depth * stored..][..live_depth * stored];
                    if stored == taps {
                        dw.copy_from_slice(sums);
                        continue;
                    }
                    for (sums, dw) in sums.chunks_exact(taps).zip(dw.chunks_exact_mut(stored)) {
                        for (tap, sum) in sums.iter().enumerate() {
                            dw[live.stored_tap(convolution, tap)] = *sum;
                        }
                    }
                }
            }
        });
    }

    /// Brings the input's planes of a group of some images into scratch memory.
    fn place(
        &self,
        cpu: &Cpu,
        live: &Live,
        planes: &Planes,
        [image, images, group]: [usize; 3],
        x: &[f32],
        into: &mut [f32],
    ) {
        let (groups, depth, plane) = (self.0.groups as usize, self.0.group_inputs(), self.0.plane());
        cpu.vectorised(
            #[inline(always)]
            || {
                let into = into.chunks_exact_mut(live.inputs * planes.plane);
                for (index, into) in into.take(images).enumerate() {
                    let x = &x[((image + index) * groups + group) * depth * plane..][..live.inputs * plane];
                    for (x, into) in x.chunks_exact(plane).zip(into.chunks_exact_mut(planes.plane)) {
                        planes.place_input(&live.convolution, x, into);
                    }
                }
            },
        );
    }

    /// Brings the output's gradient of a group of some images into scratch memory, at the planes' pitch.
    fn spread(
        &self,
        cpu: &Cpu,
        live: &Live,
        planes: &Planes,
        [image, images, group]: [usize; 3],
        dy: &[f32],
        into: &mut [f32],
    ) {
        let (groups, rows, plane) = (self.0.groups as usize, self.0.group_outputs(), self.0.out_plane());
        let row = Self::row(planes);
        cpu.vectorised(
            #[inline(always)]
            || {
                let into = into.chunks_exact_mut(live.outputs * row);
                for (index, into) in into.take(images).enumerate() {
                    let dy = &dy[((image + index) * groups + group) * rows * plane..][..live.outputs * plane];
                    for (dy, into) in dy.chunks_exact(plane).zip(into.chunks_exact_mut(row)) {
                        for (dy, into) in dy.chunks_exact(planes.columns).zip(into.chunks_mut(planes.pitch)) {
                            into[..planes.columns].copy_from_slice(dy);
                        }
                    }
                }
            },
        );
    }
}

impl Kernel for PartialWeightGradient {
    fn name(&self) -> &'static str {
        "conv2d_weight_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        let first = [Slot::read("x", self.0.inputs()).or_half(), Slot::read("dy", self.0.outputs()).or_half()];
        first.into_iter().chain(self.0.bound_slots()).chain([Slot::write("dw", self.results())]).collect()
    }

    fn shader(&self) -> Shader {
        self.variants().swap_remove(0).shader
    }

    fn parameters(&self) -> Words {
        let words = Words::new()
            .u32(self.0.architectures)
            .u32(self.0.batch)
            .u32(self.0.parts())
            .u32(self.0.part_images())
            .u32(self.0.groups)
            .u32(self.0.group_outputs() as u32)
            .u32(self.0.group_inputs() as u32)
            .u32(self.0.output_height())
            .u32(self.0.output_width())
            .u32(self.0.height)
            .u32(self.0.width)
            .u32(self.0.kernel)
            .u32(self.0.stride)
            .u32(self.0.padding)
            .u32(self.0.dilation)
            .u32(self.0.weight_taps() as u32)
            .u32(self.0.centre() as u32);
        self.0.gate_words(words)
    }

    fn grid(&self) -> [u32; 3] {
        self.variants().swap_remove(0).grid
    }

    fn variants(&self) -> Vec<Variant> {
        variants::weight_gradient(&self.0)
    }

    fn tuning(&self) -> Option<Tuning> {
        Some(variants::tuning("conv2d_weight_gradient", &self.0, Self))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.0.operations(), bytes: bytes_of(&self.slots()) }
    }

    fn scratch(&self) -> usize {
        self.parts_of_scratch(&Planes::of_input(&self.0)).into_iter().sum()
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let convolution = &self.0;
        let mut views = views.each();
        let (Some(x), Some(dy)) = (views.next(), views.next()) else { return };
        let gate = convolution.gate.and_then(|_| views.next()).map(|gate| gate.read());
        let bounds = Bounds::take(convolution.elastic, &mut views);
        let Some(dw) = views.next() else { return };
        let (x, dy) = (x.read(), dy.read());
        let (parts, images) = (convolution.parts() as usize, convolution.part_images() as usize);
        let batch = convolution.batch as usize;
        dw.write().par_chunks_mut(convolution.weights()).enumerate().for_each(|(section, dw)| {
            let (architecture, first) = (section / parts, section % parts * images);
            if Gate::is_open(convolution.gate, gate, architecture) {
                let images = images.min(batch - first);
                let live = Live::of(convolution, &bounds, architecture);
                self.part(cpu, &live, architecture * batch + first, images, x, dy, dw);
            } else {
                dw.fill(0.0);
            }
        });
    }
}
