//! Kernels of three rows by minimal filtering: two rows of the result from four products of rows in the place of six
//! (Winograd, 1980; Lavin and Gray, arXiv 1509.09308, section 4.1, here along columns only: F(2, 3)).
//!
//! Of four rows d of the source and the three rows g of a kernel, for each column of taps:
//!
//! ```text
//! m0 = (d0 - d2) g0    m1 = (d1 + d2) (g0 + g1 + g2) / 2    m2 = (d2 - d1) (g0 - g1 + g2) / 2    m3 = (d1 - d3) g2
//! y0 = m0 + m1 + m2    y1 = m1 - m2 - m3
//! ```
//!
//! The source is combined when it is brought into scratch memory, the kernel when it is packed: the four components are then
//! convolutions by one row of taps, whose sums are joined at the end. In two dimensions there would be fewer products still, and
//! more memory and rounding.

use super::Conv2d;
use super::place::at_least;
use super::planes::{Planes, Taps};
use crate::ops::in_place::Known;

/// Components of two rows.
pub(super) const COMPONENTS: usize = 4;
/// The widest row that is combined.
const WIDEST: usize = 1024;
/// Channels of the source, and of the result, from which the combining of rows and sums is outweighed.
const MANY: usize = 8;
/// What stands for a row outside of the source.
static OUTSIDE: [f32; WIDEST] = [0.0; WIDEST];

/// Whether a convolution is computed by components, `[depth, rows]` channels becoming each other.
pub(super) fn pay(convolution: &Conv2d, depth: usize, rows: usize) -> bool {
    let Conv2d { kernel, stride, dilation, padding, width, .. } = *convolution;
    let plain = kernel == 3 && stride == 1 && dilation == 1 && padding == 1 && !convolution.elastic.reach;
    plain && depth >= MANY && rows >= MANY && width as usize <= WIDEST
}

impl Planes {
    /// One component of a convolution that [`pay`] lets through: its source and its result are planes of one size.
    pub(super) fn of_component(convolution: &Conv2d, component: usize) -> Self {
        let (rows, columns) = (convolution.height.div_ceil(2) as usize, convolution.width as usize);
        let copied = Self::is_narrow(columns);
        let pitch = if copied { columns } else { columns + 2 };
        let copy = rows * pitch;
        let (copies, step) = if copied { (3, COMPONENTS * copy) } else { (1, 1) };
        Self {
            rows,
            columns,
            pitch,
            plane: copies * COMPONENTS * copy,
            copied,
            first: 1,
            taps: [
                Taps::of(std::iter::once((0, component * copy))),
                Taps::of((0..3).map(|tap| (tap, tap as usize * step))),
            ],
        }
    }

    /// Combines the rows of a plane into the components' planes. `into` holds zeros wherever nothing lies; it keeps them.
    #[inline(always)]
    pub(super) fn place_components(&self, source: &[f32], floor: f32, into: &mut [f32]) {
        let width = self.columns;
        let all = COMPONENTS * self.rows * self.pitch;
        // The middle copy is not moved against the source.
        let first = if self.copied { all } else { 1 };
        let row = |padded: usize| {
            let row = padded.checked_sub(1).and_then(|row| source.get(row * width..(row + 1) * width));
            row.unwrap_or(&OUTSIDE[..width])
        };
        for pair in 0..self.rows {
            let [d0, d1, d2, d3] = [0, 1, 2, 3].map(|i| row(2 * pair + i));
            let (m0, rest) = into[first + pair * self.pitch..].split_at_mut(all / COMPONENTS);
            let (m1, rest) = rest.split_at_mut(all / COMPONENTS);
            let (m2, m3) = rest.split_at_mut(all / COMPONENTS);
            let components = m0[..width].iter_mut().zip(&mut m1[..width]).zip(&mut m2[..width]).zip(&mut m3[..width]);
            let rows = d0.iter().zip(d1).zip(d2).zip(d3);
            for ((((m0, m1), m2), m3), (((d0, d1), d2), d3)) in components.zip(rows) {
                let [d0, d1, d2, d3] = [*d0, *d1, *d2, *d3].map(|x| at_least(floor, x));
                (*m0, *m1, *m2, *m3) = (d0 - d2, d1 + d2, d2 - d1, d1 - d3);
            }
        }
        if self.copied {
            self.move_copies(into, all);
        }
    }

