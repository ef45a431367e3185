//! Rows of a table by index.

use parnas_kernels::ops::{Gather, GatherGradient};

use crate::graph::{Graph, Result, Tensor};

impl Graph {
    /// Row `indices[i]` of `table` `[entries, width]` for each `i`: `[indices] -> [indices, width]`; zeros where an index is
    /// out of range. A shared table ([`Graph::share`]), one share an index, keeps its gradient apart for each index.
    ///
    /// # Errors
    /// Where the table has not two axes, or a shared one has not as many shares as there are indices.
    pub fn gather(&mut self, table: Tensor, indices: Tensor) -> Result<Tensor> {
        let apart = self.is_shared(table);
        let rows = self.len(indices);
        let (table_rows, width) = match *self.shape(table) {
            [entries, width] if !apart => (entries, width),
            [shares, entries, width] if apart && shares == rows => (entries, width),
            _ => return Err(self.shape_error("gather", "the table is [entries, width]", &[table, indices])),
        };
        let kernel = Gather { rows: rows as u32, width: width as u32, table_rows: table_rows as u32 };
        let y = self.kernel(kernel, &[table, indices], vec![rows, width]);
        self.differentiate(move |graph, upstream| {
            let Some(g) = upstream.outputs[0] else { return Ok(vec![None, None]) };
            let shape = graph.shape(table).to_vec();
            let kernel =
                GatherGradient { rows: rows as u32, width: width as u32, table_rows: table_rows as u32, apart };
            Ok(vec![Some(graph.kernel(kernel, &[indices, g], shape)), None])
        });
        Ok(y)
    }
}
