//! Sums, sums of squares and extremes along one axis.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{ITERATIONS, at_most, countable, positive};

/// Columns that the CPU kernel reduces at once.
const COLUMNS: usize = 64;
/// Accumulators of a contiguous axis.
const LANES: usize = 32;
/// Elements of a leaf of the CPU kernel's tree.
const LEAF: usize = 8192;

/// What a reduction computes. The order is that of `KIND` in `reduce/reduce.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// The sum.
    Sum,
    /// The sum of the squares.
    SumOfSquares,
    /// The largest element.
    Maximum,
    /// The smallest element.
    Minimum,
}

impl ReduceKind {
    #[inline(always)]
    fn element(self, v: f32) -> f32 {
        match self {
            Self::SumOfSquares => v * v,
            _ => v,
        }
    }

    #[inline(always)]
    fn combine(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Sum | Self::SumOfSquares => a + b,
            Self::Maximum => a.max(b),
            Self::Minimum => a.min(b),
        }
    }

    #[inline(always)]
    fn identity(self) -> f32 {
        match self {
            Self::Sum | Self::SumOfSquares => 0.0,
            Self::Maximum => f32::NEG_INFINITY,
            Self::Minimum => f32::INFINITY,
        }
    }
}

/// `y = scale * reduce(x)` along the middle axis: `[outer, axis, inner] -> [outer, inner]`. The scale applies to the sums only.
/// Slots `x`, `y`. The order of summation is a fixed tree that depends on `axis` and `inner` alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduce {
    /// What is computed.
    pub kind: ReduceKind,
    /// The extent before the axis.
    pub outer: u32,
    /// The extent that is reduced.
    pub axis: u32,
    /// The extent after the axis.
    pub inner: u32,
    /// The factor of the sums.
    pub scale: f32,
}

impl Reduce {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        let [outer, axis, inner] = [self.outer, self.axis, self.inner].map(u64::from);
        positive("reduce", &[("outer", outer), ("axis", axis), ("inner", inner)])?;
        countable("reduce", "x", &[outer, axis, inner])?;
        at_most("reduce", "axis", axis, 256 * (ITERATIONS - 8))
    }

    fn outputs(&self) -> usize {
        self.outer as usize * self.inner as usize
    }

    /// Whether a workgroup computes one output: a long axis whose neighbours `inner` cannot fill workgroups itself. The
    /// number of outputs must not decide: it would change the bits.
    fn tree(&self) -> bool {
        let (axis, inner) = (u64::from(self.axis), u64::from(self.inner));
        axis > ITERATIONS || axis > 64.max(4 * inner)
    }
}

/// Reduces contiguous elements: lanes, then a tree over the lanes.
#[inline(always)]
fn leaf(kind: ReduceKind, x: &[f32]) -> f32 {
    let mut lanes = [kind.identity(); LANES];
    let whole = x.chunks_exact(LANES);
    let rest = whole.remainder();
    for x in whole {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = kind.combine(*lane, kind.element(*x));
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = kind.combine(*lane, kind.element(*x));
    }
    fold(&mut lanes, |a, b| kind.combine(a, b))
}

