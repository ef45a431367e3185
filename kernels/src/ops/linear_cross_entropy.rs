//! Cross-entropy over a large vocabulary: logits a chunk of rows at a time, never all of them.

use crate::Result;
use crate::ops::{Bias, LogitGradient, LogitLoss, Logits, Matmul, StridedCopy, TableGradient};
use crate::plan::{Operand, PlanBuilder};

/// The loss of `logits = h table^T`: `h` `[A, rows, width]`, `table` `[A, classes, width]` or shared `[classes, width]`, `labels` u32
/// `[label_rows]`; `loss` `[A, rows]`, `normaliser` `[A, rows, 2]` (see [`LogitLoss`]).
///
/// The rows of every architecture are taken in chunks: the logits of a chunk are made, and their loss; in the backward pass
/// they are made again, overwritten by their gradient, and multiplied out. So memory holds `[A, chunk, classes]` logits at most,
/// and the number of launches depends on the chunks of an architecture alone.
///
/// The bits of a row's loss and of `dh` depend on neither the chunk nor the other rows, up to the variant of the matrix product, which
/// goes by the rows of a chunk. Those of `dtable` depend on the chunk too: it is summed chunk by chunk, from the first. None
/// depend on the number of architectures where the chunk is given or [`LinearCrossEntropy::default_chunk`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearCrossEntropy {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Rows of an architecture.
    pub rows: u32,
    /// Entries of a row of `h`.
    pub width: u32,
    /// Rows of the table.
    pub classes: u32,
    /// Labels; row `r` of all has label `r mod label_rows`.
    pub label_rows: u32,
    /// A class that makes a label none.
    pub ignored: Option<u32>,
    /// The part of the target that all classes share, in [0, 1].
    pub smoothing: f32,
    /// Whether all architectures have one table.
    pub shared_table: bool,
    /// Rows of an architecture in a chunk; the last one may hold fewer.
    pub chunk: u32,
}

/// A chunk of rows, with `h` of its rows.
struct Part {
    logits: Logits,
    h: Operand,
}

