//! Tensors that are computed though nothing reads them.

use crate::graph::{Graph, Lowering, Tensor};

impl Graph {
    /// Lets a plan compute `x` though no effect needs it, without a launch of its own: for measuring an operation by itself.
    /// Where the memory of `x` lies, another tensor may lie after the launch that wrote it.
    pub fn keep(&mut self, x: Tensor) {
        self.append("keep", Lowering::View, &[x], Vec::new());
        if let Some(node) = self.nodes.last_mut() {
            node.written = vec![x];
        }
    }
}
