//! The softmax of each row, or its logarithm.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::functions::exponential_up_to_88;
use crate::ops::rows::{require_rows, row_grid, row_tuning, row_variants, rows_of_a_task, wide};
use crate::ops::vectors;

/// `y[r,j] = exp(x[r,j]) / sum_k exp(x[r,k])`, or its logarithm: `[rows, width] -> [rows, width]`. Slots `x`, `y`.
///
/// The largest entry of a row is subtracted first, so that no exponential overflows. Entries are finite: what a mask excludes
/// is a large negative number, whose exponential is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softmax {
    /// Rows.
    pub rows: u32,
    /// Entries of a row.
    pub width: u32,
    /// Whether the result is the logarithm.
    pub logarithm: bool,
}

impl Softmax {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        require_rows("softmax", self.rows, "width", self.width)
    }

    fn by(&self, wide: u32) -> Shader {
        let constants = vec![("WIDE", wide), ("LOGARITHM", u32::from(self.logarithm))];
        Shader { file: "softmax/softmax", constants }
    }

    fn len(&self) -> usize {
        self.rows as usize * self.width as usize
    }
}

impl Kernel for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.len()), Slot::write("y", self.len())]
    }

    fn shader(&self) -> Shader {
        self.by(wide(self.width).into())
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.width)
    }

    fn grid(&self) -> [u32; 3] {
        row_grid(self.rows, self.width)
    }

    fn variants(&self) -> Vec<Variant> {
        row_variants(self.rows, self.width, |wide| self.by(wide))
    }

    fn tuning(&self) -> Option<Tuning> {
        let name = if self.logarithm { "softmax logarithm" } else { "softmax" };
        Some(row_tuning(name, self.width, |rows| Self { rows, ..self.clone() }))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 5 * self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [x, y] = views.split();
        let (x, y) = (&x.read()[..self.len()], &mut y.write()[..self.len()]);
        let width = self.width as usize;
        let task = width * rows_of_a_task(width);
        let tasks = y.par_chunks_mut(task).zip(x.par_chunks(task));
        tasks.for_each(|(y, x)| cpu.with_vectors(Rows { logarithm: self.logarithm, width, x, y }));
    }
}

/// Some rows.
struct Rows<'a> {
    logarithm: bool,
    width: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (y, x) in self.y.chunks_exact_mut(self.width).zip(self.x.chunks_exact(self.width)) {
            let largest = vectors::largest_of(simd, x);
            for (y, x) in y.iter_mut().zip(x) {
                *y = exponential_up_to_88(x - largest);
            }
            let sum = vectors::sum_of(simd, y);
            if self.logarithm {
                let logarithm = sum.ln();
                for (y, x) in y.iter_mut().zip(x) {
                    *y = x - largest - logarithm;
                }
            } else {
                let share = 1.0 / sum;
                for y in y.iter_mut() {
                    *y *= share;
                }
            }
        }
    }
}
