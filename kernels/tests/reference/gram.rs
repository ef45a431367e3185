//! Inner products of all pairs of rows.

use crate::support::Exact;

pub fn gram(g: &[f32], rows: usize) -> Vec<Exact> {
    let len = g.len() / rows;
    let mut matrix = vec![Exact::default(); rows * rows];
    for i in 0..rows {
        for j in 0..rows {
            for k in 0..len {
                matrix[i * rows + j].add(f64::from(g[i * len + k]) * f64::from(g[j * len + k]));
            }
        }
    }
    matrix
}
