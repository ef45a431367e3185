//! The weight-sharing network of NAS-Bench-201: every cell holds the weights of all operations on its six edges.

use parnas_kernels::ops::Unselected;

use super::{EDGES, NasBench201Config};
use crate::graph::{Graph, MixedOptions, Persistent, Result, Store, Tensor};
use crate::nn::{
    Classifier, EPSILON, Normalisation, Residual, Shared, Stem, Supernet, WeightSharing, convolution_weight,
};

/// Nodes of a cell.
const NODES: usize = 4;
/// Choices of an edge.
const CHOICES: usize = 5;

/// The convolutions of one cell, one an edge.
#[derive(Debug, Clone)]
struct Cell {
    conv3: Vec<Persistent>,
    /// Empty where the 1x1 convolution is the centre tap of the 3x3 one.
    conv1: Vec<Persistent>,
}

/// The supernet: a stem, three stages of cells with a residual block between two, and a classifier.
///
/// Cells have no affine normalisation parameters and no convolution bias: before a normalisation by batch statistics a bias
/// has neither effect nor gradient.
#[derive(Debug, Clone)]
pub struct NasBench201Supernet {
    stem: Stem,
    stages: Vec<Vec<Cell>>,
    residuals: Vec<Residual>,
    classifier: Classifier,
}

impl NasBench201Supernet {
    /// Fresh weights. `entangled`: the 1x1 convolution of an edge is the centre tap of its 3x3 convolution.
    pub fn new(store: &mut Store, config: &NasBench201Config, entangled: bool) -> Self {
        let channels = config.channels as usize;
        let stem = Stem::new(store, "stem", config.image_channels as usize, channels);
        let mut stages = Vec::new();
        let mut residuals = Vec::new();
        for stage in 0..3 {
            let width = channels << stage;
            if stage > 0 {
                residuals.push(Residual::new(store, &format!("residual{stage}"), width / 2, width));
            }
            let cells = (0..config.cells_per_stage).map(|cell| {
                let mut edges = |kernel: usize| -> Vec<Persistent> {
                    EDGES
                        .iter()
                        .map(|(to, from)| {
                            let name = format!("stage{stage}.cell{cell}.edge{to}<-{from}.conv{kernel}x{kernel}");
                            convolution_weight(store, &name, width, width, kernel)
                        })
                        .collect()
                };
                Cell { conv3: edges(3), conv1: if entangled { Vec::new() } else { edges(1) } }
            });
            stages.push(cells.collect());
        }
        let classifier = Classifier::new(store, "classifier", channels << 2, config.classes as usize);
        Self { stem, stages, residuals, classifier }
    }
}

impl Supernet for NasBench201Supernet {
    fn trunk_parameters(&self) -> Vec<Persistent> {
        self.stem.parameters()
    }

    fn body_parameters(&self) -> Vec<Persistent> {
        let cells = self.stages.iter().flatten().flat_map(|cell| cell.conv3.iter().chain(&cell.conv1).cloned());
        cells
            .chain(self.residuals.iter().flat_map(WeightSharing::parameters))
            .chain(self.classifier.parameters())
            .collect()
    }

    fn trunk(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        images: Tensor,
        norm: &mut Normalisation<'_>,
    ) -> Result<Tensor> {
        graph.scoped("stem", |graph| self.stem.apply(graph, shared, images, norm))
    }

    fn body(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        weights: Tensor,
        unselected: Unselected,
        norm: &mut Normalisation<'_>,
    ) -> Result<Tensor> {
        let edges = (0..EDGES.len())
            .map(|edge| graph.slice(weights, 1, edge * CHOICES, CHOICES))
            .collect::<Result<Vec<Tensor>>>()?;
        let mut x = x;
        for (stage, cells) in self.stages.iter().enumerate() {
            if stage > 0 {
                x = graph.scoped(format!("residual{stage}"), |graph| {
                    self.residuals[stage - 1].apply(graph, shared, x, norm)
                })?;
            }
            for (place, cell) in cells.iter().enumerate() {
                x = graph.scoped(format!("stage{stage} cell{place}"), |graph| {
                    cell.apply(graph, shared, x, &edges, unselected, norm)
                })?;
            }
        }
        graph.scoped("classifier", |graph| self.classifier.apply(graph, shared, x, norm))
    }
}

impl Cell {
    fn apply(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        weights: &[Tensor],
        unselected: Unselected,
        norm: &mut Normalisation<'_>,
    ) -> Result<Tensor> {
        let mut nodes = vec![x];
        for node in 1..NODES {
            let mut sum = None;
            for (edge, (_, from)) in EDGES.iter().enumerate().filter(|(_, (to, _))| *to == node) {
                let &[a, _, c, _, _] = graph.shape(x) else { unreachable!("the mixed edge checks its input") };
                let statistics = norm.next(graph, &[2, a, c, 2]);
                let options = MixedOptions { epsilon: EPSILON, unselected, statistics };
                let conv3 = shared.get(&self.conv3[edge]);
                let conv1 = self.conv1.get(edge).map(|conv1| shared.get(conv1));
                let (y, statistics) = graph.scoped(format!("edge{node}<-{from}"), |graph| {
                    graph.mixed_edge(nodes[*from], weights[edge], conv3, conv1, sum, options)
                })?;
                norm.used(graph, statistics)?;
                sum = Some(y);
            }
            nodes.extend(sum);
        }
        Ok(nodes[NODES - 1])
    }
}
