//! Functions of one or two numbers, element by element, with broadcasting.

use parnas_kernels::ops::{Binary, BinaryOperation, Function, Unary, UnaryGradient};

use crate::graph::{Graph, Result, Tensor};

impl Graph {
    /// `f(x)`, element by element.
    ///
    /// # Errors
    /// None today.
    pub fn unary(&mut self, function: Function, x: Tensor) -> Result<Tensor> {
        let (shape, len) = (self.shape(x).to_vec(), self.len(x));
        let y = self.kernel(Unary { function, len }, &[x], shape);
        self.differentiate_unary(move |graph, gradient| {
            let shape = graph.shape(x).to_vec();
            Ok(graph.kernel(UnaryGradient { function, len }, &[x, gradient], shape))
        });
        Ok(y)
    }

    /// `scale * x + shift`.
    ///
    /// # Errors
    /// None today.
    pub fn affine(&mut self, x: Tensor, scale: f32, shift: f32) -> Result<Tensor> {
        self.unary(Function::Affine { scale, shift }, x)
    }

    /// `max(x, 0)`.
    ///
    /// # Errors
    /// None today.
    pub fn relu(&mut self, x: Tensor) -> Result<Tensor> {
        self.unary(Function::Relu, x)
    }

    /// `a op b` with the broadcasting rule of NumPy, up to four axes.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn binary(&mut self, operation: BinaryOperation, a: Tensor, b: Tensor) -> Result<Tensor> {
        let (kernel, shape) = Binary::new(operation, self.shape(a), self.shape(b))
            .map_err(|error| self.shape_error("binary", error.to_string(), &[a, b]))?;
        let y = self.kernel(kernel, &[a, b], shape);
        self.differentiate(move |graph, upstream| {
            let Some(g) = upstream.outputs[0] else { return Ok(vec![None, None]) };
            let mut gradients = vec![None, None];
            for side in 0..2 {
                if !upstream.wanted[side] {
                    continue;
                }
                let full = graph.binary_gradient(operation, side, a, b, y, g)?;
                let target = graph.shape([a, b][side]).to_vec();
                gradients[side] = Some(graph.sum_to(full, &target)?);
            }
            Ok(gradients)
        });
        Ok(y)
    }

    /// The gradient of `a op b` with respect to one side, before it is summed over broadcast axes.
    fn binary_gradient(
        &mut self,
        operation: BinaryOperation,
        side: usize,
        a: Tensor,
        b: Tensor,
        y: Tensor,
        g: Tensor,
    ) -> Result<Tensor> {
        match (operation, side) {
            (BinaryOperation::Add, _) | (BinaryOperation::Subtract, 0) => Ok(g),
            (BinaryOperation::Subtract, _) => self.affine(g, -1.0, 0.0),
            (BinaryOperation::Multiply, 0) | (BinaryOperation::Divide, 0) => self.binary(operation, g, b),
            (BinaryOperation::Multiply, _) => self.multiply(g, a),
            (BinaryOperation::Divide, _) => {
                // d(a/b)/db = -y/b.
                let quotient = self.divide(y, b)?;
                let product = self.multiply(g, quotient)?;
                self.affine(product, -1.0, 0.0)
            }
            (BinaryOperation::Maximum | BinaryOperation::Minimum, _) => {
                // The gradient goes to the side that was taken; at a tie to the second.
                let first = if operation == BinaryOperation::Maximum {
                    self.binary(BinaryOperation::GreaterThan, a, b)?
                } else {
                    self.binary(BinaryOperation::GreaterThan, b, a)?
                };
                let mask = if side == 0 { first } else { self.affine(first, -1.0, 1.0)? };
                self.multiply(g, mask)
            }
            (BinaryOperation::GreaterThan, _) => self.affine(g, 0.0, 0.0),
        }
    }

    /// `a + b`.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn add(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.binary(BinaryOperation::Add, a, b)
    }

    /// `a - b`.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn subtract(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.binary(BinaryOperation::Subtract, a, b)
    }

    /// `a * b`.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn multiply(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.binary(BinaryOperation::Multiply, a, b)
    }

    /// `a / b`.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn divide(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.binary(BinaryOperation::Divide, a, b)
    }

    /// The larger of `a` and `b`.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn maximum(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.binary(BinaryOperation::Maximum, a, b)
    }

    /// The smaller of `a` and `b`.
    ///
    /// # Errors
    /// Where the shapes do not broadcast.
    pub fn minimum(&mut self, a: Tensor, b: Tensor) -> Result<Tensor> {
        self.binary(BinaryOperation::Minimum, a, b)
    }

    /// Sums `x` over the axes along which a tensor of shape `target` was broadcast to it.
    pub(super) fn sum_to(&mut self, x: Tensor, target: &[usize]) -> Result<Tensor> {
        if self.shape(x) == target {
            return Ok(x);
        }
        let mut padded = vec![1; self.shape(x).len().saturating_sub(target.len())];
        padded.extend_from_slice(target);
        let mut sum = x;
        for axis in 0..padded.len() {
            if padded[axis] == 1 && self.shape(sum)[axis] > 1 {
                let mut kept = self.shape(sum).to_vec();
                kept[axis] = 1;
                let reduced = self.sum(sum, axis)?;
                sum = self.reshape(reduced, &kept)?;
            }
        }
        self.reshape(sum, target)
    }
}
