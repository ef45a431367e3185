//! The cross-entropy of a chunk of rows of logits, and their gradient in place of them.

use rayon::prelude::*;

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{countable, positive};
use crate::ops::cross_entropy::require_smoothing;
use crate::ops::functions::exponential;
use crate::ops::require::require;
use crate::ops::rows::{largest_of, require_rows, row_grid, rows_of_a_task, wide};
use crate::ops::sums::sum_of;

/// Elements after which a sum over a row leaves its lanes for an f64: a lane adds so few numbers that it loses nothing.
const SPAN: usize = 4096;

/// A chunk of the rows of logits of each architecture: `[A, chunk, classes]`, row `i` of which is row `a * rows + first + i`
/// of the whole, with label `(a * rows + first + i) mod label_rows`. A label that is no class, or the ignored one, is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logits {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Rows of an architecture.
    pub rows: u32,
    /// The first of them in this chunk.
    pub first: u32,
    /// Rows of the chunk.
    pub chunk: u32,
    /// Classes: entries of a row.
    pub classes: u32,
    /// Labels.
    pub label_rows: u32,
    /// A class that makes a label none (that of padding, say).
    pub ignored: Option<u32>,
    /// The part of the target that all classes share, in [0, 1].
    pub smoothing: f32,
}

impl Logits {
    /// Checks the extents and the smoothing.
    ///
    /// # Errors
    /// Where an extent is 0, the chunk is not within the rows, the rows are no multiple of the labels, the smoothing is not in
    /// [0, 1], or there are more elements than an index or a loop of the shaders counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "logit_loss";
        let [a, rows, chunk, classes] = [self.architectures, self.rows, self.chunk, self.classes].map(u64::from);
        let labels = u64::from(self.label_rows);
        positive(NAME, &[("architectures", a), ("rows", rows), ("chunk", chunk), ("label_rows", labels)])?;
        countable(NAME, "the logits", &[a, chunk, classes])?;
        countable(NAME, "the normaliser", &[a, rows, 2])?;
        require_rows(NAME, self.architectures * self.chunk, "classes", self.classes)?;
        require(u64::from(self.first) + chunk <= rows, NAME, "the chunk is within the rows")?;
        require((a * rows).is_multiple_of(labels), NAME, "the rows must be a multiple of the labels")?;
        require_smoothing(NAME, self.smoothing)
    }

    fn own_rows(&self) -> usize {
        self.architectures as usize * self.chunk as usize
    }

    fn all_rows(&self) -> usize {
        self.architectures as usize * self.rows as usize
    }

    fn len(&self) -> usize {
        self.own_rows() * self.classes as usize
    }

    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.architectures).u32(self.rows).u32(self.first).u32(self.chunk);
        let words = words.u32(self.classes).u32(self.label_rows).u32(self.ignored.unwrap_or(u32::MAX));
        words.f32(self.smoothing)
    }

    /// The row of the whole that a row of the chunk is.
    #[inline(always)]
    fn whole_row(&self, row: usize) -> usize {
        let (chunk, rows) = (self.chunk as usize, self.rows as usize);
        row / chunk * rows + self.first as usize + row % chunk
    }

    /// The label of a row of the whole, unless it is none.
    #[inline(always)]
    fn label(&self, labels: &[u32], row: usize) -> Option<usize> {
        let label = labels[row % self.label_rows as usize];
        (label < self.classes && Some(label) != self.ignored).then_some(label as usize)
    }
}

/// The loss of each row, as [`super::CrossEntropy`] has it, and what its gradient needs: the largest logit `m` and the sum of
/// `exp(x - m)`. The pair keeps what a logarithm of the sum, large beside 1, would round away. Slots `logits` `[A, chunk, classes]`,
/// `labels` u32 `[label_rows]`, `loss` `[A, rows]`, `normaliser` `[A, rows, 2]`; other rows stay as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogitLoss(pub Logits);

impl LogitLoss {
    /// Loss and normaliser of a row.
    #[inline(always)]
    fn row(&self, x: &[f32], label: Option<usize>) -> (f32, [f32; 2]) {
        let largest = largest_of(x);
        let (mut sum, mut shifted) = (0.0f64, 0.0f64);
        for x in x.chunks(SPAN) {
            sum += f64::from(sum_of(x, |x| exponential(x - largest)));
            shifted += f64::from(sum_of(x, |x| x - largest));
        }
        let loss = label.map_or(0.0, |label| {
            let smoothing = f64::from(self.0.smoothing);
            let own = (1.0 - smoothing) * f64::from(x[label] - largest);
            (sum.ln() - own - smoothing / f64::from(self.0.classes) * shifted) as f32
        });
        (loss, [largest, sum as f32])
    }
}

