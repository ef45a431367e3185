//! The forward pass and the gradient of the input on the CPU: one loop over architectures, images, groups and channels.

use rayon::prelude::*;

use super::Conv2d;
use super::components::{self, COMPONENTS, Kernels};
use super::correlate::{Correlate, ROWS, block_rows};
use super::elastic::{Bounds, Live};
use super::planes::{Planes, SLACK};
use super::rows::{add_phases, interleave, join_phases};
use crate::cpu::Cpu;
use crate::ops::Gate;
use crate::ops::in_place::Known;

/// Operations worth a task of their own.
const TASK: u64 = 4_000_000;
/// Positions of results after which it no longer shows that a task brings the weights into order.
const POSITIONS: usize = 2048;
/// Tasks that the batch of an architecture is cut into at the least: the gates of few may be open.
const TASKS: usize = 4;

/// One pass: which channels become which, and what happens to the sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    /// The convolution.
    pub convolution: &'a Conv2d,
    /// Whether this is the gradient of the input.
    pub gradient: bool,
    /// What is convolved: the input, or the output's gradient.
    pub source: &'a [f32],
    /// The weights.
    pub weights: &'a [f32],
    /// Architecture weights of the gate.
    pub gate: Option<&'a [f32]>,
    /// What each architecture takes.
    pub bounds: Bounds<'a>,
    /// The input whose sign masks the gradient.
    pub mask: Option<&'a [f32]>,
    /// What the gradient is added to.
    pub known: Known<'a>,
}

/// Elements of scratch memory: planes of one group, packed weights, and rows of results.
pub(super) fn scratch(convolution: &Conv2d, gradient: bool) -> usize {
    let parts = Parts::of(convolution, gradient);
    let planes = parts.planes(convolution, gradient, 0);
    let (depth, rows) = channels(convolution, gradient);
    let all_rows = rows * convolution.groups as usize;
    source_len(&planes, depth) + all_rows * depth * parts.taps(convolution) + parts.len() * ROWS * result_row(&planes)
}

/// Channels of the source and of the result in a group.
fn channels(convolution: &Conv2d, gradient: bool) -> (usize, usize) {
    let (inputs, outputs) = (convolution.group_inputs(), convolution.group_outputs());
    if gradient { (outputs, inputs) } else { (inputs, outputs) }
}

/// What is computed apart, from one placed source, and then joined to a channel of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Parts {
    /// Nothing.
    Whole,
    /// The inputs that one stride tells apart: they take different taps of the kernel.
    Phases(usize),
    /// Components of pairs of rows.
    Components,
}

impl Parts {
    fn of(convolution: &Conv2d, gradient: bool) -> Self {
        let (depth, rows) = channels(convolution, gradient);
        match convolution.stride as usize {
            stride if gradient && stride > 1 => Self::Phases(stride),
            _ if components::pay(convolution, depth, rows) => Self::Components,
            _ => Self::Whole,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Whole => 1,
            Self::Phases(stride) => stride * stride,
            Self::Components => COMPONENTS,
        }
    }

    /// Taps of all parts.
    fn taps(self, convolution: &Conv2d) -> usize {
        if self == Self::Components { 3 * COMPONENTS } else { convolution.taps() }
    }

    /// How the source lies in scratch memory, as one part reads it.
    fn planes(self, convolution: &Conv2d, gradient: bool, part: usize) -> Planes {
        match self {
            Self::Components => Planes::of_component(convolution, part),
            Self::Phases(stride) => Planes::of_output(convolution, [part / stride, part % stride]),
            Self::Whole if gradient => Planes::of_output(convolution, [0; 2]),
            Self::Whole => Planes::of_input(convolution),
        }
    }
}

fn source_len(planes: &Planes, depth: usize) -> usize {
    depth * planes.plane + SLACK
}

fn result_row(planes: &Planes) -> usize {
    planes.positions() + SLACK
}

/// Some images of one architecture, and some channels of their results.
#[derive(Debug, Clone, Copy)]
struct Task {
    architecture: usize,
    /// The first image, counted through all architectures.
    image: usize,
    /// The first channel of the result.
    row: usize,
    /// Channels of the result.
    rows: usize,
}

