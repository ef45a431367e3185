//! Reductions along an axis, as fixed trees, and sums in order.

use parnas_kernels::ops::{FoldRows, Reduce, ReduceKind, RowLayout};

use super::shape::around;
use crate::graph::{Graph, Result, Tensor};

impl Graph {
    fn reduce(&mut self, kind: ReduceKind, x: Tensor, axis: usize, scale: f32) -> Result<Tensor> {
        let shape = self.shape(x).to_vec();
        if axis >= shape.len() {
            return Err(self.shape_error("reduce", format!("there is no axis {axis}"), &[x]));
        }
        let (outer, extent, inner) = around(&shape, axis);
        let mut reduced = shape;
        reduced.remove(axis);
        let kernel = Reduce { kind, outer: outer as u32, axis: extent as u32, inner: inner as u32, scale };
        Ok(self.kernel(kernel, &[x], reduced))
    }

    /// The sum along an axis, which disappears.
    ///
    /// # Errors
    /// Where there is no such axis.
    pub fn sum(&mut self, x: Tensor, axis: usize) -> Result<Tensor> {
        self.scaled_sum(x, axis, 1.0)
    }

    /// The mean along an axis, which disappears.
    ///
    /// # Errors
    /// Where there is no such axis.
    pub fn mean(&mut self, x: Tensor, axis: usize) -> Result<Tensor> {
        let extent = self.shape(x).get(axis).copied().unwrap_or(1);
        self.scaled_sum(x, axis, 1.0 / extent as f32)
    }

    fn scaled_sum(&mut self, x: Tensor, axis: usize, scale: f32) -> Result<Tensor> {
        let y = self.reduce(ReduceKind::Sum, x, axis, scale)?;
        self.differentiate_unary(move |graph, gradient| {
            let mut kept = graph.shape(x).to_vec();
            let extent = std::mem::replace(&mut kept[axis], 1);
            let mut gradient = graph.reshape(gradient, &kept)?;
            if scale != 1.0 {
                gradient = graph.affine(gradient, scale, 0.0)?;
            }
            graph.repeat(gradient, axis, extent)
        });
        Ok(y)
    }

    /// The largest along an axis, which disappears. It has no gradient.
    ///
    /// # Errors
    /// Where there is no such axis.
    pub fn largest(&mut self, x: Tensor, axis: usize) -> Result<Tensor> {
        self.reduce(ReduceKind::Maximum, x, axis, 1.0)
    }

    /// The smallest along an axis, which disappears. It has no gradient.
    ///
    /// # Errors
    /// Where there is no such axis.
    pub fn smallest(&mut self, x: Tensor, axis: usize) -> Result<Tensor> {
        self.reduce(ReduceKind::Minimum, x, axis, 1.0)
    }

    /// `initial + scale x[0] + scale x[1] + …`, strictly in this order: `[rows, ...] -> [...]`. Folding rows in several
    /// calls, each from the last one's result, gives the same bits. It has no gradient with respect to `initial`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn fold(&mut self, initial: Option<Tensor>, x: Tensor, scale: f32) -> Result<Tensor> {
        let shape = self.shape(x).to_vec();
        let Some((rows, rest)) = shape.split_first() else {
            return Err(self.shape_error("fold", "it has an axis of rows", &[x]));
        };
        if let Some(initial) = initial.filter(|initial| self.shape(*initial) != rest) {
            return Err(self.shape_error("fold", "the initial value has the shape of a row", &[initial, x]));
        }
        let (rows, len) = (*rows as u32, rest.iter().product());
        let layout = RowLayout::rows_of(len);
        let kernel = FoldRows { rows, len, scale, initial: initial.is_some(), second: false, layout };
        let inputs: Vec<Tensor> = initial.into_iter().chain([x]).collect();
        Ok(self.kernel(kernel, &inputs, rest.to_vec()))
    }
}
