//! Multiple-gradient descent: the combination of gradients of least norm (Sener and Koltun's Frank-Wolfe).

use parnas_kernels::ops::{Gram, MinNorm};

use crate::graph::{Graph, Result, Tensor};

/// The least-norm combination of several gradients.
#[derive(Debug, Clone, Copy)]
pub struct Combination {
    /// What each gradient is multiplied by: its weight over its norm `[rows]`.
    pub coefficients: Tensor,
    /// The weights on the simplex `[rows]`.
    pub weights: Tensor,
    /// The squared norm of the combination `[1]`.
    pub squared_norm: Tensor,
}

impl Graph {
    /// The Gram matrix of the rows of `parts`, each `[rows, ...]`, taken as one long row each: `[rows, rows]`.
    ///
    /// # Errors
    /// Where the rows differ or there is no part.
    pub fn gram(&mut self, parts: &[Tensor]) -> Result<Tensor> {
        let rows = parts.first().and_then(|part| self.shape(*part).first().copied()).unwrap_or(0);
        if rows == 0 || parts.iter().any(|part| self.shape(*part).first() != Some(&rows)) {
            return Err(self.shape_error("gram", "all parts have the same rows", parts));
        }
        let mut gram = None;
        for part in parts {
            let kernel = Gram { rows: rows as u32, len: self.len(*part) / rows, accumulate: gram.is_some() };
            let inputs: Vec<Tensor> = [*part].into_iter().chain(gram).collect();
            gram = Some(self.push("gram", &inputs, vec![rows, rows], move |plan, label, inputs, outputs| {
                kernel.push(plan, label, inputs[0], inputs.get(1).copied(), outputs[0])
            }));
        }
        gram.ok_or_else(|| self.shape_error("gram", "there is no part", parts))
    }

    /// The weights on the simplex that make the combination of gradients with this Gram matrix least in norm, the
    /// gradients normalised first where `normalise`.
    ///
    /// # Errors
    /// Where the matrix is not square.
    pub fn min_norm(&mut self, gram: Tensor, normalise: bool) -> Result<Combination> {
        let (&[rows, columns], true) = (self.shape(gram), self.shape(gram).len() == 2) else {
            return Err(self.shape_error("min_norm", "the Gram matrix is square", &[gram]));
        };
        if rows != columns {
            return Err(self.shape_error("min_norm", "the Gram matrix is square", &[gram]));
        }
        let outputs = self.kernel_outputs(
            MinNorm { rows: rows as u32, normalise },
            &[gram],
            vec![vec![rows], vec![rows], vec![1]],
        );
        Ok(Combination { coefficients: outputs[0], weights: outputs[1], squared_norm: outputs[2] })
    }
}