impl LinearCrossEntropy {
    /// The rows of a chunk whose logits take `bytes` for each architecture, spread evenly. The number of architectures does not
    /// count: a step that is cut into ranges of them keeps its bits.
    pub fn default_chunk(rows: u32, classes: u32, bytes: u64) -> u32 {
        let most = (bytes / 4 / u64::from(classes.max(1))).clamp(1, u64::from(rows.max(1))) as u32;
        rows.max(1).div_ceil(rows.max(1).div_ceil(most))
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, the rows are no multiple of the labels, the smoothing is not in
    /// [0, 1], or there are more elements than an index or a loop of the shaders counts.
    pub fn validate(&self) -> Result<()> {
        self.logits(0).validate()?;
        self.product(self.chunk).validate()?;
        self.product_gradient(self.chunk).validate()?;
        self.first_table_gradient(self.chunk).validate()?;
        self.table_gradient(self.chunk).validate()
    }

    fn logits(&self, first: u32) -> Logits {
        Logits {
            architectures: self.architectures,
            rows: self.rows,
            first,
            chunk: self.chunk.min(self.rows.saturating_sub(first)),
            classes: self.classes,
            label_rows: self.label_rows,
            ignored: self.ignored,
            smoothing: self.smoothing,
        }
    }

    /// Chunk by table.
    fn product(&self, chunk: u32) -> Matmul {
        Matmul {
            batch: self.architectures,
            m: chunk,
            n: self.classes,
            k: self.width,
            transpose_a: false,
            transpose_b: true,
            broadcast_a: false,
            broadcast_b: self.shared_table,
            bias: Bias::None,
            relu: false,
        }
    }

    /// The gradient of a chunk of `h`.
    fn product_gradient(&self, chunk: u32) -> Matmul {
        Matmul { n: self.width, k: self.classes, transpose_b: false, ..self.product(chunk) }
    }

    /// The gradient of the table by the first chunk.
    fn first_table_gradient(&self, chunk: u32) -> Matmul {
        let product = self.product(chunk);
        let (m, n, k) = (self.classes, self.width, chunk);
        Matmul { m, n, k, transpose_a: true, transpose_b: false, broadcast_b: false, ..product }
    }

    fn table_gradient(&self, chunk: u32) -> TableGradient {
        let Self { architectures, classes, width, .. } = *self;
        TableGradient { architectures, chunk, classes, width }
    }

    /// Copies rows of every architecture between the whole and a chunk of it.
    fn copy(&self, logits: &Logits, into_chunk: bool) -> StridedCopy {
        let (whole, part) = (self.rows * self.width, logits.chunk * self.width);
        let mut copy = StridedCopy {
            shape: [1, 1, self.architectures, part],
            source_strides: [0, 0, whole, 1],
            source_offset: logits.first * self.width,
            destination_strides: [0, 0, part, 1],
            destination_offset: 0,
            source_len: self.architectures as usize * whole as usize,
            destination_len: self.architectures as usize * part as usize,
        };
        if !into_chunk {
            std::mem::swap(&mut copy.source_strides, &mut copy.destination_strides);
            std::mem::swap(&mut copy.source_offset, &mut copy.destination_offset);
            std::mem::swap(&mut copy.source_len, &mut copy.destination_len);
        }
        copy
    }

    /// Makes the logits of the chunk that starts at row `first`.
    fn part(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        first: u32,
        h: Operand,
        table: Operand,
    ) -> Result<(Part, Operand)> {
        let logits = self.logits(first);
        let part = if logits.chunk == self.rows {
            h
        } else {
            let copy = self.copy(&logits, true);
            let part = plan.transient(format!("{label} rows from {first}"), copy.destination_len);
            plan.launch(label, copy, &[h, part])?;
            part
        };
        let len = self.architectures as usize * logits.chunk as usize * self.classes as usize;
        let product = plan.transient(format!("{label} logits from {first}"), len);
        plan.launch(label, self.product(logits.chunk), &[part, table, product])?;
        Ok((Part { logits, h: part }, product))
    }

    /// Appends the launches of loss and normaliser.
    ///
    /// # Errors
    /// As [`LinearCrossEntropy::validate`], and where an operand does not fit.
    pub fn push(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        [h, table, labels]: [Operand; 3],
        [loss, normaliser]: [Operand; 2],
    ) -> Result<()> {
        self.validate()?;
        for first in (0..self.rows).step_by(self.chunk as usize) {
            let (part, logits) = self.part(plan, label, first, h, table)?;
            plan.launch(label, LogitLoss(part.logits), &[logits, labels, loss, normaliser])?;
        }
        Ok(())
    }

    /// Appends the launches of the gradients `dh` `[A, rows, width]` and `dtable` `[A, classes, width]`, those that are asked for; `g`
    /// `[A, rows]` is the gradient of the loss.
    ///
    /// # Errors
    /// As [`LinearCrossEntropy::push`].
    pub fn push_gradient(
        &self,
        plan: &mut PlanBuilder<'_>,
        label: &str,
        [h, table, labels, normaliser, g]: [Operand; 5],
        dh: Option<Operand>,
        dtable: Option<Operand>,
    ) -> Result<()> {
        self.validate()?;
        for first in (0..self.rows).step_by(self.chunk as usize) {
            let (part, logits) = self.part(plan, label, first, h, table)?;
            let chunk = part.logits.chunk;
            plan.launch(label, LogitGradient(part.logits), &[labels, normaliser, g, logits])?;
            match dtable {
                Some(dtable) if first == 0 => {
                    plan.launch(label, self.first_table_gradient(chunk), &[logits, part.h, dtable])?;
                }
                Some(dtable) => plan.launch(label, self.table_gradient(chunk), &[logits, part.h, dtable])?,
                None => {}
            }
            match dh {
                Some(dh) if chunk == self.rows => {
                    plan.launch(label, self.product_gradient(chunk), &[logits, table, dh])?;
                }
                Some(dh) => {
                    let copy = self.copy(&part.logits, false);
                    let product = plan.transient(format!("{label} gradient from {first}"), copy.source_len);
                    plan.launch(label, self.product_gradient(chunk), &[logits, table, product])?;
                    plan.launch(label, copy, &[product, dh])?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::LinearCrossEntropy;

    #[test]
    fn chunks_fill_their_bytes_evenly() {
        for (rows, classes, bytes, chunk) in
            [(1, 1, 0, 1), (100, 10, 1 << 20, 100), (2048, 50_304, 16 << 20, 82), (7, 100, 1200, 3), (7, 100, 1, 1)]
        {
            assert_eq!(LinearCrossEntropy::default_chunk(rows, classes, bytes), chunk, "{rows} rows of {classes}");
        }
    }
}
