//! Cross-entropy over a large vocabulary, its logits never stored all at once.

use parnas_kernels::ops::LinearCrossEntropy as Loss;

use crate::graph::{Graph, Result, Tensor};

/// Bytes of logits that a chunk holds for each architecture, unless its rows are given.
const CHUNK_BYTES: u64 = 16 << 20;

/// What a cross-entropy over a vocabulary is beside its tensors.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinearCrossEntropy {
    /// The part of the target that all classes share, in [0, 1].
    pub smoothing: f32,
    /// A class that makes a label none (that of padding, say), beside those that are no class.
    pub ignored: Option<u32>,
    /// Rows of each architecture whose logits are held at once; by default as many as 16 MiB hold. It is part of what the bits
    /// of the table's gradient depend on.
    pub chunk_rows: Option<usize>,
}

impl Graph {
    /// The cross-entropy of each row of `h table^T` with its label: `h` `[A, rows, width]`, `table` `[classes, width]`, or `[A, classes, width]` and
    /// maybe shared ([`Graph::share`]): `[A, rows]`. Labels are as for [`Graph::cross_entropy`]; an ignored one makes loss and gradient 0.
    ///
    /// The gradient of a table of two axes is one table: the rows of all architectures are added in one chain, as if they were one
    /// architecture's. A shared one keeps it apart for each. See [`parnas_kernels::ops::LinearCrossEntropy`].
    ///
    /// # Errors
    /// Where the shapes do not fit, or a chunk is not between one row and all.
    pub fn linear_cross_entropy(
        &mut self,
        h: Tensor,
        table: Tensor,
        labels: Tensor,
        options: LinearCrossEntropy,
    ) -> Result<Tensor> {
        let fail =
            |graph: &Self, message: &str| Err(graph.shape_error("linear_cross_entropy", message, &[h, table, labels]));
        let &[a, rows, width] = self.shape(h) else { return fail(self, "h is [A, rows, width]") };
        let (architectures, own_rows, classes) = match *self.shape(table) {
            [classes, other] if other == width => (1, a * rows, classes),
            [shares, classes, other] if shares == a && other == width => (a, rows, classes),
            _ => return fail(self, "the table is [classes, width] or [A, classes, width]"),
        };
        let label_rows = self.len(labels);
        if label_rows == 0 || (a * rows) % label_rows != 0 {
            return fail(self, "the rows are a multiple of the labels");
        }
        let chunk = match options.chunk_rows {
            None => Loss::default_chunk(own_rows as u32, classes as u32, CHUNK_BYTES),
            Some(chunk) if (1..=own_rows).contains(&chunk) => chunk as u32,
            Some(_) => return fail(self, "a chunk is between one row and all"),
        };
        let loss = Loss {
            architectures: architectures as u32,
            rows: own_rows as u32,
            width: width as u32,
            classes: classes as u32,
            label_rows: label_rows as u32,
            ignored: options.ignored,
            smoothing: options.smoothing,
            shared_table: self.is_shared(table) || architectures == 1,
            chunk,
        };
        loss.validate()?;
        let shapes = vec![vec![a, rows], vec![a, rows, 2]];
        let outputs = self.push_outputs(
            "linear_cross_entropy",
            &[h, table, labels],
            shapes,
            move |plan, label, inputs, outputs| {
                loss.push(plan, label, [inputs[0], inputs[1], inputs[2]], [outputs[0], outputs[1]])
            },
        );
        let (y, normaliser) = (outputs[0], outputs[1]);
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; 3];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            let wanted: Vec<usize> = (0..2).filter(|input| upstream.wanted[*input]).collect();
            let shapes = wanted.iter().map(|input| graph.shape([h, table][*input]).to_vec()).collect();
            let inputs = [h, table, labels, normaliser, g];
            let [of_h, of_table] = [0, 1].map(|input| wanted.iter().position(|wanted| *wanted == input));
            let outputs = graph.push_outputs(
                "linear_cross_entropy_gradient",
                &inputs,
                shapes,
                move |plan, label, inputs, outputs| {
                    let inputs = std::array::from_fn(|input| inputs[input]);
                    let [dh, dtable] = [of_h, of_table].map(|place| place.map(|place| outputs[place]));
                    loss.push_gradient(plan, label, inputs, dh, dtable)
                },
            );
            for (input, output) in wanted.into_iter().zip(outputs) {
                gradients[input] = Some(output);
            }
            Ok(gradients)
        });
        Ok(y)
    }
}
