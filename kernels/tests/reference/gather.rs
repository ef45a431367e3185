//! Rows of a table by index, and the gradient of the table.

use parnas_kernels::ops::{Gather, GatherGradient};

use crate::support::Exact;

pub fn gather(kernel: &Gather, table: &[f32], indices: &[u32]) -> Vec<Exact> {
    let mut y = Vec::new();
    for index in indices {
        for j in 0..kernel.width as usize {
            let within = *index < kernel.table_rows;
            y.push(Exact::of(if within { f64::from(table[*index as usize * kernel.width as usize + j]) } else { 0.0 }));
        }
    }
    y
}

pub fn gather_gradient(kernel: &GatherGradient, indices: &[u32], g: &[f32]) -> Vec<Exact> {
    let (width, table) = (kernel.width as usize, (kernel.table_rows * kernel.width) as usize);
    let tables = if kernel.apart { kernel.rows as usize } else { 1 };
    let mut dtable = vec![Exact::default(); tables * table];
    for (r, index) in indices.iter().enumerate().filter(|(_, index)| **index < kernel.table_rows) {
        for j in 0..width {
            let own = if kernel.apart { r * table } else { 0 };
            dtable[own + *index as usize * width + j].add(f64::from(g[r * width + j]));
        }
    }
    dtable
}
