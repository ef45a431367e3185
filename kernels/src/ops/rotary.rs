//! Rotary position embedding of queries and keys.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, View, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{countable, positive};
use crate::ops::require::require;

/// Elements of one task.
const TASK: usize = 8192;

/// Rotates the first `2 half` channels of each head by the angles of its row's position: of a pair of channels
/// `(u, v) = (j, j + half)` the result has `(u cos - v sin, v cos + u sin)` with the angle `position * base^(-j / half)`, the
/// convention of GPT-NeoX; the other channels stay. Slots `x` `[rows, length, heads, head]`, `table` `[positions, half, 2]` (see
/// [`Rotary::table`]), (`start` u32 `[1]`), `y`.
///
/// Row `t` has the position `start + t`, the parameter and the slot added; one beyond the table takes its last row. The
/// rotation back is the gradient.
///
/// Su et al., 2021 (arXiv 2104.09864).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotary {
    /// Sequences.
    pub rows: u32,
    /// Positions of a sequence.
    pub length: u32,
    /// Heads.
    pub heads: u32,
    /// Channels of a head.
    pub head: u32,
    /// Pairs of channels that are rotated, at most half of the head.
    pub half: u32,
    /// Positions of the table.
    pub positions: u32,
    /// The position of the first row.
    pub start: u32,
    /// Whether the slot `start` is added, so that one plan serves every step of decoding.
    pub read_start: bool,
    /// Whether it rotates back.
    pub inverse: bool,
}

impl Rotary {
    /// Cosine and sine of each angle, `[positions, half, 2]`.
    ///
    /// Made on the host in f64: the angle of position 100,000 in f32 is off by a hundredth of a turn's radian, and WGSL's own
    /// functions are allowed errors of 2^-11 besides; a table is as good at each position, on any executor, and is read
    /// once for all heads.
    pub fn table(positions: usize, half: usize, base: f64) -> Vec<f32> {
        let angles = (0..positions)
            .flat_map(|position| (0..half).map(move |pair| position as f64 * base.powf(-(pair as f64) / half as f64)));
        angles.flat_map(|angle| [angle.cos() as f32, angle.sin() as f32]).collect()
    }

    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index counts, more channels are rotated than a head has, or
    /// positions known beforehand are not within the table.
    pub fn validate(&self) -> Result<()> {
        let [rows, length, heads, head] = [self.rows, self.length, self.heads, self.head].map(u64::from);
        let [half, positions] = [self.half, self.positions].map(u64::from);
        let extents = [("rows", rows), ("length", length), ("heads", heads), ("head", head), ("half", half)];
        positive("rotary", &extents)?;
        positive("rotary", &[("positions", positions)])?;
        countable("rotary", "x", &[rows, length, heads, head])?;
        countable("rotary", "table", &[positions, half, 2])?;
        require(2 * half <= head, "rotary", "at most all channels of a head are rotated")?;
        let within = u64::from(self.start) + length <= positions;
        require(within, "rotary", "the positions are within the table")
    }

    fn len(&self) -> usize {
        [self.rows, self.length, self.heads, self.head].iter().map(|extent| *extent as usize).product()
    }

    /// The heads of one position.
    #[inline(always)]
    fn rotate(&self, x: &[f32], table: &[f32], y: &mut [f32]) {
        let (head, half) = (self.head as usize, self.half as usize);
        let sign = if self.inverse { -1.0 } else { 1.0 };
        for (y, x) in y.chunks_exact_mut(head).zip(x.chunks_exact(head)) {
            let ((u, x), (to_u, y)) = (x.split_at(half), y.split_at_mut(half));
            let ((v, rest), (to_v, to_rest)) = (x.split_at(half), y.split_at_mut(half));
            let angles = table.as_chunks::<2>().0;
            for ((((to_u, to_v), u), v), [cosine, sine]) in to_u.iter_mut().zip(to_v).zip(u).zip(v).zip(angles) {
                let sine = sign * sine;
                *to_u = u * cosine - v * sine;
                *to_v = v * cosine + u * sine;
            }
            to_rest.copy_from_slice(rest);
        }
    }
}

impl Kernel for Rotary {
    fn name(&self) -> &'static str {
        "rotary"
    }

    fn slots(&self) -> Vec<Slot> {
        let table = 2 * self.positions as usize * self.half as usize;
        let mut slots = vec![Slot::read("x", self.len()), Slot::read("table", table)];
        if self.read_start {
            slots.push(Slot::read("start", 1));
        }
        slots.push(Slot::write("y", self.len()));
        slots
    }

    fn shader(&self) -> Shader {
        let constants = vec![("INVERSE", u32::from(self.inverse)), ("READ_START", u32::from(self.read_start))];
        Shader { file: "rotary/rotary", constants }
    }

    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.len() as u32).u32(self.length).u32(self.heads).u32(self.head);
        words.u32(self.half).u32(self.positions).u32(self.start)
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        let rotated = self.len() as u64 / u64::from(self.head) * 2 * u64::from(self.half);
        Cost { operations: 3 * rotated, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut views = views.each();
        let mut next = |given: bool| if given { views.next() } else { None };
        let x = &next(true).map(View::read).unwrap_or_default()[..self.len()];
        let table = next(true).map(View::read).unwrap_or_default();
        let read = next(self.read_start).map_or(0, |start| start.read_u32()[0]);
        let y = &mut next(true).map(View::write).unwrap_or_default()[..self.len()];
        let (length, width, angles) = (self.length as usize, (self.heads * self.head) as usize, 2 * self.half as usize);
        let task = (TASK / width).max(1);
        y.par_chunks_mut(task * width).zip(x.par_chunks(task * width)).enumerate().for_each(|(index, (y, x))| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (i, (y, x)) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).enumerate() {
                        let t = ((index * task + i) % length) as u32;
                        let position = self.start.wrapping_add(read).wrapping_add(t).min(self.positions - 1);
                        self.rotate(x, &table[position as usize * angles..][..angles], y);
                    }
                },
            );
        });
    }
}
