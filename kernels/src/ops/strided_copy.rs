//! Copies between strided views: slices, concatenation, repetition, transposition.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, linear_grid};
use crate::ops::chain::contiguous_strides;
use crate::ops::check::{at_most, countable, positive};
use crate::ops::require::require;
use crate::ops::{Chain, ChainInput};

/// Elements of one task.
const TASK: usize = 8192;

/// `destination[destination_offset + c . destination_strides] = source[source_offset + c . source_strides]` for every coordinate
/// `c` within `shape`. Slots `source`, `destination`; other elements of the destination stay as they are.
///
/// A source stride of 0 repeats. No two coordinates may meet in the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StridedCopy {
    /// The extents of what is copied.
    pub shape: [u32; 4],
    /// Elements between neighbours along each axis, in the source.
    pub source_strides: [u32; 4],
    /// The first element, in the source.
    pub source_offset: u32,
    /// Elements between neighbours along each axis, in the destination.
    pub destination_strides: [u32; 4],
    /// The first element, in the destination.
    pub destination_offset: u32,
    /// Elements of the source.
    pub source_len: usize,
    /// Elements of the destination.
    pub destination_len: usize,
}

/// An axis of a copy.
#[derive(Debug, Clone, Copy)]
struct Axis {
    extent: usize,
    source: usize,
    destination: usize,
}

impl StridedCopy {
    /// Checks that the copy stays within source and destination and writes no element twice.
    ///
    /// # Errors
    /// Where it does not, an extent is 0, or there are more elements than an index counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "strided_copy";
        let shape = self.shape.map(u64::from);
        for (axis, extent) in ["shape[0]", "shape[1]", "shape[2]", "shape[3]"].into_iter().zip(shape) {
            positive(NAME, &[(axis, extent)])?;
        }
        countable(NAME, "the copy", &shape)?;
        countable(NAME, "source", &[self.source_len as u64])?;
        countable(NAME, "destination", &[self.destination_len as u64])?;
        let last = |offset: u32, strides: [u32; 4]| {
            (0..4).fold(u128::from(offset), |sum, axis| {
                sum + u128::from(self.shape[axis] - 1) * u128::from(strides[axis])
            })
        };
        let length = |last: u128| u64::try_from(last + 1).unwrap_or(u64::MAX);
        let read = length(last(self.source_offset, self.source_strides));
        let written = length(last(self.destination_offset, self.destination_strides));
        at_most(NAME, "the number of elements up to the last that is read", read, self.source_len as u64)?;
        at_most(NAME, "the number of elements up to the last that is written", written, self.destination_len as u64)?;
        let mut span = 1;
        let apart = self.axes().iter().rev().all(|axis| {
            let apart = axis.extent == 1 || axis.destination >= span;
            span += (axis.extent - 1) * axis.destination;
            apart
        });
        require(apart, NAME, "the strides must lead no two coordinates to one element of the destination")
    }

    /// Elements that are copied.
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().map(|extent| *extent as usize).product()
    }

    /// Whether it copies all of the source to all of the destination, in order.
    pub(crate) fn is_whole(&self) -> bool {
        let whole = self.elements() == self.source_len && self.source_offset == 0;
        let in_order =
            (0..4).all(|axis| self.shape[axis] == 1 || self.source_strides[axis] == self.destination_strides[axis]);
        whole && in_order && self.elementwise().is_some()
    }

    /// Calls `visit` with the place of every element that is written, in the destination.
    pub(crate) fn each_destination(&self, mut visit: impl FnMut(usize)) {
        let [n0, n1, n2, n3] = self.shape.map(|extent| extent as usize);
        let strides = self.destination_strides.map(|stride| stride as usize);
        for (i0, i1) in (0..n0).flat_map(|i0| (0..n1).map(move |i1| (i0, i1))) {
            for (i2, i3) in (0..n2).flat_map(|i2| (0..n3).map(move |i3| (i2, i3))) {
                let at = i0 * strides[0] + i1 * strides[1] + i2 * strides[2] + i3 * strides[3];
                visit(self.destination_offset as usize + at);
            }
        }
    }

    /// The axes, outermost in the destination first, those of a single coordinate before all.
    /// Whether elements that follow each other in the copy lie side by side in the destination, the first of two at an even place.
    fn stores_pairs(&self) -> bool {
        let whole =
            self.destination_strides == contiguous_strides(self.shape) && self.destination_len == self.elements();
        let long: Vec<usize> = (0..4).filter(|axis| self.shape[*axis] > 1).collect();
        let Some((last, outer)) = long.split_last() else { return whole };
        let rows = self.destination_strides[*last] == 1 && self.shape[*last].is_multiple_of(2);
        let even = self.destination_offset.is_multiple_of(2);
        whole || rows && even && outer.iter().all(|axis| self.destination_strides[*axis].is_multiple_of(2))
    }

    fn axes(&self) -> [Axis; 4] {
        let mut axes = std::array::from_fn(|axis| Axis {
            extent: self.shape[axis] as usize,
            source: self.source_strides[axis] as usize,
            destination: self.destination_strides[axis] as usize,
        });
        axes.sort_unstable_by_key(|axis| (axis.extent > 1, std::cmp::Reverse(axis.destination)));
        axes
    }
}

