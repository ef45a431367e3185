//! One architecture of NAS-Bench-201 as a network of its own: what is measured, and what would be trained from scratch.

use parnas_kernels::ops::PoolKind;

use super::{EDGES, NasBench201, NasBench201Config, Operation};
use crate::graph::{Convolution, Graph, GraphError, Persistent, Result, Store, Tensor};
use crate::nn::{Classifier, Network, Normalisation, Residual, Shared, Stem, WeightSharing, convolution_weight};
use crate::space::{Architecture, Standalone};

/// The network of one architecture. Operations that reach no output are not computed.
#[derive(Debug, Clone)]
pub struct NasBench201Network {
    operations: [Operation; 6],
    stem: Stem,
    /// Per stage and cell, the weight of each edge that is a convolution.
    stages: Vec<Vec<[Option<Persistent>; 6]>>,
    residuals: Vec<Residual>,
    classifier: Classifier,
}

impl NasBench201Network {
    /// Fresh weights, under the names of the supernet's.
    pub fn new(store: &mut Store, config: &NasBench201Config, operations: [Operation; 6]) -> Self {
        let channels = config.channels as usize;
        let stem = Stem::new(store, "stem", config.image_channels as usize, channels);
        let mut stages = Vec::new();
        let mut residuals = Vec::new();
        for stage in 0..3 {
            let width = channels << stage;
            if stage > 0 {
                residuals.push(Residual::new(store, &format!("residual{stage}"), width / 2, width));
            }
            let mut cells = Vec::new();
            for cell in 0..config.cells_per_stage {
                cells.push(std::array::from_fn(|edge| {
                    let (to, from) = EDGES[edge];
                    let kernel = match operations[edge] {
                        Operation::Convolution1x1 => 1,
                        Operation::Convolution3x3 => 3,
                        _ => return None,
                    };
                    let name = format!("stage{stage}.cell{cell}.edge{to}<-{from}.conv{kernel}x{kernel}");
                    Some(convolution_weight(store, &name, width, width, kernel))
                }));
            }
            stages.push(cells);
        }
        let classifier = Classifier::new(store, "classifier", channels << 2, config.classes as usize);
        Self { operations, stem, stages, residuals, classifier }
    }

    fn cell(
        &self,
        graph: &mut Graph,
        shared: &Shared,
        x: Tensor,
        weights: &[Option<Persistent>; 6],
        norm: &mut Normalisation<'_>,
    ) -> Result<Tensor> {
        // A node that nothing reaches is zero everywhere.
        let mut nodes = vec![Some(x)];
        for node in 1..4 {
            let mut sum: Option<Tensor> = None;
            for (edge, (_, from)) in EDGES.iter().enumerate().filter(|(_, (to, _))| *to == node) {
                let Some(input) = nodes[*from] else { continue };
                let y = match (self.operations[edge], &weights[edge]) {
                    (Operation::SkipConnect, _) => input,
                    (Operation::AveragePool3x3, _) => {
                        graph.pool2d(input, PoolKind::Average { count_include_padding: false }, 3, 1, 1)?
                    }
                    (_, Some(weight)) => {
                        let padding = u32::from(self.operations[edge] == Operation::Convolution3x3);
                        let options = Convolution { padding, relu_input: true, ..Convolution::default() };
                        let z = graph.conv2d(input, shared.get(weight), options)?;
                        norm.apply(graph, z, None, false)?
                    }
                    _ => continue,
                };
                sum = Some(match sum {
                    None => y,
                    Some(sum) => graph.add(sum, y)?,
                });
            }
            nodes.push(sum);
        }
        match nodes[3] {
            Some(y) => Ok(y),
            None => {
                let shape = graph.shape(x).to_vec();
                Ok(graph.fill(&shape, 0.0))
            }
        }
    }
}

impl Network for NasBench201Network {
    fn apply(&self, graph: &mut Graph, shared: &Shared, input: Tensor, norm: &mut Normalisation<'_>) -> Result<Tensor> {
        let mut x = self.stem.apply(graph, shared, input, norm)?;
        for (stage, cells) in self.stages.iter().enumerate() {
            if stage > 0 {
                x = self.residuals[stage - 1].apply(graph, shared, x, norm)?;
            }
            for cell in cells {
                x = self.cell(graph, shared, x, cell, norm)?;
            }
        }
        self.classifier.apply(graph, shared, x, norm)
    }
}

impl WeightSharing for NasBench201Network {
    fn parameters(&self) -> Vec<Persistent> {
        self.stem
            .parameters()
            .into_iter()
            .chain(self.stages.iter().flatten().flatten().flatten().cloned())
            .chain(self.residuals.iter().flat_map(WeightSharing::parameters))
            .chain(self.classifier.parameters())
            .collect()
    }
}

impl Standalone for NasBench201Config {
    fn input_shape(&self, batch: usize) -> Vec<usize> {
        vec![1, batch, self.image_channels as usize, self.height as usize, self.width as usize]
    }

    fn network(&self, store: &mut Store, architecture: &Architecture) -> Result<Box<dyn Network>> {
        let operations = NasBench201::new().operations(architecture).map_err(|error| GraphError::Shape {
            operation: "network",
            message: error.to_string(),
            shapes: Vec::new(),
        })?;
        Ok(Box::new(NasBench201Network::new(store, self, operations)))
    }
}