    /// Makes the outer copies from the middle one: a column to the right and to the left.
    #[inline(always)]
    fn move_copies(&self, into: &mut [f32], all: usize) {
        let (before, rest) = into.split_at_mut(all);
        let (middle, after) = rest.split_at_mut(all);
        for (to, from) in before[1..].iter_mut().zip(&*middle) {
            *to = *from;
        }
        for (to, from) in after.iter_mut().zip(&middle[1..]) {
            *to = *from;
        }
        // What came from the row before or after becomes zero again.
        for (before, after) in before.chunks_exact_mut(self.columns).zip(after.chunks_exact_mut(self.columns)) {
            before[0] = 0.0;
            after[self.columns - 1] = 0.0;
        }
    }
}

/// The kernels of a group of channels as they are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels<'a> {
    /// From the first taken row and channel on.
    pub weights: &'a [f32],
    /// Elements from one channel of the source to the next.
    pub step: usize,
    /// Elements from one row to the next.
    pub next: usize,
    /// Where the nine taps are.
    pub places: [usize; 9],
}

impl Kernels<'_> {
    /// Packs the four combinations of `M` rows from `row` of `rows` on: `[component, row block, depth, 3, M]`.
    #[inline(always)]
    pub(super) fn combine<const M: usize>(&self, row: usize, rows: usize, depth: usize, packed: &mut [f32]) {
        let mut components = packed
            .chunks_exact_mut(rows * depth * 3)
            .map(|component| component[row * depth * 3..][..M * depth * 3].as_chunks_mut::<M>().0);
        let into: [Option<&mut [[f32; M]]>; COMPONENTS] = std::array::from_fn(|_| components.next());
        let [Some(c0), Some(c1), Some(c2), Some(c3)] = into else { return };
        for channel in 0..depth {
            let kernels: [&[f32]; M] =
                std::array::from_fn(|m| &self.weights[channel * self.step + (row + m) * self.next..]);
            for column in 0..3 {
                let [g0, g1, g2] = [0, 3, 6].map(|first| kernels.map(|kernel| kernel[self.places[first + column]]));
                let at = 3 * channel + column;
                for m in 0..M {
                    let outer = g0[m] + g2[m];
                    c0[at][m] = g0[m];
                    c1[at][m] = 0.5 * (outer + g1[m]);
                    c2[at][m] = 0.5 * (outer - g1[m]);
                    c3[at][m] = g2[m];
                }
            }
        }
    }
}

/// Joins the sums of a channel, those of the next component `next` elements on: `result` becomes them where `mask` is positive,
/// and what is known besides.
#[inline(always)]
pub(super) fn join(
    sums: &[f32],
    next: usize,
    planes: &Planes,
    mask: Option<&[f32]>,
    known: Known<'_>,
    result: &mut [f32],
) {
    let columns = planes.columns;
    let passed = |mask: f32, y: f32| if mask > 0.0 { y } else { 0.0 };
    for (row, result) in result.chunks_exact_mut(columns).enumerate() {
        let component = |index: usize| &sums[index * next + row / 2 * planes.pitch..][..columns];
        let (m1, m2) = (component(1), component(2));
        let (outer, sign) = if row % 2 == 0 { (component(0), 1.0) } else { (component(3), -1.0) };
        // y0 = m1 + m2 + m0 and y1 = m1 - m2 - m3, one loop for both.
        let values = m1.iter().zip(m2).zip(outer).map(|((m1, m2), outer)| m1 + sign * (m2 + outer));
        let mask = mask.map(|mask| &mask[row * columns..][..columns]);
        match (mask, known.part(row * columns, columns)) {
            (None, Known::Nothing) => result.iter_mut().zip(values).for_each(|(y, value)| *y = value),
            (None, Known::Result) => result.iter_mut().zip(values).for_each(|(y, value)| *y += value),
            (None, Known::Slot(known)) => {
                result.iter_mut().zip(values).zip(known).for_each(|((y, value), known)| *y = known + value);
            }
            (Some(mask), Known::Nothing) => {
                result.iter_mut().zip(values).zip(mask).for_each(|((y, value), mask)| *y = passed(*mask, value));
            }
            (Some(mask), Known::Result) => {
                result.iter_mut().zip(values).zip(mask).for_each(|((y, value), mask)| *y += passed(*mask, value));
            }
            (Some(mask), Known::Slot(known)) => {
                let rest = mask.iter().zip(known);
                let all = result.iter_mut().zip(values).zip(rest);
                all.for_each(|((y, value), (mask, known))| *y = known + passed(*mask, value));
            }
        }
    }
}
