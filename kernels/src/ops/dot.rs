//! Inner products of rows.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most, countable, positive};
use crate::ops::reduce::{fold, tree};

const LANES: usize = 32;
const LEAF: usize = 8192;

/// `y[o] = sum_j a[o,j] b[o,j]`: `[outer, axis] x [outer, axis] -> [outer]`. Slots `a`, `b`, `y`. The order of summation is a
/// fixed tree that depends on `axis` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dot {
    /// Rows.
    pub outer: u32,
    /// Elements of a row.
    pub axis: u32,
}

impl Dot {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        let [outer, axis] = [self.outer, self.axis].map(u64::from);
        positive("dot", &[("outer", outer), ("axis", axis)])?;
        countable("dot", "a", &[outer, axis])?;
        at_most("dot", "axis", axis, 256 * (ITERATIONS - 8))
    }

    fn tree(&self) -> bool {
        self.axis > 64
    }

    fn len(&self) -> usize {
        self.outer as usize * self.axis as usize
    }
}

#[inline(always)]
pub(super) fn leaf(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = whole_a.remainder().iter().zip(whole_b.remainder());
    for (a, b) in whole_a.zip(whole_b) {
        for i in 0..LANES {
            lanes[i] = a[i].mul_add(b[i], lanes[i]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(rest) {
        *lane = a.mul_add(*b, *lane);
    }
    fold(&mut lanes, |a, b| a + b)
}

impl Kernel for Dot {
    fn name(&self) -> &'static str {
        "dot"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("a", self.len()).or_half(),
            Slot::read("b", self.len()).or_half(),
            Slot::write("y", self.outer as usize),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "reduce/dot", constants: vec![("TREE", u32::from(self.tree()))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.outer).u32(self.axis)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(if self.tree() { self.outer as usize } else { (self.outer as usize).div_ceil(256) })
    }

    fn cost(&self) -> Cost {
        Cost { operations: 2 * self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [a, b, y] = views.split();
        let (a, b, y) = (a.read(), b.read(), y.write());
        let axis = self.axis as usize;
        let few = (LEAF / axis).max(1);
        y[..self.outer as usize].par_iter_mut().with_min_len(few).enumerate().for_each(|(row, y)| {
            let (a, b) = (&a[row * axis..][..axis], &b[row * axis..][..axis]);
            let of = |first: usize, last: usize| {
                cpu.vectorised(
                    #[inline(always)]
                    || leaf(&a[first..last], &b[first..last]),
                )
            };
            *y = tree(0, axis, LEAF, &of, &|a, b| a + b);
        });
    }
}