/// Copies along `axes`, in parallel along the outermost axis that has enough for several tasks. A destination's blocks along an
/// axis do not overlap, as the axes are sorted by their strides.
fn copy(axes: &[Axis], source: &[f32], destination: &mut [f32]) {
    let Some((axis, inner)) = axes.split_first() else {
        destination[0] = source[0];
        return;
    };
    let each: usize = inner.iter().map(|axis| axis.extent).product();
    if axis.extent == 1 {
        copy(inner, source, destination);
    } else if axis.extent * each <= TASK {
        copy_plainly(axes, source, destination);
    } else {
        let block = (TASK / each).max(1);
        let blocks = destination.par_chunks_mut(block * axis.destination).take(axis.extent.div_ceil(block));
        blocks.enumerate().for_each(|(index, destination)| {
            let first = index * block;
            let source = &source[first * axis.source..];
            let extent = block.min(axis.extent - first);
            if extent == 1 {
                copy(inner, source, destination);
            } else if inner.is_empty() {
                copy_plainly(&[Axis { extent, ..*axis }], source, destination);
            } else {
                for i in 0..extent {
                    copy_plainly(inner, &source[i * axis.source..], &mut destination[i * axis.destination..]);
                }
            }
        });
    }
}

/// Copies along `axes` in one task.
fn copy_plainly(axes: &[Axis], source: &[f32], destination: &mut [f32]) {
    match axes {
        [] => destination[0] = source[0],
        [axis] if axis.destination == 1 && axis.source == 1 => {
            destination[..axis.extent].copy_from_slice(&source[..axis.extent]);
        }
        [axis] if axis.destination == 1 && axis.source == 0 => destination[..axis.extent].fill(source[0]),
        [axis] => {
            for i in 0..axis.extent {
                destination[i * axis.destination] = source[i * axis.source];
            }
        }
        [axis, inner @ ..] => {
            for i in 0..axis.extent {
                copy_plainly(inner, &source[i * axis.source..], &mut destination[i * axis.destination..]);
            }
        }
    }
}

impl Kernel for StridedCopy {
    fn name(&self) -> &'static str {
        "strided_copy"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("source", self.source_len).or_half(),
            Slot::write("destination", self.destination_len).or_half_where(self.stores_pairs()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "shape/strided_copy", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        let four = |words: Words, values: [u32; 4]| values.into_iter().fold(words, Words::u32);
        let words = four(Words::new(), self.shape);
        four(four(words, self.source_strides), self.destination_strides)
            .u32(self.source_offset)
            .u32(self.destination_offset)
            .u32(self.elements() as u32)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.elements().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 0, bytes: 8 * self.elements() as u64 }
    }

    fn elementwise(&self) -> Option<Chain> {
        let expected = contiguous_strides(self.shape);
        let lies = (0..4).all(|axis| self.shape[axis] == 1 || self.destination_strides[axis] == expected[axis]);
        let whole = lies && self.destination_offset == 0 && self.destination_len == self.elements();
        let input = ChainInput { strides: self.source_strides, offset: self.source_offset };
        whole.then(|| Chain { shape: self.shape, inputs: vec![input], steps: Vec::new() })
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [source, destination] = views.split();
        let (source, destination) = (source.read(), destination.write());
        copy(
            &self.axes(),
            &source[self.source_offset as usize..],
            &mut destination[self.destination_offset as usize..],
        );
    }
}
