//! The autograd graph: operations as values, shapes checked while it is built, reverse mode as a rewrite.
//!
//! A [`Graph`] is a list of nodes in the order in which they run. A node is one kernel (or a few) with its tensors; a
//! builder method such as [`Graph::matmul`] checks shapes, appends the node and says how its gradient is built. The
//! gradient of a graph is more nodes of the same graph ([`Graph::gradients`]), and only for the tensors asked for: what no
//! wanted gradient needs is never computed. [`Graph::compile`] lowers the nodes that have an effect to a
//! [`Plan`](parnas_kernels::Plan).
//!
//! Tensors that outlive a step are [`Persistent`]s of a [`Store`]; an operation that writes one (an optimiser,
//! [`Graph::store`]) is an effect, and effects happen in program order.

mod error;
mod gradients;
mod ops;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parnas_kernels::plan::{BufferId, Buffers, Operand, Plan, PlanBuilder};
use parnas_kernels::{Fusion, Kernel, Result as KernelResult};

pub use error::GraphError;
pub use ops::*;
pub use store::{Initial, Persistent, Role, Runtime, Snapshot, Store};

/// The result of building a graph.
pub type Result<T, E = GraphError> = std::result::Result<T, E>;

/// A tensor of one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tensor(usize);

/// Lowers a node of several launches: the plan, the label, the operands of inputs, the operands of outputs.
type Push = dyn Fn(&mut PlanBuilder<'_>, &str, &[Operand], &[Operand]) -> KernelResult<()> + Send + Sync;

/// Builds the gradients of a node's inputs.
type Backward = dyn Fn(&mut Graph, &mut Upstream) -> Result<Vec<Option<Tensor>>> + Send + Sync;

/// What a backward rule is given.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The gradients of the outputs; `None` where an output has none.
    pub outputs: Vec<Option<Tensor>>,
    /// Whether the gradient of each input is wanted.
    pub wanted: Vec<bool>,
    /// What other nodes have already contributed to the gradient of each input. A rule whose kernel can add to it
    /// takes it, and then returns the sum.
    pub known: Vec<Option<Tensor>>,
}

/// How a node becomes launches.
#[derive(Clone)]
enum Lowering {
    /// One kernel whose slots are the inputs and then the outputs.
    Kernel(Arc<dyn Kernel>),
    /// Several launches.
    Push(Arc<Push>),
    /// None: the one output is the one input under another shape.
    View,
}

#[derive(Clone)]
struct Node {
    name: &'static str,
    label: String,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    /// Inputs that the node writes in place: its effect.
    written: Vec<Tensor>,
    lowering: Lowering,
    backward: Option<Arc<Backward>>,
}

#[derive(Debug, Clone)]
struct Info {
    shape: Vec<usize>,
    persistent: Option<(BufferId, Arc<str>)>,
    /// The tensor whose storage this is a view of.
    view_of: Option<Tensor>,
    /// Whether it is one tensor that several architectures share (see [`Graph::share`]).
    shared: bool,
    /// Whether it may be stored as halves.
    halves: bool,
}

