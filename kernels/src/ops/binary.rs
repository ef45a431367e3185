//! Operations on two numbers, element by element, with broadcasting.

use rayon::prelude::*;

use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::countable;
use crate::ops::{Chain, ChainInput, Operation, Step, Value};
use crate::{Error, Result};

const CHUNK: usize = 8192;

/// An operation on two numbers. The order is that of `OP` in `elementwise/binary.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperation {
    /// `a + b`.
    Add,
    /// `a - b`.
    Subtract,
    /// `a * b`.
    Multiply,
    /// `a / b`.
    Divide,
    /// The larger.
    Maximum,
    /// The smaller.
    Minimum,
    /// 1.0 where `a > b`, else 0.0.
    GreaterThan,
}

impl BinaryOperation {
    /// Its value.
    #[inline(always)]
    pub fn apply(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Maximum => a.max(b),
            Self::Minimum => a.min(b),
            Self::GreaterThan => f32::from(a > b),
        }
    }
}

/// `y = a op b`, element by element over `shape`. Slots `a`, `b`, `y`; `y` is contiguous, a stride of 0 broadcasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// The operation.
    pub operation: BinaryOperation,
    /// The extents of `y`.
    pub shape: [u32; 4],
    /// The distance in elements between neighbours of `a` along each axis; 0 where `a` is broadcast.
    pub a_strides: [u32; 4],
    /// The same of `b`.
    pub b_strides: [u32; 4],
}

/// The elements that a strided view reaches: one more than its largest index.
pub(super) fn reach(shape: [u32; 4], strides: [u32; 4]) -> usize {
    1 + shape
        .iter()
        .zip(strides)
        .map(|(extent, stride)| (*extent as usize).saturating_sub(1) * stride as usize)
        .sum::<usize>()
}

impl Binary {
    /// The operation on contiguous tensors of shapes `a_shape` and `b_shape`, broadcast as numpy does: axes are aligned at
    /// the end, an extent of 1 (or a missing axis) stretches. Returns the kernel and the shape of `y`.
    ///
    /// # Errors
    /// Where the shapes do not fit, an extent is 0, or more than four axes remain after neighbouring axes that broadcast
    /// alike are merged.
    pub fn new(operation: BinaryOperation, a_shape: &[usize], b_shape: &[usize]) -> Result<(Self, Vec<usize>)> {
        let fail = |message: String| Error::Parameters { kernel: "binary", message };
        let rank = a_shape.len().max(b_shape.len());
        let extent = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
        let mut output = Vec::with_capacity(rank);
        // Axes of extent above 1, merged: (extent, whether a runs along it, whether b does).
        let mut merged: Vec<(usize, bool, bool)> = Vec::with_capacity(rank);
        for axis in 0..rank {
            let (a, b) = (extent(a_shape, axis), extent(b_shape, axis));
            if a == 0 || b == 0 || (a != b && a != 1 && b != 1) {
                return Err(fail(format!("shapes {a_shape:?} and {b_shape:?} do not broadcast")));
            }
            let length = a.max(b);
            output.push(length);
            if length == 1 {
                continue;
            }
            match merged.last_mut() {
                Some((last, a_runs, b_runs)) if *a_runs == (a > 1) && *b_runs == (b > 1) => *last *= length,
                _ => merged.push((length, a > 1, b > 1)),
            }
        }
        if merged.len() > 4 {
            return Err(fail(format!("shapes {a_shape:?} and {b_shape:?} broadcast along more than four axes")));
        }
        let wide: Vec<u64> = output.iter().map(|extent| *extent as u64).collect();
        countable("binary", "y", &wide)?;
        let (mut shape, mut a_strides, mut b_strides) = ([1; 4], [0; 4], [0; 4]);
        let (mut a_step, mut b_step) = (1, 1);
        for (axis, (length, a_runs, b_runs)) in merged.iter().rev().enumerate().map(|(i, axis)| (3 - i, axis)) {
            shape[axis] = *length as u32;
            if *a_runs {
                a_strides[axis] = a_step;
                a_step *= *length as u32;
            }
            if *b_runs {
                b_strides[axis] = b_step;
                b_step *= *length as u32;
            }
        }
        Ok((Self { operation, shape, a_strides, b_strides }, output))
    }

    fn len(&self) -> usize {
        self.shape.iter().map(|extent| *extent as usize).product()
    }

    /// Whether both operands lie as the result does.
    pub(crate) fn contiguous(&self) -> bool {
        let mut step = 1;
        (0..4).rev().all(|axis| {
            let expected = step;
            step *= self.shape[axis];
            self.shape[axis] == 1 || (self.a_strides[axis] == expected && self.b_strides[axis] == expected)
        })
    }

