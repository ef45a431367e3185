//! A cell as a graph: what the metapredictor of HELP (Lee et al., NeurIPS 2021) reads.

use super::{EDGES, Operation};
use crate::nn::CellGraph;

/// The cell's input, its six edges, its output, and a node that sees all.
const NODES: usize = 9;
const INPUT: usize = 0;
/// The node of edge 0.
const FIRST_EDGE: usize = 1;
const OUTPUT: usize = 7;
const GLOBAL: usize = 8;

/// One feature for each kind of node.
const COLUMNS: usize = 8;

/// The feature of a node that is this operation, in the published order (it sorts the operations' names).
fn column(operation: Operation) -> usize {
    match operation {
        Operation::AveragePool3x3 => 1,
        Operation::Convolution1x1 => 2,
        Operation::Convolution3x3 => 3,
        Operation::None => 4,
        Operation::SkipConnect => 5,
    }
}

/// The graph of a cell, an operation a node: 9 nodes of 8 features, from 30 architecture weights.
///
/// A node aggregates itself and its predecessors, without division by their number; the last node aggregates all. An edge
/// of `none` keeps its place (MODNAS' public code, after HELP).
pub fn cell_graph() -> CellGraph {
    let mut base = vec![0.0; NODES * COLUMNS];
    for (node, column) in [(INPUT, 0), (OUTPUT, 6), (GLOBAL, 7)] {
        base[node * COLUMNS + column] = 1.0;
    }
    let choices = Operation::ALL.len();
    let mut placement = vec![0.0; EDGES.len() * choices * NODES * COLUMNS];
    for edge in 0..EDGES.len() {
        for (choice, operation) in Operation::ALL.into_iter().enumerate() {
            let entry = edge * choices + choice;
            placement[(entry * NODES + FIRST_EDGE + edge) * COLUMNS + column(operation)] = 1.0;
        }
    }
    let mut adjacency = vec![0.0; NODES * NODES];
    let mut sees = |node: usize, other: usize| adjacency[node * NODES + other] = 1.0;
    for node in 0..NODES {
        sees(node, node);
        sees(GLOBAL, node);
    }
    for (edge, (to, from)) in EDGES.into_iter().enumerate() {
        if from == 0 {
            sees(FIRST_EDGE + edge, INPUT);
        }
        if to == 3 {
            sees(OUTPUT, FIRST_EDGE + edge);
        }
        for (before, _) in EDGES.into_iter().enumerate().filter(|(_, (other, _))| *other == from) {
            sees(FIRST_EDGE + edge, FIRST_EDGE + before);
        }
    }
    CellGraph { nodes: NODES, columns: COLUMNS, base, placement, adjacency }
}
