//! Whether each row's largest entry is its label.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of};
use crate::ops::cross_entropy::require_labelled;
use crate::ops::rows::{row_grid, rows_of_a_task, wide};

/// `y[r] = 1.0` where the first largest entry of `logits[r]` is its label, else 0.0. Slots `logits` `[rows, classes]`, `labels` u32
/// `[label_rows]`, `y` `[rows]`.
///
/// Row `r` has label `r mod label_rows`. A label that is no class is never right, and of a row that holds what is not a number no
/// label is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correct {
    /// Rows.
    pub rows: u32,
    /// Classes: entries of a row.
    pub classes: u32,
    /// Labels.
    pub label_rows: u32,
}

impl Correct {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, the rows are no multiple of the labels, or there are more elements than an index or a loop of the
    /// shader counts.
    pub fn validate(&self) -> Result<()> {
        require_labelled("correct", self.rows, self.classes, self.label_rows)
    }

    fn len(&self) -> usize {
        self.rows as usize * self.classes as usize
    }

    /// No entry before the label is as large, none after it larger; what is not a number is neither smaller nor equal.
    #[inline(always)]
    fn right(x: &[f32], label: usize) -> bool {
        let Some(own) = x.get(label) else { return false };
        x[..label].iter().all(|x| x < own) && x[label..].iter().all(|x| x <= own)
    }
}

impl Kernel for Correct {
    fn name(&self) -> &'static str {
        "correct"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("logits", self.len()),
            Slot::read("labels", self.label_rows as usize),
            Slot::write("y", self.rows as usize),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "softmax/correct", constants: vec![("WIDE", u32::from(wide(self.classes)))] }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.rows).u32(self.classes).u32(self.label_rows)
    }

    fn grid(&self) -> [u32; 3] {
        row_grid(self.rows, self.classes)
    }

    fn cost(&self) -> Cost {
        Cost { operations: self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [logits, labels, y] = views.split();
        let (logits, labels, y) = (&logits.read()[..self.len()], labels.read_u32(), y.write());
        let (classes, label_rows) = (self.classes as usize, self.label_rows as usize);
        let few = rows_of_a_task(classes);
        let rows = y[..self.rows as usize].par_iter_mut().zip(logits.par_chunks(classes)).with_min_len(few);
        rows.enumerate().for_each(|(row, (y, x))| {
            *y = f32::from(u8::from(Self::right(x, labels[row % label_rows] as usize)));
        });
    }
}
