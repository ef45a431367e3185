//! Samples of architectures from their logits, on the device.

use parnas_kernels::ops::{GivenChoices, Sample, SampleGradient, SampleKind};

use crate::graph::{Graph, Result, Tensor};

/// How architectures are sampled.
#[derive(Debug, Clone, Copy)]
pub struct SampleOptions {
    /// The estimator.
    pub kind: SampleKind,
    /// Its temperature.
    pub temperature: f32,
    /// The run's seed.
    pub seed: u64,
    /// Which draw of the step it is.
    pub site: u32,
    /// The number of the first architecture, so that chunks of a step draw what the whole would.
    pub first_architecture: u32,
}

impl Graph {
    /// Architecture weights from logits, group by group: `[A, total] -> [A, total]`. `offsets` (whole numbers) are the starts
    /// of the groups and the total; `clock` is the step.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn sample(&mut self, logits: Tensor, offsets: Tensor, clock: Tensor, options: SampleOptions) -> Result<Tensor> {
        let (&[a, total], groups) = (self.shape(logits), self.len(offsets) - 1) else {
            return Err(self.shape_error("sample", "the logits are [A, total]", &[logits, offsets]));
        };
        let kernel = Sample {
            kind: options.kind,
            architectures: a as u32,
            total: total as u32,
            groups: groups as u32,
            temperature: options.temperature,
            seed: options.seed,
            site: options.site,
            first_architecture: options.first_architecture,
        };
        let outputs = self.kernel_outputs(kernel, &[logits, offsets, clock], vec![vec![a, total], vec![a, total]]);
        let (weights, probabilities) = (outputs[0], outputs[1]);
        if matches!(options.kind, SampleKind::Argmax | SampleKind::Uniform) {
            return Ok(weights);
        }
        self.differentiate(move |graph, upstream| {
            let Some(g) = upstream.outputs[0] else { return Ok(vec![None; 3]) };
            let kernel = SampleGradient {
                kind: options.kind,
                architectures: a as u32,
                total: total as u32,
                groups: groups as u32,
                temperature: options.temperature,
            };
            let inputs = [g, weights, probabilities, offsets];
            Ok(vec![Some(graph.kernel(kernel, &inputs, vec![a, total])), None, None])
        });
        Ok(weights)
    }

    /// One-hot architecture weights of given choices (whole numbers `[A, groups]`).
    ///
    /// # Errors
    /// Where the choices have not two axes, or not as many as there are groups.
    pub fn given_choices(&mut self, choices: Tensor, offsets: Tensor, total: usize) -> Result<Tensor> {
        let groups = self.len(offsets) - 1;
        let &[a, given] = self.shape(choices) else {
            return Err(self.shape_error("given_choices", "the choices are [A, groups]", &[choices]));
        };
        if given != groups {
            return Err(self.shape_error("given_choices", format!("there are {groups} groups"), &[choices]));
        }
        let kernel = GivenChoices { architectures: a as u32, total: total as u32, groups: groups as u32 };
        Ok(self.kernel(kernel, &[choices, offsets], vec![a, total]))
    }
}