impl Kernel for LogitLoss {
    fn name(&self) -> &'static str {
        "logit_loss"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("logits", self.0.len()),
            Slot::read("labels", self.0.label_rows as usize),
            Slot::write("loss", self.0.all_rows()),
            Slot::write("normaliser", 2 * self.0.all_rows()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "vocabulary/logit_loss", constants: vec![("WIDE", u32::from(wide(self.0.classes)))] }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        row_grid(self.0.own_rows() as u32, self.0.classes)
    }

    fn cost(&self) -> Cost {
        let bytes = 4 * (self.0.len() as u64 + u64::from(self.0.label_rows) + 3 * self.0.own_rows() as u64);
        Cost { operations: 5 * self.0.len() as u64, bytes }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [logits, labels, loss, normaliser] = views.split();
        let (logits, labels) = (&logits.read()[..self.0.len()], labels.read_u32());
        let [rows, first, chunk] = [self.0.rows, self.0.first, self.0.chunk].map(|extent| extent as usize);
        let classes = self.0.classes as usize;
        let few = rows_of_a_task(classes);
        let losses = loss.write()[..self.0.all_rows()].par_chunks_mut(rows);
        let normalisers = normaliser.write()[..2 * self.0.all_rows()].par_chunks_mut(2 * rows);
        let architectures = losses.zip(normalisers).zip(logits.par_chunks(chunk * classes)).enumerate();
        architectures.for_each(|(a, ((loss, normaliser), logits))| {
            let losses = loss[first..first + chunk].par_iter_mut().with_min_len(few);
            let normalisers = normaliser[2 * first..2 * (first + chunk)].par_chunks_mut(2);
            let each = losses.zip(normalisers).zip(logits.par_chunks(classes)).enumerate();
            each.for_each(|(i, ((loss, normaliser), x))| {
                let label = self.0.label(labels, a * rows + first + i);
                let (own, pair) = cpu.vectorised(
                    #[inline(always)]
                    || self.row(x, label),
                );
                *loss = own;
                normaliser.copy_from_slice(&pair);
            });
        });
    }
}

/// The gradient of [`LogitLoss`], in place of the logits: `x <- g (exp(x - m) / sum - q)`, 0 where a row has no label. Slots
/// `labels` u32 `[label_rows]`, `normaliser` `[A, rows, 2]`, `g` `[A, rows]`, `logits` `[A, chunk, classes]`, which it overwrites.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogitGradient(pub Logits);

impl LogitGradient {
    #[inline(always)]
    fn row(&self, x: &mut [f32], label: usize, [largest, sum]: [f32; 2], g: f32) {
        let everywhere = self.0.smoothing / self.0.classes as f32;
        let inverse = 1.0 / sum;
        for x in x.iter_mut() {
            *x = exponential(*x - largest) * inverse - everywhere;
        }
        x[label] -= 1.0 - self.0.smoothing;
        for x in x.iter_mut() {
            *x *= g;
        }
    }
}

impl Kernel for LogitGradient {
    fn name(&self) -> &'static str {
        "logit_gradient"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::read("labels", self.0.label_rows as usize),
            Slot::read("normaliser", 2 * self.0.all_rows()),
            Slot::read("g", self.0.all_rows()),
            Slot::write("logits", self.0.len()),
        ]
    }

    fn shader(&self) -> Shader {
        Shader { file: "vocabulary/logit_gradient", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.0.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        // The logits are read and written.
        Cost { operations: 5 * self.0.len() as u64, bytes: bytes_of(&self.slots()) + 4 * self.0.len() as u64 }
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let [labels, normaliser, g, logits] = views.split();
        let (labels, normaliser, g) = (labels.read_u32(), normaliser.read(), g.read());
        let classes = self.0.classes as usize;
        let rows = logits.write()[..self.0.len()].par_chunks_mut(classes).with_min_len(rows_of_a_task(classes));
        rows.enumerate().for_each(|(i, x)| {
            let row = self.0.whole_row(i);
            match self.0.label(labels, row) {
                Some(label) => cpu.vectorised(
                    #[inline(always)]
                    || self.row(x, label, [normaliser[2 * row], normaliser[2 * row + 1]], g[row]),
                ),
                None => x.fill(0.0),
            }
        });
    }
}