/// Combines lanes by a fixed tree.
#[inline(always)]
pub(super) fn fold<const N: usize>(lanes: &mut [f32; N], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = combine(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Reduces `of(first, last)` over leaves of [`LEAF`] elements, pair by pair, in parallel; the tree depends on `len` alone.
pub(super) fn tree<T: Send>(
    first: usize,
    last: usize,
    leaf: usize,
    of: &(impl Fn(usize, usize) -> T + Sync),
    combine: &(impl Fn(T, T) -> T + Sync),
) -> T {
    if last - first <= leaf {
        return of(first, last);
    }
    let middle = first + (last - first).div_ceil(2).next_multiple_of(leaf);
    let (left, right) =
        rayon::join(|| tree(first, middle, leaf, of, combine), || tree(middle, last, leaf, of, combine));
    combine(left, right)
}

impl Reduce {
    fn run_kind(&self, kind: ReduceKind, cpu: &Cpu, x: &[f32], y: &mut [f32]) {
        let (axis, inner) = (self.axis as usize, self.inner as usize);
        let scale = match kind {
            ReduceKind::Sum | ReduceKind::SumOfSquares => self.scale,
            ReduceKind::Maximum | ReduceKind::Minimum => 1.0,
        };
        let combine = |a: f32, b: f32| kind.combine(a, b);
        if inner == 1 {
            let group = (LEAF / axis).max(1);
            y.par_chunks_mut(group).zip(x.par_chunks(group * axis)).for_each(|(y, x)| {
                if axis > LEAF {
                    let of = |first, last| {
                        cpu.vectorised(
                            #[inline(always)]
                            || leaf(kind, &x[first..last]),
                        )
                    };
                    y[0] = scale * tree(0, axis, LEAF, &of, &combine);
                    return;
                }
                cpu.vectorised(
                    #[inline(always)]
                    || {
                        for (y, x) in y.iter_mut().zip(x.chunks_exact(axis)) {
                            *y = scale * leaf(kind, x);
                        }
                    },
                );
            });
            return;
        }
        let rows = (LEAF / COLUMNS).max(1);
        let combine = |a: [f32; COLUMNS], b: [f32; COLUMNS]| std::array::from_fn(|i| kind.combine(a[i], b[i]));
        let few = (LEAF / (axis * inner)).max(1);
        y.par_chunks_mut(inner).with_min_len(few).zip(x.par_chunks(axis * inner)).for_each(|(y, x)| {
            let few = (LEAF / (axis * COLUMNS)).max(1);
            y.par_chunks_mut(COLUMNS).with_min_len(few).enumerate().for_each(|(block, y)| {
                let (column, width) = (block * COLUMNS, y.len());
                let of = |first: usize, last: usize| {
                    cpu.vectorised(
                        #[inline(always)]
                        || {
                            let mut lanes = [kind.identity(); COLUMNS];
                            for j in first..last {
                                let x = &x[j * inner + column..][..width];
                                for (lane, x) in lanes.iter_mut().zip(x) {
                                    *lane = kind.combine(*lane, kind.element(*x));
                                }
                            }
                            lanes
                        },
                    )
                };
                let lanes = tree(0, axis, rows, &of, &combine);
                for (y, lane) in y.iter_mut().zip(lanes) {
                    *y = scale * lane;
                }
            });
        });
    }
}

impl Kernel for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.outputs() * self.axis as usize).or_half(), Slot::write("y", self.outputs())]
    }

    fn shader(&self) -> Shader {
        Shader { file: "reduce/reduce", constants: vec![("KIND", self.kind as u32), ("TREE", u32::from(self.tree()))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.outputs() as u32).u32(self.axis).u32(self.inner).f32(self.scale)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(if self.tree() { self.outputs() } else { self.outputs().div_ceil(256) })
    }

    fn cost(&self) -> Cost {
        let each = if self.kind == ReduceKind::SumOfSquares { 2 } else { 1 };
        Cost { operations: each * self.outputs() as u64 * u64::from(self.axis), bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let (x, y) = (x.read(), y.write());
        let (x, y) = (&x[..self.outputs() * self.axis as usize], &mut y[..self.outputs()]);
        // One loop a kind: the choice must not be made element by element.
        match self.kind {
            ReduceKind::Sum => self.run_kind(ReduceKind::Sum, cpu, x, y),
            ReduceKind::SumOfSquares => self.run_kind(ReduceKind::SumOfSquares, cpu, x, y),
            ReduceKind::Maximum => self.run_kind(ReduceKind::Maximum, cpu, x, y),
            ReduceKind::Minimum => self.run_kind(ReduceKind::Minimum, cpu, x, y),
        }
    }
}
