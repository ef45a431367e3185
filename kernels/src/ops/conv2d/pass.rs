//! The forward pass and the gradient of the input on the CPU: one loop over architectures, images, groups and channels.

use rayon::prelude::*;

use super::Conv2d;
use super::correlate::{Correlate, ROWS};
use super::elastic::{Bounds, Live};
use super::planes::{Planes, SLACK};
use crate::cpu::Cpu;
use crate::ops::Gate;

/// Operations worth a task of their own.
const TASK: u64 = 4_000_000;
/// Positions of results after which it no longer shows that a task brings the weights into order.
const POSITIONS: usize = 2048;
/// Tasks that a batch is cut into at the least, for the sake of machines with several threads.
const TASKS: usize = 8;

/// One pass: which channels become which, and what happens to the sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    /// The convolution.
    pub convolution: &'a Conv2d,
    /// How the source lies in scratch memory.
    pub planes: &'a Planes,
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
    pub known: Option<&'a [f32]>,
}

/// Elements of scratch memory: planes of one group, packed weights, and rows of results.
pub(super) fn scratch(convolution: &Conv2d, planes: &Planes, gradient: bool) -> usize {
    let (depth, rows) = channels(convolution, gradient);
    let all_rows = rows * convolution.groups as usize;
    source_len(planes, depth) + all_rows * depth * planes.taps() + ROWS * result_row(planes)
}

/// Channels of the source and of the result in a group.
fn channels(convolution: &Conv2d, gradient: bool) -> (usize, usize) {
    let (inputs, outputs) = (convolution.group_inputs(), convolution.group_outputs());
    if gradient { (outputs, inputs) } else { (inputs, outputs) }
}

fn source_len(planes: &Planes, depth: usize) -> usize {
    depth * planes.plane + SLACK
}

fn result_row(planes: &Planes) -> usize {
    planes.positions() + SLACK
}

