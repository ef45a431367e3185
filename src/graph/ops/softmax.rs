//! Softmax, cross-entropy and the count of correct answers, along the last axis.

use parnas_kernels::ops::{Correct, CrossEntropy, CrossEntropyGradient, Softmax, SoftmaxGradient};

use crate::graph::{Graph, Result, Tensor};

impl Graph {
    fn rows(&self, operation: &'static str, x: Tensor) -> Result<(u32, u32)> {
        match self.shape(x).last() {
            Some(width) if *width > 0 => Ok(((self.len(x) / width) as u32, *width as u32)),
            _ => Err(self.shape_error(operation, "it has a last axis", &[x])),
        }
    }

    /// The softmax along the last axis, or its logarithm.
    ///
    /// # Errors
    /// Where there is no axis.
    pub fn softmax(&mut self, x: Tensor, logarithm: bool) -> Result<Tensor> {
        let (rows, width) = self.rows("softmax", x)?;
        let shape = self.shape(x).to_vec();
        let y = self.kernel(Softmax { rows, width, logarithm }, &[x], shape);
        self.differentiate_unary(move |graph, gradient| {
            let shape = graph.shape(y).to_vec();
            Ok(graph.kernel(SoftmaxGradient { rows, width, logarithm }, &[y, gradient], shape))
        });
        Ok(y)
    }

    /// The cross-entropy of each row of `logits` `[.., classes]` with its label, smoothed: `[..]`. There may be fewer labels
    /// than rows: row `r` has label `r mod labels`, so that architectures share one batch's labels.
    ///
    /// # Errors
    /// Where the rows are no multiple of the labels.
    pub fn cross_entropy(&mut self, logits: Tensor, labels: Tensor, smoothing: f32) -> Result<Tensor> {
        let (rows, classes, label_rows, shape) = self.labelled("cross_entropy", logits, labels)?;
        let y = self.kernel(CrossEntropy { rows, classes, label_rows, smoothing }, &[logits, labels], shape);
        self.differentiate(move |graph, upstream| {
            let Some(g) = upstream.outputs[0] else { return Ok(vec![None, None]) };
            let shape = graph.shape(logits).to_vec();
            let kernel = CrossEntropyGradient { rows, classes, label_rows, smoothing };
            Ok(vec![Some(graph.kernel(kernel, &[logits, labels, g], shape)), None])
        });
        Ok(y)
    }

    /// 1 for each row of `logits` whose first largest entry is its label, else 0. See [`Graph::cross_entropy`].
    ///
    /// # Errors
    /// As there.
    pub fn correct(&mut self, logits: Tensor, labels: Tensor) -> Result<Tensor> {
        let (rows, classes, label_rows, shape) = self.labelled("correct", logits, labels)?;
        Ok(self.kernel(Correct { rows, classes, label_rows }, &[logits, labels], shape))
    }

    fn labelled(&self, operation: &'static str, logits: Tensor, labels: Tensor) -> Result<(u32, u32, u32, Vec<usize>)> {
        let (rows, classes) = self.rows(operation, logits)?;
        let label_rows = self.len(labels) as u32;
        if label_rows == 0 || rows % label_rows != 0 {
            return Err(self.shape_error(operation, "the rows are a multiple of the labels", &[logits, labels]));
        }
        let shape = self.shape(logits);
        Ok((rows, classes, label_rows, shape[..shape.len() - 1].to_vec()))
    }
}
