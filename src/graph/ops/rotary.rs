//! Rotary positions of queries and keys.

use parnas_kernels::ops::Rotary as Rotation;

use crate::graph::{Graph, Result, Tensor};

/// What a rotation by position is beside its input.
#[derive(Debug, Clone, Copy)]
pub struct Rotary {
    /// Heads of a row, one after another.
    pub heads: usize,
    /// Cosines and sines `[positions, pairs, 2]` ([`parnas_kernels::ops::Rotary::table`]); the first `2 * pairs` channels of each head are
    /// rotated.
    pub table: Tensor,
    /// The position of the first row.
    pub start: usize,
    /// A whole number `[1]` that is added to the start on the device, so that one plan serves every step of decoding.
    pub read_start: Option<Tensor>,
}

impl Graph {
    /// Rotates queries or keys `x` `[A, N, T, H * D]` by their positions `start + t`, see [`parnas_kernels::ops::Rotary`].
    ///
    /// # Errors
    /// Where the shapes do not fit, or the positions are not within the table.
    pub fn rotary(&mut self, x: Tensor, options: Rotary) -> Result<Tensor> {
        let (&[a, n, t, width], &[positions, half, 2]) = (self.shape(x), self.shape(options.table)) else {
            let message = "x is [A, N, T, H * D] and the table [positions, pairs, 2]";
            return Err(self.shape_error("rotary", message, &[x, options.table]));
        };
        if options.heads == 0 || width % options.heads != 0 {
            return Err(self.shape_error("rotary", format!("it is not of {} heads", options.heads), &[x]));
        }
        if let Some(start) = options.read_start.filter(|start| self.len(*start) != 1) {
            return Err(self.shape_error("rotary", "the start is one number", &[start]));
        }
        let kernel = Rotation {
            rows: (a * n) as u32,
            length: t as u32,
            heads: options.heads as u32,
            head: (width / options.heads) as u32,
            half: half as u32,
            positions: positions as u32,
            start: options.start as u32,
            read_start: options.read_start.is_some(),
            inverse: false,
        };
        kernel.validate()?;
        let rest: Vec<Tensor> = [options.table].into_iter().chain(options.read_start).collect();
        let inputs = |first: Tensor| [&[first], &rest[..]].concat();
        let y = self.kernel(kernel.clone(), &inputs(x), vec![a, n, t, width]);
        let rest = rest.clone();
        self.differentiate(move |graph, upstream| {
            let mut gradients = vec![None; upstream.wanted.len()];
            let Some(g) = upstream.outputs[0] else { return Ok(gradients) };
            let kernel = Rotation { inverse: true, ..kernel.clone() };
            gradients[0] = Some(graph.kernel(kernel, &[&[g], &rest[..]].concat(), vec![a, n, t, width]));
            Ok(gradients)
        });
        Ok(y)
    }
}
