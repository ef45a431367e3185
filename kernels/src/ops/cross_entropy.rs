//! The cross-entropy of each row with its label.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};
use crate::ops::check::positive;
use crate::ops::functions::exponential;
use crate::ops::require::require;
use crate::ops::rows::{largest_of, require_rows, row_grid, rows_of_a_task, sum_of, wide};

/// `loss[r] = -sum_j q[j] log softmax(logits[r])[j]` with `q = (1 - smoothing) onehot(label) + smoothing / classes`.
/// Slots `logits` `[rows, classes]`, `labels` u32 `[label_rows]`, `loss` `[rows]`.
///
/// Row `r` has label `r mod label_rows`, so that architectures share one batch's labels. A label that is no class (`u32::MAX`
/// for padding, say) is none: loss and gradient of its rows are 0. The smoothing is that of PyTorch's `cross_entropy`
/// (Szegedy et al., CVPR 2016, section 7).
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropy {
    /// Rows.
    pub rows: u32,
    /// Classes: entries of a row.
    pub classes: u32,
    /// Labels.
    pub label_rows: u32,
    /// The part of the target that all classes share, in [0, 1].
    pub smoothing: f32,
}

/// What the kernels of rows with labels refuse.
pub(super) fn require_labelled(kernel: &'static str, rows: u32, classes: u32, label_rows: u32) -> Result<()> {
    require_rows(kernel, rows, "classes", classes)?;
    positive(kernel, &[("label_rows", label_rows.into())])?;
    require(rows.is_multiple_of(label_rows), kernel, "the rows must be a multiple of the labels")
}

/// Refuses a smoothing that makes no distribution.
pub(super) fn require_smoothing(kernel: &'static str, smoothing: f32) -> Result<()> {
    require((0.0..=1.0).contains(&smoothing), kernel, "the smoothing must be between 0 and 1")
}

impl CrossEntropy {
    /// Checks the extents and the smoothing.
    ///
    /// # Errors
    /// Where an extent is 0, the rows are no multiple of the labels, the smoothing is not in [0, 1], or there are more elements
    /// than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        require_labelled("cross_entropy", self.rows, self.classes, self.label_rows)?;
        require_smoothing("cross_entropy", self.smoothing)
    }

    fn len(&self) -> usize {
        self.rows as usize * self.classes as usize
    }

    #[inline(always)]
    fn row(&self, x: &[f32], label: u32) -> f32 {
        if label >= self.classes {
            return 0.0;
        }
        let largest = largest_of(x);
        let exponentials = sum_of(x, |x| exponential(x - largest));
        let shifted = sum_of(x, |x| x - largest);
        let own = (1.0 - self.smoothing) * (x[label as usize] - largest);
        exponentials.ln() - own - self.smoothing / self.classes as f32 * shifted
    }
}

impl Kernel for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("logits", self.len()),
            Slot::read("labels", self.label_rows as usize),
            Slot::write("loss", self.rows as usize),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "softmax/cross_entropy", constants: vec![("WIDE", u32::from(wide(self.classes)))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.classes).u32(self.label_rows).f32(self.smoothing)
    }

    fn grid(&self) -> [u32; 3] {
        row_grid(self.rows, self.classes)
    }

    fn cost(&self) -> Cost {
        Cost { operations: 5 * self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [logits, labels, loss] = views.split();
        let (logits, labels, loss) = (&logits.read()[..self.len()], labels.read_u32(), loss.write());
        let (classes, label_rows) = (self.classes as usize, self.label_rows as usize);
        let task = rows_of_a_task(classes);
        let tasks = loss[..self.rows as usize].par_chunks_mut(task).zip(logits.par_chunks(task * classes));
        tasks.enumerate().for_each(|(index, (loss, logits))| {
            cpu.vectorised(
                #[inline(always)]
                || {
                    for (i, (loss, x)) in loss.iter_mut().zip(logits.chunks_exact(classes)).enumerate() {
                        *loss = self.row(x, labels[(index * task + i) % label_rows]);
                    }
                },
            );
        });
    }
}
