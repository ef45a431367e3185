//! A step cut over its architectures, so that activations fit into the memory budget, with the same bits for any cut.
//!
//! Each chunk runs forward and backward before the next begins, so that they share memory. Gradients of weights are kept
//! apart for each architecture and folded in the order of the architectures, across chunks as within one; the gradient of
//! the trunk's output is folded likewise, and the trunk runs backward once.

use std::ops::Range;

use crate::graph::{Graph, Persistent, Result, Tensor};
use crate::nn::Shared;

/// `count` architectures in `parts` ranges of nearly equal length, in order.
pub fn chunks(count: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.clamp(1, count.max(1));
    (0..parts).map(|part| part * count / parts..(part + 1) * count / parts).collect()
}

/// The gradients of a supernet's weights, folded chunk by chunk.
#[derive(Debug, Default)]
pub struct BodyGradients {
    body: Vec<Tensor>,
    trunk_output: Option<Tensor>,
}

impl BodyGradients {
    /// Adds a chunk's: `seeds` are the gradients of its `outputs`, `x` is the trunk's output repeated for it. Each
    /// architecture's share counts `scale` times.
    ///
    /// # Errors
    /// Where the outputs do not depend on the weights.
    pub fn add(
        &mut self,
        graph: &mut Graph,
        outputs: &[(Tensor, Tensor)],
        shared: &Shared,
        x: Tensor,
        scale: f32,
    ) -> Result<()> {
        let wanted: Vec<Tensor> = shared.tensors().iter().copied().chain([x]).collect();
        let gradients = graph.gradients(outputs, &wanted)?;
        let (of_x, of_body) = gradients.split_last().map_or((None, &[][..]), |(last, rest)| (Some(*last), rest));
        let mut folded = Vec::with_capacity(of_body.len());
        for (place, gradient) in of_body.iter().enumerate() {
            folded.push(graph.fold(self.body.get(place).copied(), *gradient, scale)?);
        }
        self.body = folded;
        if let Some(of_x) = of_x {
            self.trunk_output = Some(graph.fold(self.trunk_output, of_x, scale)?);
        }
        Ok(())
    }

    /// All gradients, each beside its parameter: the body's, and the trunk's through its `output`.
    ///
    /// # Errors
    /// Where the output does not depend on the trunk's weights.
    pub fn finish(
        self,
        graph: &mut Graph,
        body: &[Persistent],
        trunk: &[Persistent],
        trunk_shared: &Shared,
        output: Tensor,
    ) -> Result<Vec<(Persistent, Tensor)>> {
        let mut all: Vec<(Persistent, Tensor)> = body.iter().cloned().zip(self.body).collect();
        if let Some(seed) = self.trunk_output {
            let shape = graph.shape(output).to_vec();
            let seed = graph.reshape(seed, &shape)?;
            let gradients = graph.gradients(&[(output, seed)], trunk_shared.tensors())?;
            for (parameter, gradient) in trunk.iter().zip(gradients) {
                let gradient = graph.reshape(gradient, parameter.shape())?;
                all.push((parameter.clone(), gradient));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_in_order() {
        for count in 1..20 {
            for parts in 1..25 {
                let all: Vec<usize> = chunks(count, parts).into_iter().flatten().collect();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
                assert!(chunks(count, parts).iter().all(|range| !range.is_empty()));
            }
        }
    }
}