impl Pass<'_> {
    /// Computes the result, all architectures.
    pub(super) fn run(&self, cpu: &Cpu, result: &mut [f32]) {
        let convolution = self.convolution;
        let (_, rows) = channels(convolution, self.gradient);
        let plane = self.result_plane();
        let all_rows = rows * convolution.groups as usize;
        let image = all_rows * plane;
        let batch = convolution.batch as usize;
        let operations = convolution.operations() / convolution.images() as u64;
        let tasks = (4 * rayon::current_num_threads() / convolution.architectures as usize).max(TASKS);
        let enough = POSITIONS.div_ceil(plane).min(batch.div_ceil(tasks));
        let images = ((TASK / operations.max(1)) as usize).max(enough).min(batch);
        // A single image of much work is shared by its channels.
        let blocks = if convolution.groups == 1 { operations.div_ceil(2 * TASK) as usize } else { 1 };
        let task_rows = if images == 1 { all_rows.div_ceil(blocks).next_multiple_of(ROWS) } else { all_rows };
        result.par_chunks_mut(batch * image).enumerate().for_each(|(architecture, result)| {
            if !Gate::is_open(convolution.gate, self.gate, architecture) {
                if self.gradient {
                    self.pass_by(architecture * batch * image, result);
                }
                return;
            }
            let live = Live::of(convolution, &self.bounds, architecture);
            result.par_chunks_mut(images * image).enumerate().for_each(|(block, result)| {
                let whole = Task { architecture, image: architecture * batch + block * images, row: 0, rows: all_rows };
                if task_rows >= all_rows {
                    self.task(cpu, &live, whole, result);
                } else {
                    result.par_chunks_mut(task_rows * plane).enumerate().for_each(|(part, result)| {
                        let part = Task { row: part * task_rows, rows: result.len() / plane, ..whole };
                        self.task(cpu, &live, part, result);
                    });
                }
            });
        });
    }

    /// What becomes of results that are not computed: nothing is added to them.
    fn pass_by(&self, first: usize, result: &mut [f32]) {
        self.known.part(first, result.len()).start(result);
    }

    fn task(&self, cpu: &Cpu, live: &Live, task: Task, result: &mut [f32]) {
        let (stride, group_rows) = channels(self.convolution, self.gradient);
        let (depth, live_rows) = if self.gradient { (live.outputs, live.inputs) } else { (live.inputs, live.outputs) };
        let (plane, groups) = (self.result_plane(), self.convolution.groups as usize);
        // Of one group the task has some channels; of several it has all.
        let rows = if groups == 1 { task.rows.min(live_rows.saturating_sub(task.row)) } else { group_rows };
        let computed = live.groups * rows;
        let parts = Parts::of(&live.convolution, self.gradient);
        // Those of common strides are kept.
        let few: [Planes; COMPONENTS] =
            std::array::from_fn(|part| parts.planes(&live.convolution, self.gradient, part.min(parts.len() - 1)));
        let (packed_len, source_len) = (computed * depth * parts.taps(&live.convolution), source_len(&few[0], depth));
        let row_len = result_row(&few[0]);
        let as_it_is = parts == Parts::Whole && self.as_it_is(&few[0]);
        let in_place = parts == Parts::Whole && !matches!(self.known, Known::Result) && (as_it_is || few[0].whole());
        cpu.with_scratch(source_len + packed_len + parts.len() * ROWS * row_len, |scratch| {
            let (source, rest) = scratch.split_at_mut(source_len);
            let (packed, sums) = rest.split_at_mut(packed_len);
            source.fill(0.0);
            let rows_and_depth = [task.architecture, task.row, computed, depth];
            if parts == Parts::Components {
                self.pack_components(cpu, live, rows_and_depth, packed);
            } else {
                let mut unpacked = &mut *packed;
                for part in 0..parts.len() {
                    let planes = parts.planes(&live.convolution, self.gradient, part);
                    let own;
                    (own, unpacked) = unpacked.split_at_mut(computed * depth * planes.taps());
                    self.pack(live, &planes, rows_and_depth, own);
                }
            }
            for (index, result) in result.chunks_mut(task.rows * plane).enumerate() {
                let image = task.image + index;
                let first = (image * self.all_rows() + task.row) * plane;
                for group in 0..live.groups {
                    let source_plane = (image * groups + group) * stride;
                    if !as_it_is {
                        self.place(cpu, live, (parts, &few[0]), source_plane, depth, source);
                    }
                    let source =
                        if as_it_is { &self.source[source_plane * plane..][..depth * plane] } else { &*source };
                    let mut row = 0;
                    while row < rows {
                        let count = block_rows(rows - row);
                        let place = group * rows + row;
                        let result = &mut result[place * plane..][..count * plane];
                        let mut packed = &*packed;
                        for part in 0..parts.len() {
                            let other;
                            let planes = if part < few.len() {
                                &few[part]
                            } else {
                                other = parts.planes(&live.convolution, self.gradient, part);
                                &other
                            };
                            let each = depth * planes.taps();
                            let own;
                            (own, packed) = packed.split_at(computed * each);
                            let sums = &mut sums[part * ROWS * row_len..][..count * row_len];
                            cpu.with_vectors(Correlate {
                                planes,
                                source,
                                depth,
                                weights: &own[place * each..][..count * each],
                                rows: count,
                                result: if in_place { &mut *result } else { sums },
                                exact: as_it_is || in_place,
                            });
                        }
                        for (m, result) in result.chunks_mut(plane).enumerate() {
                            let sums = (!in_place).then(|| &sums[m * row_len..]);
                            self.finish(cpu, (parts, &few[0]), sums, first + (place + m) * plane, result);
                        }
                        row += count;
                    }
                }
                self.pass_by(first + computed * plane, &mut result[computed * plane..]);
            }
        });
    }

    /// Whether the source is convolved where it lies. Behind that nothing may be read, so that what is left of a plane after whole
    /// vectors is computed one by one: for many rows of results the copy costs less.
    fn as_it_is(&self, planes: &Planes) -> bool {
        let Conv2d { kernel, stride, padding, relu_input, .. } = *self.convolution;
        let whole = planes.whole() || channels(self.convolution, self.gradient).1 < 2 * ROWS;
        kernel == 1 && stride == 1 && padding == 0 && whole && (self.gradient || !relu_input)
    }

    /// Elements of a channel of the result.
    fn result_plane(&self) -> usize {
        if self.gradient { self.convolution.plane() } else { self.convolution.out_plane() }
    }

    fn all_rows(&self) -> usize {
        channels(self.convolution, self.gradient).1 * self.convolution.groups as usize
    }

    /// Weights of a phase as the registers take them: blocks of rows of a group, each `[depth, taps, rows of the block]`.
    fn pack(
        &self,
        live: &Live,
        planes: &Planes,
        [architecture, first_row, all_rows, depth]: [usize; 4],
        packed: &mut [f32],
    ) {
        let convolution = self.convolution;
        let (stride, group_rows) = channels(convolution, self.gradient);
        let (taps, stored) = (planes.taps(), convolution.weight_taps());
        if taps == 0 {
            return;
        }
        let kernel = live.convolution.kernel as usize;
        let whole = stored == live.convolution.taps();
        let weights = &self.weights[architecture * convolution.weight_stride()..];
        let mut rest = packed;
        let mut row = 0;
        while row < all_rows {
            let (group, within) = ((first_row + row) / group_rows, (first_row + row) % group_rows);
            let left = (group_rows - within).min(all_rows - row);
            let count = block_rows(left);
            let block;
            (block, rest) = rest.split_at_mut(count * depth * taps);
            // Where a row's weights begin, and those of its next channel and of the next row.
            let (first, step, next_row) = if self.gradient {
                (group * stride * group_rows + within, group_rows, 1)
            } else {
                ((group * group_rows + within) * stride, 1, stride)
            };
            for (channel, block) in block.chunks_exact_mut(count * taps).enumerate() {
                let first = first + channel * step;
                let rows = &weights[first * stored..];
                match count {
                    ROWS if whole => interleave::<ROWS>(planes.tap_places(kernel), rows, next_row * stored, block),
                    4 if whole => interleave::<4>(planes.tap_places(kernel), rows, next_row * stored, block),
                    _ => {
                        for m in 0..count {
                            let weights = &rows[m * next_row * stored..][..stored];
                            let packed = block[m..].iter_mut().step_by(count);
                            for (packed, tap) in packed.zip(planes.tap_places(kernel)) {
                                *packed = weights[live.stored_tap(convolution, tap)];
                            }
                        }
                    }
                }
            }
            row += count;
        }
    }

    /// The weights of all components, one after another, each as [`Self::pack`] leaves those of a phase.
    fn pack_components(
        &self,
        cpu: &Cpu,
        live: &Live,
        [architecture, first_row, rows, depth]: [usize; 4],
        packed: &mut [f32],
    ) {
        let convolution = self.convolution;
        let (stride, group_rows) = channels(convolution, self.gradient);
        let stored = convolution.weight_taps();
        let weights = &self.weights[architecture * convolution.weight_stride()..];
        let places = std::array::from_fn(|tap| live.stored_tap(convolution, if self.gradient { 8 - tap } else { tap }));
        let [first, step, next] =
            if self.gradient { [first_row, group_rows, 1] } else { [first_row * stride, 1, stride] };
        let kernels = Kernels { weights: &weights[first * stored..], step: step * stored, next: next * stored, places };
        cpu.vectorised(
            #[inline(always)]
            || {
                let mut row = 0;
                while row < rows {
                    let count = block_rows(rows - row);
                    match count {
                        ROWS => kernels.combine::<ROWS>(row, rows, depth, packed),
                        1 => kernels.combine::<1>(row, rows, depth, packed),
                        _ => kernels.combine::<4>(row, rows, depth, packed),
                    }
                    row += count;
                }
            },
        );
    }

    /// Brings `depth` planes of the source from plane `first` on into scratch memory.
    fn place(
        &self,
        cpu: &Cpu,
        live: &Live,
        (parts, planes): (Parts, &Planes),
        first: usize,
        depth: usize,
        into: &mut [f32],
    ) {
        let len = if self.gradient { self.convolution.out_plane() } else { self.convolution.plane() };
        let source = &self.source[first * len..][..depth * len];
        cpu.vectorised(
            #[inline(always)]
            || {
                for (source, into) in source.chunks_exact(len).zip(into.chunks_exact_mut(planes.plane)) {
                    if parts == Parts::Components {
                        let floor = if self.convolution.relu_input && !self.gradient { 0.0 } else { f32::NEG_INFINITY };
                        planes.place_components(source, floor, into);
                    } else if self.gradient {
                        planes.place_output(&live.convolution, source, into);
                    } else {
                        planes.place_input(&live.convolution, source, into);
                    }
                }
            },
        );
    }

    /// Finishes one channel of the result, taken from the sums of its parts where these lie apart; `at` is its place in the whole
    /// result.
    fn finish(
        &self,
        cpu: &Cpu,
        (parts, planes): (Parts, &Planes),
        sums: Option<&[f32]>,
        at: usize,
        result: &mut [f32],
    ) {
        if sums.is_none() && self.mask.is_none() && matches!(self.known, Known::Nothing) {
            return;
        }
        let next = ROWS * result_row(planes);
        let mask = self.mask.map(|mask| &mask[at..][..result.len()]);
        let known = self.known.part(at, result.len());
        cpu.vectorised(
            #[inline(always)]
            || {
                if let Some(sums) = sums {
                    match parts {
                        Parts::Components => {
                            components::join(sums, next, planes, mask, known, result);
                            return;
                        }
                        Parts::Phases(stride) => {
                            let columns = self.convolution.width as usize;
                            for (row, result) in result.chunks_exact_mut(columns).enumerate() {
                                let first = row % stride * stride * next + row / stride * planes.pitch;
                                if matches!(known, Known::Result) {
                                    let mask = mask.map(|mask| &mask[row * columns..][..columns]);
                                    add_phases(stride, &sums[first..], next, mask, result);
                                } else {
                                    join_phases(stride, &sums[first..], next, result);
                                }
                            }
                        }
                        Parts::Whole => {
                            let columns = planes.columns;
                            for (row, result) in result.chunks_exact_mut(columns).enumerate() {
                                let sums = &sums[row * planes.pitch..][..columns];
                                if matches!(known, Known::Result) {
                                    let mask = mask.map(|mask| &mask[row * columns..][..columns]);
                                    add_phases(1, sums, 0, mask, result);
                                } else {
                                    result.copy_from_slice(sums);
                                }
                            }
                        }
                    }
                    if matches!(known, Known::Result) {
                        return;
                    }
                }
                if let Some(mask) = mask {
                    for (result, mask) in result.iter_mut().zip(mask) {
                        *result = if *mask > 0.0 { *result } else { 0.0 };
                    }
                }
                if let Known::Slot(known) = known {
                    for (result, known) in result.iter_mut().zip(known) {
                        *result += known;
                    }
                }
            },
        );
    }
}
