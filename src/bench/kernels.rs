//! The operations, at the sizes of the field: those of NAS-Bench-201 on CIFAR-10, of a mobile network, of a small transformer.

use parnas_kernels::ops::{PoolKind, Unselected};

use super::case::{Build, Case};
use super::{Pass, Workload};
use crate::graph::{
    AttentionOptions, BatchNorm, Convolution, Graph, GraphError, Initial, LayerNorm, MixedOptions, Role, Statistics,
    Store, Tensor,
};
use crate::nn::EPSILON;

type Result<T> = std::result::Result<T, GraphError>;

/// An operation being drawn up: its graph and its inputs.
#[derive(Debug)]
pub(super) struct Sketch {
    graph: Graph,
    store: Store,
    inputs: Vec<Tensor>,
}

impl Sketch {
    /// An input whose gradient is wanted.
    fn input(&mut self, name: &str, shape: &[usize]) -> Tensor {
        let tensor = self.store.add(name, shape, Role::Exchange, Initial::Uniform(1.0));
        let tensor = self.graph.input(&tensor);
        self.inputs.push(tensor);
        tensor
    }

    /// A weight as the layers have theirs: shared by the architectures of the step, of which there is one.
    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.input(name, shape);
        self.graph.share(tensor, 1)
    }
}

/// The plan of an operation, or of it and its gradients.
pub(super) fn workload(name: &str, build: fn(&mut Sketch) -> Result<Tensor>, pass: Pass) -> Result<Workload> {
    let mut sketch = Sketch { graph: Graph::new(), store: Store::new(0), inputs: Vec::new() };
    let y = build(&mut sketch)?;
    let Sketch { mut graph, mut store, inputs } = sketch;
    graph.keep(y);
    if pass == Pass::Both {
        let upstream = store.add("upstream", graph.shape(y), Role::Exchange, Initial::Uniform(1.0));
        let upstream = graph.input(&upstream);
        for gradient in graph.gradients(&[(y, upstream)], &inputs)? {
            graph.keep(gradient);
        }
    }
    let plan = graph.compile(name, store.buffers())?;
    Ok(Workload::new(store, plan))
}

const fn operation(name: &'static str, build: fn(&mut Sketch) -> Result<Tensor>) -> Case {
    Case { name, build: Build::Operation(build) }
}

/// Every operation, one line each.
pub(super) static OPERATIONS: [Case; 13] = [
    operation("matmul 512^3", |sketch| matmul(sketch, [1, 512, 512, 512])),
    operation("matmul 1024^3", |sketch| matmul(sketch, [1, 1024, 1024, 1024])),
    operation("matmul 32x[256x64][64x256]", |sketch| matmul(sketch, [32, 256, 64, 256])),
    operation("conv 3x3 N64 C16 32x32", |sketch| convolution(sketch, 3, [64, 16, 32, 32], 1)),
    operation("conv 3x3 N64 C64 8x8", |sketch| convolution(sketch, 3, [64, 64, 8, 8], 1)),
    operation("conv 1x1 N64 C16 32x32", |sketch| convolution(sketch, 1, [64, 16, 32, 32], 1)),
    operation("depthwise 5x5 N32 C96 28x28", |sketch| convolution(sketch, 5, [32, 96, 28, 28], 96)),
    operation("average pool 3x3 N64 C16 32x32", |sketch| average_pool(sketch, [64, 16, 32, 32])),
    operation("batch norm N64 C16 32x32", |sketch| batch_norm(sketch, [64, 16, 32, 32])),
    operation("layer norm 2048x384", |sketch| layer_norm(sketch, 2048, 384)),
    operation("softmax 2048x1000", |sketch| softmax(sketch, 2048, 1000)),
    operation("attention causal B8 H6 T256 D64", |sketch| causal_attention(sketch, [8, 6, 256, 64])),
    operation("mixed edge N64 C16 32x32", |sketch| mixed_edge(sketch, [64, 16, 32, 32])),
];

fn matmul(sketch: &mut Sketch, [batch, m, k, n]: [usize; 4]) -> Result<Tensor> {
    let (a, b) = (sketch.input("a", &[batch, m, k]), sketch.input("b", &[batch, k, n]));
    sketch.graph.matmul(a, b)
}

/// `[N, C, H, W]` by as many filters as channels, the map kept in size.
fn convolution(sketch: &mut Sketch, kernel: usize, [n, c, h, w]: [usize; 4], groups: usize) -> Result<Tensor> {
    let x = sketch.input("x", &[1, n, c, h, w]);
    let weight = sketch.weight("weight", &[c, c / groups, kernel, kernel])?;
    let options = Convolution { padding: kernel as u32 / 2, groups: groups as u32, ..Convolution::default() };
    sketch.graph.conv2d(x, weight, options)
}

fn average_pool(sketch: &mut Sketch, [n, c, h, w]: [usize; 4]) -> Result<Tensor> {
    let x = sketch.input("x", &[1, n, c, h, w]);
    sketch.graph.pool2d(x, PoolKind::Average { count_include_padding: false }, 3, 1, 1)
}

/// In training: by the batch's own statistics, with scale and shift.
fn batch_norm(sketch: &mut Sketch, [n, c, h, w]: [usize; 4]) -> Result<Tensor> {
    let x = sketch.input("x", &[1, n, c, h, w]);
    let affine = Some((sketch.weight("scale", &[c])?, sketch.weight("shift", &[c])?));
    let options = BatchNorm { epsilon: EPSILON, affine, relu: false, statistics: Statistics::Batch };
    Ok(sketch.graph.batch_norm(x, options)?.0)
}

/// With scale and shift.
fn layer_norm(sketch: &mut Sketch, rows: usize, width: usize) -> Result<Tensor> {
    let x = sketch.input("x", &[1, rows, width]);
    let (scale, shift) = (sketch.weight("scale", &[width])?, sketch.weight("shift", &[width])?);
    let options = LayerNorm { epsilon: EPSILON, centred: true, scale: Some(scale), shift: Some(shift), elastic: None };
    sketch.graph.layer_norm(x, options)
}

fn softmax(sketch: &mut Sketch, rows: usize, width: usize) -> Result<Tensor> {
    let x = sketch.input("x", &[rows, width]);
    sketch.graph.softmax(x, false)
}

/// Sequences whose queries see the keys up to their own place.
fn causal_attention(sketch: &mut Sketch, [batch, heads, length, size]: [usize; 4]) -> Result<Tensor> {
    let shape = [1, batch, length, heads * size];
    let [q, k, v] = ["q", "k", "v"].map(|name| sketch.input(name, &shape));
    let options = AttentionOptions { heads, causal: true, ..AttentionOptions::default() };
    sketch.graph.attention(q, k, v, options)
}

/// The five operations of NAS-Bench-201, weighted by a softmax.
fn mixed_edge(sketch: &mut Sketch, [n, c, h, w]: [usize; 4]) -> Result<Tensor> {
    let x = sketch.input("x", &[1, n, c, h, w]);
    let logits = sketch.input("logits", &[1, 5]);
    let conv3 = sketch.weight("conv3", &[c, c, 3, 3])?;
    let conv1 = sketch.weight("conv1", &[c, c, 1, 1])?;
    let weights = sketch.graph.softmax(logits, false)?;
    let options = MixedOptions { epsilon: EPSILON, unselected: Unselected::Exact, statistics: Statistics::Batch };
    Ok(sketch.graph.mixed_edge(x, weights, conv3, Some(conv1), None, options)?.0)
}
