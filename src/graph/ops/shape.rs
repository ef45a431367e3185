//! Views, slices and concatenation.

use parnas_kernels::ops::{Fill, StridedCopy};

use crate::graph::{Graph, Persistent, Result, Tensor};

/// The elements before, along and after an axis.
pub(super) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

impl Graph {
    /// The same elements under another shape, without a copy.
    ///
    /// # Errors
    /// Where the number of elements differs.
    pub fn reshape(&mut self, x: Tensor, shape: &[usize]) -> Result<Tensor> {
        if self.shape(x) == shape {
            return Ok(x);
        }
        // What one architecture has to itself is like any other tensor.
        let shared = self.is_shared(x) && self.shape(x)[0] != 1;
        if self.len(x) != shape.iter().product::<usize>() || shared {
            return Err(self.shape_error("reshape", format!("it does not fit {shape:?}"), &[x]));
        }
        let y = self.view("reshape", x, shape.to_vec(), false);
        self.differentiate_unary(move |graph, gradient| {
            let shape = graph.shape(x).to_vec();
            graph.reshape(gradient, &shape)
        });
        Ok(y)
    }

    /// One tensor that `architectures` share: `[...] -> [architectures, ...]`, without a copy.
    ///
    /// Operations with an architecture axis take it as weights. Its gradient is kept apart for each architecture; the
    /// gradient of `x` is their sum in the order of the architectures ([`Graph::fold`]).
    ///
    /// # Errors
    /// Where there is no architecture.
    pub fn share(&mut self, x: Tensor, architectures: usize) -> Result<Tensor> {
        if architectures == 0 || self.is_shared(x) {
            return Err(self.shape_error("share", format!("{architectures} architectures cannot share it"), &[x]));
        }
        let shape = [&[architectures], self.shape(x)].concat();
        let y = self.view("share", x, shape, true);
        self.differentiate_unary(move |graph, gradient| graph.fold(None, gradient, 1.0));
        Ok(y)
    }

    /// `len` entries from `start` along `axis`, copied.
    ///
    /// # Errors
    /// Where the range is not within the axis.
    pub fn slice(&mut self, x: Tensor, axis: usize, start: usize, len: usize) -> Result<Tensor> {
        let shape = self.shape(x).to_vec();
        if axis >= shape.len() || len == 0 || start + len > shape[axis] {
            return Err(self.shape_error(
                "slice",
                format!("{start}..{} of axis {axis} is not within it", start + len),
                &[x],
            ));
        }
        let (outer, extent, inner) = around(&shape, axis);
        let mut sliced = shape.clone();
        sliced[axis] = len;
        let kernel = StridedCopy {
            shape: [1, 1, outer as u32, (len * inner) as u32],
            source_strides: [0, 0, (extent * inner) as u32, 1],
            source_offset: (start * inner) as u32,
            destination_strides: [0, 0, (len * inner) as u32, 1],
            destination_offset: 0,
            source_len: outer * extent * inner,
            destination_len: outer * len * inner,
        };
        let y = self.kernel(kernel, &[x], sliced);
        self.differentiate_unary(move |graph, gradient| graph.place(&[(gradient, start)], axis, extent, len != extent));
        Ok(y)
    }

    /// The tensors one after another along `axis`.
    ///
    /// # Errors
    /// Where there is none, or their other extents differ.
    pub fn concat(&mut self, parts: &[Tensor], axis: usize) -> Result<Tensor> {
        let Some(first) = parts.first() else {
            return Err(self.shape_error("concat", "there is nothing to concatenate", &[]));
        };
        let shape = self.shape(*first).to_vec();
        let fits = |graph: &Graph, part: Tensor| {
            let other = graph.shape(part);
            other.len() == shape.len()
                && axis < shape.len()
                && (0..shape.len()).all(|i| i == axis || other[i] == shape[i])
        };
        if !parts.iter().all(|part| fits(self, *part)) {
            return Err(self.shape_error("concat", format!("all extents but those of axis {axis} are equal"), parts));
        }
        if parts.len() == 1 {
            return Ok(*first);
        }
        let mut total = 0;
        let mut placed = Vec::new();
        for part in parts {
            placed.push((*part, total));
            total += self.shape(*part)[axis];
        }
        self.place(&placed, axis, total, false)
    }

