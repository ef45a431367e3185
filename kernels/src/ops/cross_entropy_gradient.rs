//! The gradient through the cross-entropy of each row.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};
use crate::ops::cross_entropy::{require_labelled, require_smoothing};
use crate::ops::rows::{exponentials, largest_of, row_grid, rows_of_a_task, wide};

/// The gradient of [`crate::ops::CrossEntropy`]: `dlogits[r] = g[r] (softmax(logits[r]) - q)`, 0 where the label is no class. Slots
/// `logits` `[rows, classes]`, `labels` u32 `[label_rows]`, `g` `[rows]`, `dlogits` `[rows, classes]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropyGradient {
    /// Rows.
    pub rows: u32,
    /// Classes: entries of a row.
    pub classes: u32,
    /// Labels; row `r` has label `r mod label_rows`.
    pub label_rows: u32,
    /// The part of the target that all classes share, in [0, 1].
    pub smoothing: f32,
}

impl CrossEntropyGradient {
    /// Checks the extents and the smoothing.
    ///
    /// # Errors
    /// As [`crate::ops::CrossEntropy::validate`].
    pub fn validate(&self) -> Result<()> {
        require_labelled("cross_entropy_gradient", self.rows, self.classes, self.label_rows)?;
        require_smoothing("cross_entropy_gradient", self.smoothing)
    }

    fn len(&self) -> usize {
        self.rows as usize * self.classes as usize
    }

    #[inline(always)]
    fn row(&self, x: &[f32], label: u32, g: f32, dx: &mut [f32]) {
        if label >= self.classes {
            dx.fill(0.0);
            return;
        }
        let sum = exponentials(x, largest_of(x), dx);
        let everywhere = self.smoothing / self.classes as f32;
        let own = dx[label as usize] / sum - (everywhere + 1.0 - self.smoothing);
        for dx in dx.iter_mut() {
            *dx = g * (*dx / sum - everywhere);
        }
        dx[label as usize] = g * own;
    }
}

impl Kernel for CrossEntropyGradient {
    fn name(&self) -> &'static str {
        "cross_entropy_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("logits", self.len()),
            Slot::read("labels", self.label_rows as usize),
            Slot::read("g", self.rows as usize),
            Slot::write("dlogits", self.len()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "softmax/cross_entropy_gradient", constants: vec![("WIDE", u32::from(wide(self.classes)))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.classes).u32(self.label_rows).f32(self.smoothing)
    }

    fn grid(&self) -> [u32; 3] {
        row_grid(self.rows, self.classes)
    }

    fn cost(&self) -> Cost {
        Cost { operations: 7 * self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [logits, labels, g, dlogits] = views.split();
        let (logits, labels, g) = (&logits.read()[..self.len()], labels.read_u32(), g.read());
        let (classes, label_rows) = (self.classes as usize, self.label_rows as usize);
        let task = rows_of_a_task(classes);
        let tasks = dlogits.write()[..self.len()].par_chunks_mut(task * classes).zip(logits.par_chunks(task * classes));
        tasks.enumerate().for_each(|(index, (dlogits, logits))| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    let rows = dlogits.chunks_exact_mut(classes).zip(logits.chunks_exact(classes));
                    for (i, (dx, x)) in rows.enumerate() {
                        let row = index * task + i;
                        self.row(x, labels[row % label_rows], g[row], dx);
                    }
                },
            );
        });
    }
}
