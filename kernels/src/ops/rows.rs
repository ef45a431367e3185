//! What kernels along the rows of a matrix share: limits, grids, and folds over a row on the CPU.

use std::hint::black_box;
use std::sync::Arc;

use crate::Result;
use crate::launch::{Form, Kernel, Shader, Tuning, Variant, linear_grid};
use crate::ops::check::{at_most, countable, positive};
use crate::ops::functions::exponential_up_to_88;
use crate::ops::reduce::fold;

/// The widest row that an invocation takes alone; a wider one is a workgroup's.
const NARROW: u32 = 64;
/// The widest row that an invocation may take alone as a variant: few enough entries for one chain of additions.
pub(super) const WIDEST_APART: u32 = 2048;
/// Elements with which variants are timed.
const SAMPLE: u32 = 1 << 19;
/// The widest row: a few passes over it in steps of 256 stay below the rounds of loops that every driver grants.
const WIDEST: u64 = 1 << 22;
/// Accumulators of a row, and of a long one, in which a chain of additions would take longer than the elements.
const LANES: usize = 16;
const MANY_LANES: usize = 64;
/// Elements of one task.
const TASK: usize = 4096;

/// Whether the shader's workgroups own a row each (`WIDE` in `shared/rows.wgsl`).
pub(super) fn wide(width: u32) -> bool {
    width > NARROW
}

/// The grid of a shader that imports `shared/rows.wgsl`.
pub(super) fn row_grid(rows: u32, width: u32) -> [u32; 3] {
    linear_grid(if wide(width) { rows as usize } else { rows.div_ceil(256) as usize })
}

/// The variants of a shader that imports `shared/rows.wgsl`, by its constant `WIDE`: a wide row may be an invocation's too, which
/// then needs no barrier.
pub(super) fn row_variants(rows: u32, width: u32, shader: impl Fn(u32) -> Shader) -> Vec<Variant> {
    let plain = Variant::plain(shader(wide(width).into()), row_grid(rows, width));
    if !wide(width) || width > WIDEST_APART {
        return vec![plain];
    }
    let grid = linear_grid(rows.div_ceil(256) as usize);
    vec![plain, Variant { name: "apart", shader: shader(0), grid, form: Form::Apart }]
}

/// The class of the kernels along rows of this width, with a sample of as many rows as `sample` is told. Rows are those of all
/// architectures, so their number chooses nothing.
pub(super) fn row_tuning<K: Kernel>(name: &str, width: u32, sample: impl FnOnce(u32) -> K) -> Tuning {
    Tuning { class: format!("{name} {width}"), sample: Arc::new(sample((SAMPLE / width.max(1)).max(1))) }
}

/// Refuses a matrix without an element, or one that the shaders cannot count.
pub(super) fn require_rows(kernel: &'static str, rows: u32, what: &str, width: u32) -> Result<()> {
    let [rows, width] = [rows, width].map(u64::from);
    positive(kernel, &[("rows", rows), (what, width)])?;
    countable(kernel, "the matrix", &[rows, width])?;
    at_most(kernel, what, width, WIDEST)
}

/// Rows that one task of the CPU kernels computes.
pub(super) fn rows_of_a_task(width: usize) -> usize {
    (TASK / width).max(1)
}

/// The largest entry.
#[inline(always)]
pub(super) fn largest_of(x: &[f32]) -> f32 {
    fold_row(x, f32::MIN, f32::max, |x| x)
}

/// The sum of `f` over the entries, in a fixed order.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    fold_row(x, 0.0, |a, b| a + b, f)
}

/// Writes exp(x - `largest`), `largest` being no less than any x, and returns the sum.
#[inline(always)]
pub(super) fn exponentials(x: &[f32], largest: f32, y: &mut [f32]) -> f32 {
    for (y, x) in y.iter_mut().zip(x) {
        *y = exponential_up_to_88(x - largest);
    }
    sum_of(y, |y| y)
}

#[inline(always)]
fn fold_row(x: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32, f: impl Fn(f32) -> f32) -> f32 {
    if x.len() < LANES {
        return x.iter().fold(start, |sum, x| combine(sum, f(*x)));
    }
    if x.len() < 4 * MANY_LANES {
        return fold_lanes::<LANES>(x, start, combine, f);
    }
    fold_lanes::<MANY_LANES>(x, start, combine, f)
}

#[inline(always)]
fn fold_lanes<const N: usize>(x: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32, f: impl Fn(f32) -> f32) -> f32 {
    let whole = x.chunks_exact(N);
    let rest = whole.remainder();
    let mut lanes = [start; N];
    for x in whole {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = combine(*lane, f(*x));
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, f(*x));
    }
    // The compiler must not see through, as in `ops::sums`.
    fold(&mut black_box(lanes), combine)
}