/// A graph under construction. See the module.
#[derive(Default)]
pub struct Graph {
    infos: Vec<Info>,
    nodes: Vec<Node>,
    scope: Vec<String>,
    persistent: HashMap<BufferId, Tensor>,
    /// Whether tensors may be stored as halves from now on.
    halves: bool,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            writeln!(f, "{} {}: {:?} -> {:?}", node.label, node.name, node.inputs, node.outputs)?;
        }
        Ok(())
    }
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// The shape of a tensor.
    pub fn shape(&self, tensor: Tensor) -> &[usize] {
        &self.infos[tensor.0].shape
    }

    /// The number of elements of a tensor.
    pub fn len(&self, tensor: Tensor) -> usize {
        self.shape(tensor).iter().product()
    }

    /// Whether the graph has no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the tensor is one that several architectures share.
    pub fn is_shared(&self, tensor: Tensor) -> bool {
        self.infos[tensor.0].shared
    }

    /// Builds within a named scope: labels of launches read `outer inner operation`.
    pub fn scoped<T>(&mut self, name: impl Into<String>, body: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.push(name.into());
        let result = body(self);
        self.scope.pop();
        result
    }

    /// Builds what may be stored as halves: the results of operations within `body`, and their gradients. Which of them become
    /// halves, the plan decides ([`parnas_kernels::halves`]); computations are in f32 as ever, and persistent tensors stay f32.
    pub fn in_halves<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.halves, true);
        let result = body(self);
        self.halves = outer;
        result
    }

    /// A persistent tensor in this graph.
    pub fn input(&mut self, persistent: &Persistent) -> Tensor {
        if let Some(tensor) = self.persistent.get(&persistent.buffer) {
            return *tensor;
        }
        let tensor = self.tensor(persistent.shape.clone());
        self.infos[tensor.0].persistent = Some((persistent.buffer, Arc::clone(&persistent.name)));
        self.persistent.insert(persistent.buffer, tensor);
        tensor
    }

    fn tensor(&mut self, shape: Vec<usize>) -> Tensor {
        self.infos.push(Info { shape, persistent: None, view_of: None, shared: false, halves: self.halves });
        Tensor(self.infos.len() - 1)
    }

    fn label(&self, name: &str) -> String {
        if self.scope.is_empty() { name.to_owned() } else { format!("{} {name}", self.scope.join(" ")) }
    }

    fn append(
        &mut self,
        name: &'static str,
        lowering: Lowering,
        inputs: &[Tensor],
        outputs: Vec<Vec<usize>>,
    ) -> Vec<Tensor> {
        let outputs: Vec<Tensor> = outputs.into_iter().map(|shape| self.tensor(shape)).collect();
        self.nodes.push(Node {
            name,
            label: self.label(name),
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
            written: Vec::new(),
            lowering,
            backward: None,
        });
        outputs
    }

    /// Appends a node of one kernel with one output.
    pub(crate) fn kernel(&mut self, kernel: impl Kernel, inputs: &[Tensor], output: Vec<usize>) -> Tensor {
        let name = kernel.name();
        self.append(name, Lowering::Kernel(Arc::new(kernel)), inputs, vec![output])[0]
    }

    /// Appends a node of one kernel with several outputs.
    pub(crate) fn kernel_outputs(
        &mut self,
        kernel: impl Kernel,
        inputs: &[Tensor],
        outputs: Vec<Vec<usize>>,
    ) -> Vec<Tensor> {
        let name = kernel.name();
        self.append(name, Lowering::Kernel(Arc::new(kernel)), inputs, outputs)
    }

    /// Appends a node of several launches with one output.
    pub(crate) fn push(
        &mut self,
        name: &'static str,
        inputs: &[Tensor],
        output: Vec<usize>,
        push: impl Fn(&mut PlanBuilder<'_>, &str, &[Operand], &[Operand]) -> KernelResult<()> + Send + Sync + 'static,
    ) -> Tensor {
        self.push_outputs(name, inputs, vec![output], push)[0]
    }

    /// Appends a node of several launches with several outputs.
    pub(crate) fn push_outputs(
        &mut self,
        name: &'static str,
        inputs: &[Tensor],
        outputs: Vec<Vec<usize>>,
        push: impl Fn(&mut PlanBuilder<'_>, &str, &[Operand], &[Operand]) -> KernelResult<()> + Send + Sync + 'static,
    ) -> Vec<Tensor> {
        self.append(name, Lowering::Push(Arc::new(push)), inputs, outputs)
    }

    /// Appends an effect: a kernel whose last slots, the inputs `written`, are persistent tensors that it writes.
    pub(crate) fn effect(&mut self, kernel: impl Kernel, inputs: &[Tensor], written: &[Tensor]) {
        let name = kernel.name();
        let all: Vec<Tensor> = inputs.iter().chain(written).copied().collect();
        self.append(name, Lowering::Kernel(Arc::new(kernel)), &all, Vec::new());
        if let Some(node) = self.nodes.last_mut() {
            node.written = written.to_vec();
        }
    }

    /// Appends a view: the same elements under another shape.
    pub(crate) fn view(&mut self, name: &'static str, of: Tensor, shape: Vec<usize>, shared: bool) -> Tensor {
        let output = self.append(name, Lowering::View, &[of], vec![shape])[0];
        self.infos[output.0].view_of = Some(of);
        self.infos[output.0].shared = shared;
        output
    }

    /// Says how the gradient of the node that was appended last is built.
    pub(crate) fn differentiate(
        &mut self,
        backward: impl Fn(&mut Graph, &mut Upstream) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
    ) {
        if let Some(node) = self.nodes.last_mut() {
            node.backward = Some(Arc::new(backward));
        }
    }

    /// [`Graph::differentiate`] for a node of one input and one output.
    pub(crate) fn differentiate_unary(
        &mut self,
        backward: impl Fn(&mut Graph, Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) {
        self.differentiate(move |graph, upstream| match upstream.outputs[0] {
            Some(gradient) => Ok(vec![Some(backward(graph, gradient)?)]),
            None => Ok(vec![None]),
        });
    }

    fn root(&self, mut tensor: Tensor) -> Tensor {
        while let Some(of) = self.infos[tensor.0].view_of {
            tensor = of;
        }
        tensor
    }

    /// Lowers the effects of this graph, and whatever they need, to a plan over the store's buffers.
    ///
    /// # Errors
    /// Where a kernel refuses its tensors.
    pub fn compile(&self, name: &str, buffers: &Buffers) -> Result<Plan> {
        self.compile_with(name, buffers, Fusion::On)
    }

    /// [`Graph::compile`], with launches fused or not ([`parnas_kernels::fuse`]): the results have the same bits.
    ///
    /// # Errors
    /// As there.
    pub fn compile_with(&self, name: &str, buffers: &Buffers, fusion: Fusion) -> Result<Plan> {
        let mut needed = vec![false; self.infos.len()];
        let mut live = vec![false; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            live[index] = !node.written.is_empty() || node.outputs.iter().any(|output| needed[output.0]);
            if live[index] {
                node.inputs.iter().for_each(|input| needed[input.0] = true);
            }
        }
        let mut plan = PlanBuilder::new(name, buffers);
        let mut operands: Vec<Option<Operand>> = vec![None; self.infos.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if !live[index] || matches!(node.lowering, Lowering::View) {
                continue;
            }
            let mut resolve = |plan: &mut PlanBuilder<'_>, tensor: Tensor| {
                let root = self.root(tensor);
                *operands[root.0].get_or_insert_with(|| match &self.infos[root.0].persistent {
                    Some((buffer, _)) => Operand::Persistent(*buffer),
                    None => {
                        let tensor = plan.transient(format!("{} {}", node.label, root.0), self.len(root));
                        if self.infos[root.0].halves {
                            plan.allow_halves(tensor);
                        }
                        tensor
                    }
                })
            };
            let inputs: Vec<Operand> = node.inputs.iter().map(|input| resolve(&mut plan, *input)).collect();
            let outputs: Vec<Operand> = node.outputs.iter().map(|output| resolve(&mut plan, *output)).collect();
            match &node.lowering {
                Lowering::Kernel(kernel) => {
                    let all: Vec<Operand> = inputs.into_iter().chain(outputs).collect();
                    plan.launch_shared(&node.label, Arc::clone(kernel), &all)?;
                }
                Lowering::Push(push) => push(&mut plan, &node.label, &inputs, &outputs)?,
                Lowering::View => {}
            }
        }
        Ok(plan.finish_with(fusion))
    }
}