    /// Computes `y`, which starts at the element `start` of the whole, run by run along the last axis.
    #[inline(always)]
    fn chunk(&self, f: impl Fn(f32, f32) -> f32 + Copy, start: usize, y: &mut [f32], a: &[f32], b: &[f32]) {
        let [_, n1, n2, n3] = self.shape.map(|extent| extent as usize);
        let (sa, sb) = (self.a_strides.map(|stride| stride as usize), self.b_strides.map(|stride| stride as usize));
        let mut done = 0;
        while done < y.len() {
            let at = start + done;
            let (row, i3) = (at / n3, at % n3);
            let (plane, i2) = (row / n2, row % n2);
            let (i0, i1) = (plane / n1, plane % n1);
            let a = &a[i0 * sa[0] + i1 * sa[1] + i2 * sa[2] + i3 * sa[3]..];
            let b = &b[i0 * sb[0] + i1 * sb[1] + i2 * sb[2] + i3 * sb[3]..];
            let run = (n3 - i3).min(y.len() - done);
            let y = &mut y[done..done + run];
            match (sa[3], sb[3]) {
                (1, 1) => y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = f(*a, *b)),
                (1, 0) => y.iter_mut().zip(a).for_each(|(y, a)| *y = f(*a, b[0])),
                (0, 1) => y.iter_mut().zip(b).for_each(|(y, b)| *y = f(a[0], *b)),
                (u, v) => y.iter_mut().enumerate().for_each(|(i, y)| *y = f(a[i * u], b[i * v])),
            }
            done += run;
        }
    }
}

impl Kernel for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("a", reach(self.shape, self.a_strides)).or_half(),
            Slot::read("b", reach(self.shape, self.b_strides)).or_half(),
            Slot::write("y", self.len()).or_half(),
        ]
    }

    fn shader(&self) -> Shader {
        Shader {
            file: "elementwise/binary",
            constants: vec![("OP", self.operation as u32), ("CONTIGUOUS", u32::from(self.contiguous()))],
        }
    }

    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.len() as u32).u32(self.shape[1]).u32(self.shape[2]).u32(self.shape[3]);
        self.a_strides.iter().chain(&self.b_strides).fold(words, |words, stride| words.u32(*stride))
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn elementwise(&self) -> Option<Chain> {
        let inputs = [self.a_strides, self.b_strides].map(|strides| ChainInput { strides, offset: 0 });
        let step = Step { operation: Operation::Binary(self.operation), a: Value::Input(0), b: Value::Input(1) };
        Some(Chain { shape: self.shape, inputs: inputs.to_vec(), steps: vec![step] })
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [a, b, y] = views.split();
        let (a, b, y) = (a.read(), b.read(), y.write());
        y[..self.len()].par_chunks_mut(CHUNK).enumerate().for_each(|(index, y)| {
            let start = index * CHUNK;
            // One loop an operation: the choice must not be made element by element.
            macro_rules! each {
                ($($operation:ident),*) => {
                    match self.operation {
                        $(BinaryOperation::$operation => cpu.vectorised(
                            #[inline(always)]
                            || self.chunk(#[inline(always)] |a, b| BinaryOperation::$operation.apply(a, b), start, y, a, b),
                        ),)*
                    }
                };
            }
            each!(Add, Subtract, Multiply, Divide, Maximum, Minimum, GreaterThan);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_numpy_does() {
        let (kernel, shape) = Binary::new(BinaryOperation::Add, &[2, 3, 4], &[3, 1]).unwrap();
        assert_eq!(shape, [2, 3, 4]);
        assert_eq!((kernel.shape, kernel.a_strides, kernel.b_strides), ([1, 2, 3, 4], [0, 12, 4, 1], [0, 0, 1, 0]));
        // Six axes of one tensor merge; so the fast path is taken.
        let (kernel, _) = Binary::new(BinaryOperation::Add, &[2; 6], &[2; 6]).unwrap();
        assert!(kernel.contiguous() && kernel.shape == [1, 1, 1, 64]);
        let (kernel, shape) = Binary::new(BinaryOperation::Add, &[], &[1, 1]).unwrap();
        assert!(kernel.len() == 1 && shape == [1, 1]);
        for (a, b) in [(&[2, 3][..], &[2, 4][..]), (&[0], &[1]), (&[2, 1, 2, 1, 2], &[1, 2, 1, 2, 1])] {
            assert!(matches!(Binary::new(BinaryOperation::Add, a, b), Err(Error::Parameters { .. })), "{a:?} {b:?}");
        }
    }
}
