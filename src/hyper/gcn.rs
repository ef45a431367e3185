//! The graph-convolution metapredictor (HELP, Lee et al. 2021, as MODNAS uses it on NAS-Bench-201).

use crate::graph::{Graph, Initial, Persistent, Result, Role, Store, Tensor};
use crate::nn::{CellGraph, Linear, Shared, WeightSharing};

/// Widths of the published network.
const HIDDEN: usize = 100;

/// Four graph convolutions over the cell beside two layers over the device's features, then three layers over both:
/// architecture weights `[B, total]`, features `[B, F] -> [B]`.
///
/// It is differentiable in the architecture weights: the encoding is linear in them.
#[derive(Debug, Clone)]
pub struct GraphPredictor {
    nodes: usize,
    columns: usize,
    base: Persistent,
    placement: Persistent,
    adjacency: Persistent,
    convolutions: Vec<(Persistent, Persistent)>,
    device: [Linear; 2],
    head: [Linear; 3],
}

impl GraphPredictor {
    /// A fresh predictor under `name`.
    pub fn new(store: &mut Store, name: &str, cell: &CellGraph, features: usize) -> Self {
        let CellGraph { nodes, columns, .. } = *cell;
        let total = cell.placement.len() / (nodes * columns);
        let mut constant = |part: &str, shape: &[usize], data: &[f32]| {
            store.add(format!("{name}.{part}"), shape, Role::Constant, Initial::Data(data.to_vec()))
        };
        let base = constant("base", &[1, nodes * columns], &cell.base);
        let placement = constant("placement", &[total, nodes * columns], &cell.placement);
        let adjacency = constant("adjacency", &[nodes, nodes], &cell.adjacency);
        let convolutions = (0..4)
            .map(|layer| {
                let inputs = if layer == 0 { columns } else { HIDDEN };
                let weight = format!("{name}.convolution{layer}.weight");
                let bias = format!("{name}.convolution{layer}.bias");
                // The published initialisation is uniform within .05 for both.
                (
                    store.parameter(weight, &[inputs, HIDDEN], Initial::Uniform(0.05)),
                    store.parameter(bias, &[HIDDEN], Initial::Uniform(0.05)),
                )
            })
            .collect();
        let mut linear = |part: &str, inputs, outputs| Linear::new(store, &format!("{name}.{part}"), inputs, outputs);
        let device = [linear("device0", features, HIDDEN), linear("device1", HIDDEN, HIDDEN)];
        let head = [
            linear("head0", 2 * HIDDEN, 2 * HIDDEN),
            linear("head1", 2 * HIDDEN, 2 * HIDDEN),
            linear("head2", 2 * HIDDEN, 1),
        ];
        Self { nodes, columns, base, placement, adjacency, convolutions, device, head }
    }

    /// Applies it to `weights` `[B, total]` and `features` `[B, F]`; `shared` holds its parameters shared by 1.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn apply(&self, graph: &mut Graph, shared: &Shared, weights: Tensor, features: Tensor) -> Result<Tensor> {
        let &[rows, _] = graph.shape(weights) else {
            return Err(graph.shape_error("predictor", "the architecture weights are [B, total]", &[weights]));
        };
        let placement = graph.input(&self.placement);
        let base = graph.input(&self.base);
        let adjacency = graph.input(&self.adjacency);
        let encoded = graph.matmul(weights, placement)?;
        let mut h = graph.add(encoded, base)?;
        let mut width = self.columns;
        for (weight, bias) in &self.convolutions {
            let flat = graph.reshape(h, &[1, rows * self.nodes, width])?;
            let product = graph.matmul(flat, shared.get(weight))?;
            width = HIDDEN;
            let product = graph.reshape(product, &[rows, self.nodes, width])?;
            let aggregated = graph.matmul(adjacency, product)?;
            let bias = graph.reshape(shared.get(bias), &[HIDDEN])?;
            let sum = graph.add(aggregated, bias)?;
            h = graph.relu(sum)?;
        }
        let read_out = graph.slice(h, 1, self.nodes - 1, 1)?;
        let read_out = graph.reshape(read_out, &[1, rows, HIDDEN])?;
        let count = graph.shape(features)[1];
        let mut d = graph.reshape(features, &[1, rows, count])?;
        for layer in &self.device {
            d = layer.apply(graph, shared, d, true)?;
        }
        let mut y = graph.concat(&[read_out, d], 2)?;
        for (index, layer) in self.head.iter().enumerate() {
            y = layer.apply(graph, shared, y, index < 2)?;
        }
        graph.reshape(y, &[rows])
    }
}

impl WeightSharing for GraphPredictor {
    fn parameters(&self) -> Vec<Persistent> {
        let convolutions = self.convolutions.iter().flat_map(|(weight, bias)| [weight.clone(), bias.clone()]);
        convolutions
            .chain(self.device.iter().flat_map(WeightSharing::parameters))
            .chain(self.head.iter().flat_map(WeightSharing::parameters))
            .collect()
    }
}