    /// A tensor of `extent` along `axis` that holds each part from its start on; elsewhere zeros where `fill`.
    fn place(&mut self, parts: &[(Tensor, usize)], axis: usize, extent: usize, fill: bool) -> Result<Tensor> {
        let mut shape = self.shape(parts[0].0).to_vec();
        shape[axis] = extent;
        let (outer, _, inner) = around(&shape, axis);
        let destination_len = outer * extent * inner;
        let copies: Vec<StridedCopy> = parts
            .iter()
            .map(|(part, start)| {
                let len = self.shape(*part)[axis];
                StridedCopy {
                    shape: [1, 1, outer as u32, (len * inner) as u32],
                    source_strides: [0, 0, (len * inner) as u32, 1],
                    source_offset: 0,
                    destination_strides: [0, 0, (extent * inner) as u32, 1],
                    destination_offset: (start * inner) as u32,
                    source_len: outer * len * inner,
                    destination_len,
                }
            })
            .collect();
        let tensors: Vec<Tensor> = parts.iter().map(|(part, _)| *part).collect();
        let y = self.push("concat", &tensors, shape, move |plan, label, inputs, outputs| {
            if fill {
                plan.launch(label, Fill { len: destination_len, value: 0.0 }, &[outputs[0]])?;
            }
            for (copy, input) in copies.iter().zip(inputs) {
                plan.launch(label, copy.clone(), &[*input, outputs[0]])?;
            }
            Ok(())
        });
        let parts = parts.to_vec();
        self.differentiate(move |graph, upstream| {
            let Some(gradient) = upstream.outputs[0] else { return Ok(vec![None; parts.len()]) };
            parts
                .iter()
                .zip(&upstream.wanted)
                .map(|((part, start), wanted)| {
                    let len = graph.shape(*part)[axis];
                    wanted.then(|| graph.slice(gradient, axis, *start, len)).transpose()
                })
                .collect()
        });
        Ok(y)
    }

    /// `x` repeated along `axis`, where its extent is 1.
    ///
    /// # Errors
    /// Where it is not 1.
    pub fn repeat(&mut self, x: Tensor, axis: usize, extent: usize) -> Result<Tensor> {
        let mut shape = self.shape(x).to_vec();
        if axis >= shape.len() || shape[axis] != 1 || extent == 0 {
            return Err(self.shape_error("repeat", format!("axis {axis} has extent 1"), &[x]));
        }
        let (outer, _, inner) = around(&shape, axis);
        shape[axis] = extent;
        let kernel = StridedCopy {
            shape: [1, outer as u32, extent as u32, inner as u32],
            source_strides: [0, inner as u32, 0, 1],
            source_offset: 0,
            destination_strides: [0, (extent * inner) as u32, inner as u32, 1],
            destination_offset: 0,
            source_len: outer * inner,
            destination_len: outer * extent * inner,
        };
        let y = self.kernel(kernel, &[x], shape);
        self.differentiate_unary(move |graph, gradient| {
            let shape = graph.shape(x).to_vec();
            let sum = graph.sum(gradient, axis)?;
            graph.reshape(sum, &shape)
        });
        Ok(y)
    }

    /// `[.., rows, columns] -> [.., columns, rows]`, copied.
    ///
    /// # Errors
    /// Where there are fewer than two axes.
    pub fn transpose(&mut self, x: Tensor) -> Result<Tensor> {
        let mut shape = self.shape(x).to_vec();
        let axes = shape.len();
        if axes < 2 {
            return Err(self.shape_error("transpose", "it has two axes or more", &[x]));
        }
        let (rows, columns) = (shape[axes - 2], shape[axes - 1]);
        let outer: usize = shape[..axes - 2].iter().product();
        shape.swap(axes - 2, axes - 1);
        let len = outer * rows * columns;
        let kernel = StridedCopy {
            shape: [1, outer as u32, columns as u32, rows as u32],
            source_strides: [0, (rows * columns) as u32, 1, columns as u32],
            source_offset: 0,
            destination_strides: [0, (rows * columns) as u32, rows as u32, 1],
            destination_offset: 0,
            source_len: len,
            destination_len: len,
        };
        let y = self.kernel(kernel, &[x], shape);
        self.differentiate_unary(move |graph, gradient| graph.transpose(gradient));
        Ok(y)
    }

    /// A tensor of one value.
    pub fn fill(&mut self, shape: &[usize], value: f32) -> Tensor {
        self.kernel(Fill { len: shape.iter().product(), value }, &[], shape.to_vec())
    }

    /// Writes `x` into a persistent tensor of as many elements.
    ///
    /// # Errors
    /// Where the number of elements differs.
    pub fn store(&mut self, x: Tensor, into: &Persistent) -> Result<()> {
        self.store_rows(x, into, 0)
    }

    /// Writes `x` into a persistent tensor from element `offset` on; the others stay as they are.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn store_rows(&mut self, x: Tensor, into: &Persistent, offset: usize) -> Result<()> {
        let target = self.input(into);
        let len = self.len(x);
        if offset + len > self.len(target) || self.is_shared(x) {
            return Err(self.shape_error(
                "store",
                format!("`{}` has no place for it from {offset} on", into.name()),
                &[x, target],
            ));
        }
        let kernel = StridedCopy {
            shape: [1, 1, 1, len as u32],
            source_strides: [0, 0, 0, 1],
            source_offset: 0,
            destination_strides: [0, 0, 0, 1],
            destination_offset: offset as u32,
            source_len: len,
            destination_len: self.len(target),
        };
        self.effect(kernel, &[x], &[target]);
        Ok(())
    }
}
