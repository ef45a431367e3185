//! An architecture as a graph of nodes with features: what a graph network reads.

/// How a space's architectures are written as the node features of a graph: `X = base + weights . placement`.
#[derive(Debug, Clone, PartialEq)]
pub struct CellGraph {
    /// Nodes; the last one sees all and is read out.
    pub nodes: usize,
    /// Features of a node.
    pub columns: usize,
    /// Features that do not depend on the architecture `[nodes, columns]`.
    pub base: Vec<f32>,
    /// Where each entry of the architecture weights goes `[total, nodes, columns]`.
    pub placement: Vec<f32>,
    /// What each node aggregates `[nodes, nodes]`.
    pub adjacency: Vec<f32>,
}
