//! Matrix products.

use parnas_kernels::ops::{Bias, Function, Matmul, UnaryGradient};

use crate::graph::{Graph, Result, Tensor};

/// How [`Graph::matmul_with`] reads its operands and what follows the product.
#[derive(Debug, Clone, Copy, Default)]
pub struct MatmulOptions {
    /// `a` is stored `[.., k, m]`.
    pub transpose_a: bool,
    /// `b` is stored `[.., n, k]`.
    pub transpose_b: bool,
    /// A bias `[n]`, or `[batch, n]`, or shared by the architectures of the batch axis.
    pub bias: Option<Tensor>,
    /// Whether the result is `max(., 0)`.
    pub relu: bool,
}

impl Graph {
    /// `a b`: `[batch, m, k] x [batch, k, n] -> [batch, m, n]`. See [`Graph::matmul_with`].
    ///
    /// # Errors
    /// As there.
    pub fn matmul(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.matmul_with(a, b, MatmulOptions::default())
    }

    /// The batched matrix product with its options. An operand may have two axes, or a batch of 1: then every matrix of
    /// the other meets it. A shared operand ([`Graph::share`]) keeps its gradient apart for each architecture.
    ///
    /// # Errors
    /// Where the inner extents or the batches differ, or the bias does not fit.
    pub fn matmul_with(&mut self, a: Tensor, b: Tensor, options: MatmulOptions) -> Result<Tensor> {
        let (shape_a, shape_b) = (self.shape(a).to_vec(), self.shape(b).to_vec());
        let dims = |shape: &[usize], transpose: bool| match *shape {
            [rows, columns] => Some((1, if transpose { (columns, rows) } else { (rows, columns) })),
            [batch, rows, columns] => Some((batch, if transpose { (columns, rows) } else { (rows, columns) })),
            _ => None,
        };
        let (Some((batch_a, (m, k))), Some((batch_b, (other_k, n)))) =
            (dims(&shape_a, options.transpose_a), dims(&shape_b, options.transpose_b))
        else {
            return Err(self.shape_error("matmul", "both have two or three axes", &[a, b]));
        };
        let batch = batch_a.max(batch_b);
        if k != other_k || ![1, batch].contains(&batch_a) || ![1, batch].contains(&batch_b) {
            return Err(self.shape_error("matmul", "the inner extents are equal, the batches too or 1", &[a, b]));
        }
        let mut inputs = vec![a, b];
        let bias = match options.bias {
            None => Bias::None,
            Some(bias) => {
                inputs.push(bias);
                let shape = self.shape(bias);
                if shape == [n] || (shape == [batch, n] && self.is_shared(bias)) {
                    Bias::Shared
                } else if shape == [batch, n] {
                    Bias::PerBatch
                } else {
                    return Err(self.shape_error(
                        "matmul",
                        format!("the bias is [{n}] or [{batch}, {n}]"),
                        &[a, b, bias],
                    ));
                }
            }
        };
        let kernel = Matmul {
            batch: batch as u32,
            m: m as u32,
            n: n as u32,
            k: k as u32,
            transpose_a: options.transpose_a,
            transpose_b: options.transpose_b,
            broadcast_a: batch > 1 && (batch_a == 1 || self.is_shared(a)),
            broadcast_b: batch > 1 && (batch_b == 1 || self.is_shared(b)),
            bias,
            relu: options.relu,
        };
        let shape = if shape_a.len() == 2 && shape_b.len() == 2 { vec![m, n] } else { vec![batch, m, n] };
        let y = self.kernel(kernel, &inputs, shape);
        self.differentiate(move |graph, upstream| {
            let Some(mut g) = upstream.outputs[0] else { return Ok(vec![None; upstream.wanted.len()]) };
            if options.relu {
                // relu'(its input) is 1 exactly where its output is positive.
                let shape = graph.shape(y).to_vec();
                g = graph.kernel(UnaryGradient { function: Function::Relu, len: graph.len(y) }, &[y, g], shape);
            }
            let g = graph.reshape(g, &[batch, m, n])?;
            let mut gradients = vec![None; upstream.wanted.len()];
            let product = |graph: &mut Graph, a, b, transpose_a, transpose_b| {
                graph.matmul_with(a, b, MatmulOptions { transpose_a, transpose_b, ..MatmulOptions::default() })
            };
            if upstream.wanted[0] {
                let full = match options.transpose_a {
                    false => product(graph, g, b, false, !options.transpose_b)?,
                    true => product(graph, b, g, options.transpose_b, true)?,
                };
                gradients[0] = Some(graph.sum_batch(full, &shape_a)?);
            }
            if upstream.wanted[1] {
                let full = match options.transpose_b {
                    false => product(graph, a, g, !options.transpose_a, false)?,
                    true => product(graph, g, a, true, options.transpose_a)?,
                };
                gradients[1] = Some(graph.sum_batch(full, &shape_b)?);
            }
            if let (Some(bias), Some(true)) = (options.bias, upstream.wanted.get(2)) {
                let shape = graph.shape(bias).to_vec();
                let rows = if shape.len() == 1 { [1, batch * m, n] } else { [batch, m, n] };
                let rows = graph.reshape(g, &rows)?;
                let sum = graph.sum(rows, 1)?;
                gradients[2] = Some(graph.reshape(sum, &shape)?);
            }
            Ok(gradients)
        });
        Ok(y)
    }

    /// Sums a batch of matrices where the operand was one matrix.
    fn sum_batch(&mut self, full: Tensor, target: &[usize]) -> Result<Tensor> {
        let elements: usize = target.iter().product();
        let full = if self.len(full) == elements { full } else { self.sum(full, 0)? };
        self.reshape(full, target)
    }
}
