//! The gradient through a softmax or its logarithm.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};
use crate::ops::functions::exponential_up_to_88;
use crate::ops::rows::{require_rows, row_grid, row_tuning, row_variants, rows_of_a_task, wide};
use crate::ops::vectors;

/// The gradient of [`crate::ops::Softmax`] from its output: `dx = y (g - sum_k g y)`, or `g - exp(y) sum_k g` for the logarithm.
/// Slots `y`, `g`, `dx`, each `[rows, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftmaxGradient {
    /// Rows.
    pub rows: u32,
    /// Entries of a row.
    pub width: u32,
    /// Whether `y` is the logarithm of the softmax.
    pub logarithm: bool,
}

impl SoftmaxGradient {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, or there are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        require_rows("softmax_gradient", self.rows, "width", self.width)
    }

    fn by(&self, wide: u32) -> Shader {
        let constants = vec![("WIDE", wide), ("LOGARITHM", u32::from(self.logarithm))];
        Shader { file: "softmax/softmax_gradient", constants }
    }

    fn len(&self) -> usize {
        self.rows as usize * self.width as usize
    }
}

impl Kernel for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "softmax_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("y", self.len()), Slot::read("g", self.len()), Slot::write("dx", self.len())]
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
        let name = if self.logarithm { "softmax_gradient logarithm" } else { "softmax_gradient" };
        Some(row_tuning(name, self.width, |rows| Self { rows, ..self.clone() }))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 4 * self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [y, g, dx] = views.split();
        let (y, g, dx) = (&y.read()[..self.len()], &g.read()[..self.len()], &mut dx.write()[..self.len()]);
        let width = self.width as usize;
        let task = width * rows_of_a_task(width);
        let tasks = dx.par_chunks_mut(task).zip(y.par_chunks(task)).zip(g.par_chunks(task));
        tasks.for_each(|((dx, y), g)| cpu.with_vectors(Rows { logarithm: self.logarithm, width, y, g, dx }));
    }
}

/// Some rows.
struct Rows<'a> {
    logarithm: bool,
    width: usize,
    y: &'a [f32],
    g: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let inputs = self.y.chunks_exact(self.width).zip(self.g.chunks_exact(self.width));
        for (dx, (y, g)) in self.dx.chunks_exact_mut(self.width).zip(inputs) {
            if self.logarithm {
                let sum = vectors::sum_of(simd, g);
                for ((dx, y), g) in dx.iter_mut().zip(y).zip(g) {
                    *dx = g - exponential_up_to_88(*y) * sum;
                }
            } else {
                let sum = vectors::dot(simd, y, g);
                for ((dx, y), g) in dx.iter_mut().zip(y).zip(g) {
                    *dx = y * (g - sum);
                }
            }
        }
    }
}
