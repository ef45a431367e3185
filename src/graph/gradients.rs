//! Reverse mode as a rewrite: the gradient of a graph is more nodes of it.

use super::{Graph, GraphError, Result, Tensor, Upstream};

impl Graph {
    /// The gradients of `sum(seeds . outputs)` with respect to `wanted`, as tensors of this graph. Where an operation was built in
    /// halves ([`Graph::in_halves`]), so is its gradient.
    ///
    /// `outputs` pairs each output with the gradient it starts from (same shape). Only nodes between the wanted tensors
    /// and the outputs are differentiated, and only with respect to inputs that lead to a wanted tensor.
    ///
    /// # Errors
    /// [`GraphError::NoGradient`] where an operation on the way has none, [`GraphError::Unconnected`] where an output does
    /// not depend on a wanted tensor, [`GraphError::Shape`] where a seed has another shape than its output.
    pub fn gradients(&mut self, outputs: &[(Tensor, Tensor)], wanted: &[Tensor]) -> Result<Vec<Tensor>> {
        let end = self.nodes.len();
        let mut leads = vec![false; self.infos.len()];
        wanted.iter().for_each(|tensor| leads[tensor.0] = true);
        for node in &self.nodes {
            if node.inputs.iter().any(|input| leads[input.0]) {
                node.outputs.iter().for_each(|output| leads[output.0] = true);
            }
        }
        let mut gradients: Vec<Option<Tensor>> = vec![None; self.infos.len()];
        for (output, seed) in outputs {
            if self.shape(*output) != self.shape(*seed) {
                return Err(GraphError::Shape {
                    operation: "gradients",
                    message: "a seed has the shape of its output".to_owned(),
                    shapes: vec![self.shape(*output).to_vec(), self.shape(*seed).to_vec()],
                });
            }
            gradients[output.0] = Some(match gradients[output.0] {
                None => *seed,
                Some(known) => self.add(known, *seed)?,
            });
        }
        for index in (0..end).rev() {
            let node = self.nodes[index].clone();
            let mut upstream = Upstream {
                outputs: node.outputs.iter().map(|output| gradients[output.0]).collect(),
                wanted: node.inputs.iter().map(|input| leads[input.0]).collect(),
                known: node.inputs.iter().map(|input| gradients[input.0]).collect(),
            };
            if upstream.outputs.iter().all(Option::is_none) || !upstream.wanted.contains(&true) {
                continue;
            }
            let backward = node
                .backward
                .as_ref()
                .ok_or_else(|| GraphError::NoGradient { operation: node.name, label: node.label.clone() })?;
            let outer = std::mem::replace(&mut self.scope, vec![format!("gradient of {}", node.label)]);
            let halves = node.outputs.iter().any(|output| self.infos[output.0].halves);
            let outside = std::mem::replace(&mut self.halves, halves);
            let of_inputs = backward(self, &mut upstream)?;
            for (place, (input, gradient)) in node.inputs.iter().zip(of_inputs).enumerate() {
                let (Some(gradient), true) = (gradient, upstream.wanted[place]) else { continue };
                debug_assert_eq!(self.shape(*input), self.shape(gradient), "gradient of {}", node.label);
                // A tensor that stands twice among the inputs has contributed meanwhile.
                let meanwhile = gradients[input.0].filter(|_| node.inputs[..place].contains(input));
                gradients[input.0] = Some(match meanwhile.or(upstream.known[place]) {
                    None => gradient,
                    Some(known) => self.add(known, gradient)?,
                });
            }
            self.halves = outside;
            self.scope = outer;
        }
        wanted
            .iter()
            .enumerate()
            .map(|(index, tensor)| {
                gradients[tensor.0]
                    .ok_or_else(|| GraphError::Unconnected { index, shape: self.shape(*tensor).to_vec() })
            })
            .collect()
    }
}