impl Pass<'_> {
    /// Computes the result, all architectures.
    pub(super) fn run(&self, cpu: &Cpu, result: &mut [f32]) {
        let convolution = self.convolution;
        let (_, rows) = channels(convolution, self.gradient);
        let plane = self.planes.rows * self.planes.columns;
        let all_rows = rows * convolution.groups as usize;
        let image = all_rows * plane;
        let batch = convolution.batch as usize;
        let operations = convolution.operations() / convolution.images() as u64;
        let enough = POSITIONS.div_ceil(plane).min(batch.div_ceil(TASKS));
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
            let planes = match live.convolution.kernel == convolution.kernel {
                true => *self.planes,
                false if self.gradient => Planes::of_output(&live.convolution),
                false => Planes::of_input(&live.convolution),
            };
            let pass = Pass { planes: &planes, ..*self };
            result.par_chunks_mut(images * image).enumerate().for_each(|(block, result)| {
                let first = architecture * batch + block * images;
                if task_rows >= all_rows {
                    pass.task(cpu, &live, first, 0, all_rows, result);
                } else {
                    result.par_chunks_mut(task_rows * plane).enumerate().for_each(|(part, result)| {
                        pass.task(cpu, &live, first, part * task_rows, result.len() / plane, result);
                    });
                }
            });
        });
    }

    /// What becomes of results that are not computed: nothing is added to them.
    fn pass_by(&self, first: usize, result: &mut [f32]) {
        match self.known {
            Some(known) => result.copy_from_slice(&known[first..][..result.len()]),
            None => result.fill(0.0),
        }
    }

    /// Channels `first_row..first_row + all_rows` of the images from `first_image` on.
    fn task(&self, cpu: &Cpu, live: &Live, first_image: usize, first_row: usize, all_rows: usize, result: &mut [f32]) {
        let (stride, group_rows) = channels(self.convolution, self.gradient);
        let (depth, live_rows) = if self.gradient { (live.outputs, live.inputs) } else { (live.inputs, live.outputs) };
        let plane = self.planes.rows * self.planes.columns;
        let architecture = first_image / self.convolution.batch as usize;
        let groups = self.convolution.groups as usize;
        // Of one group the task has some channels; of several it has all.
        let rows = if groups == 1 { all_rows.min(live_rows.saturating_sub(first_row)) } else { group_rows };
        let computed = live.groups * rows;
        let packed_len = computed * depth * self.planes.taps();
        let source_len = source_len(self.planes, depth);
        let row_len = result_row(self.planes);
        cpu.with_scratch(source_len + packed_len + ROWS * row_len, |scratch| {
            let (source, rest) = scratch.split_at_mut(source_len);
            let (packed, sums) = rest.split_at_mut(packed_len);
            source.fill(0.0);
            self.pack(live, architecture, first_row, computed, depth, packed);
            for (index, result) in result.chunks_mut(all_rows * plane).enumerate() {
                let image = first_image + index;
                let first = (image * self.all_rows() + first_row) * plane;
                for group in 0..live.groups {
                    let source_plane = (image * groups + group) * stride;
                    let as_it_is = self.as_it_is();
                    if !as_it_is {
                        self.place(cpu, live, source_plane, depth, source);
                    }
                    let mut row = 0;
                    while row < rows {
                        let count = if rows - row >= ROWS { ROWS } else { 1 };
                        let place = group * rows + row;
                        let weights =
                            &packed[place * depth * self.planes.taps()..][..count * depth * self.planes.taps()];
                        let result = &mut result[place * plane..][..count * plane];
                        let in_place = as_it_is || self.planes.whole();
                        cpu.with_vectors(Correlate {
                            planes: self.planes,
                            source: if as_it_is {
                                &self.source[source_plane * plane..][..depth * plane]
                            } else {
                                source
                            },
                            depth,
                            weights,
                            rows: count,
                            result: if in_place { &mut *result } else { &mut sums[..count * row_len] },
                            exact: in_place,
                        });
                        for (m, result) in result.chunks_mut(plane).enumerate() {
                            let sums = (!in_place).then(|| &sums[m * row_len..]);
                            self.finish(cpu, sums, first + (place + m) * plane, result);
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
    fn as_it_is(&self) -> bool {
        let Conv2d { kernel, stride, padding, relu_input, .. } = *self.convolution;
        let whole = self.planes.whole() || channels(self.convolution, self.gradient).1 < 4 * ROWS;
        kernel == 1 && stride == 1 && padding == 0 && whole && (self.gradient || !relu_input)
    }

    fn all_rows(&self) -> usize {
        channels(self.convolution, self.gradient).1 * self.convolution.groups as usize
    }

    /// Weights as the registers take them: blocks of rows of a group, each `[depth, taps, rows of the block]`.
    fn pack(
        &self,
        live: &Live,
        architecture: usize,
        first_row: usize,
        all_rows: usize,
        depth: usize,
        packed: &mut [f32],
    ) {
        let convolution = self.convolution;
        let (stride, group_rows) = channels(convolution, self.gradient);
        let (taps, stored) = (self.planes.taps(), convolution.weight_taps());
        let weights = &self.weights[architecture * convolution.weight_stride()..];
        let mut rest = packed;
        let mut row = 0;
        while row < all_rows {
            let (group, within) = ((first_row + row) / group_rows, (first_row + row) % group_rows);
            let left = (group_rows - within).min(all_rows - row);
            let count = if left >= ROWS { ROWS } else { 1 };
            let block;
            (block, rest) = rest.split_at_mut(count * depth * taps);
            // Where a row's weights begin, and those of its next channel.
            let (first, step) = if self.gradient {
                (group * stride * group_rows + within, group_rows)
            } else {
                ((group * group_rows + within) * stride, 1)
            };
            let next_row = if self.gradient { 1 } else { stride };
            for (channel, block) in block.chunks_exact_mut(count * taps).enumerate() {
                let first = first + channel * step;
                if stored == taps && count == ROWS {
                    let rows: [&[f32]; ROWS] =
                        std::array::from_fn(|m| &weights[(first + m * next_row) * taps..][..taps]);
                    for (tap, packed) in block.as_chunks_mut::<ROWS>().0[..taps].iter_mut().enumerate() {
                        let tap = if self.gradient { taps - 1 - tap } else { tap };
                        *packed = rows.map(|row| row[tap]);
                    }
                    continue;
                }
                for m in 0..count {
                    let weights = &weights[(first + m * next_row) * stored..][..stored];
                    for (tap, packed) in block[m..].iter_mut().step_by(count).enumerate() {
                        let tap = if self.gradient { taps - 1 - tap } else { tap };
                        *packed = weights[live.stored_tap(convolution, tap)];
                    }
                }
            }
            row += count;
        }
    }

    /// Brings `depth` planes of the source from plane `first` on into scratch memory.
    fn place(&self, cpu: &Cpu, live: &Live, first: usize, depth: usize, into: &mut [f32]) {
        let len = if self.gradient { self.convolution.out_plane() } else { self.convolution.plane() };
        let source = &self.source[first * len..][..depth * len];
        cpu.vectorised(
            #[inline(always)]
            || {
                for (source, into) in source.chunks_exact(len).zip(into.chunks_exact_mut(self.planes.plane)) {
                    if self.gradient {
                        self.planes.place_output(&live.convolution, source, into);
                    } else {
                        self.planes.place_input(&live.convolution, source, into);
                    }
                }
            },
        );
    }

    /// Finishes one channel of the result, taken from its sums where these lie apart; `at` is its place in the whole result.
    fn finish(&self, cpu: &Cpu, sums: Option<&[f32]>, at: usize, result: &mut [f32]) {
        let (pitch, columns) = (self.planes.pitch, self.planes.columns);
        if sums.is_none() && self.mask.is_none() && self.known.is_none() {
            return;
        }
        let mask = self.mask.map(|mask| &mask[at..][..result.len()]);
        let known = self.known.map(|known| &known[at..][..result.len()]);
        cpu.vectorised(
            #[inline(always)]
            || {
                if let Some(sums) = sums {
                    for (row, result) in result.chunks_exact_mut(columns).enumerate() {
                        result.copy_from_slice(&sums[row * pitch..][..columns]);
                    }
                }
                if let Some(mask) = mask {
                    for (result, mask) in result.iter_mut().zip(mask) {
                        *result = if *mask > 0.0 { *result } else { 0.0 };
                    }
                }
                if let Some(known) = known {
                    for (result, known) in result.iter_mut().zip(known) {
                        *result += known;
                    }
                }
            },
        );
    }
}
