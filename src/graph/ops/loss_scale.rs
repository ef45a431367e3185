//! Loss scaling for gradients that are stored as halves: see [`parnas_kernels::ops::LossScale`].

use parnas_kernels::ops::{ClipFactor, Function, LossScale, Unscale};

use crate::graph::{Graph, Initial, Persistent, Result, Role, Store, Tensor};

/// The scale of the first step: 2^16, as in PyTorch.
const FIRST: f32 = 65_536.0;
/// Good steps after which the scale doubles, as in PyTorch.
const GROWTH: u32 = 2000;

/// The scale of a loss, on the device and part of a checkpoint: `[scale, good steps since it changed]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossScaler {
    state: Persistent,
    growth: u32,
}

impl LossScaler {
    /// A scaler that begins at 65,536, and doubles after 2000 good steps.
    pub fn new(store: &mut Store, name: &str) -> Self {
        Self::with(store, name, FIRST, GROWTH)
    }

    /// A scaler that begins at `scale`, and doubles after `growth` good steps.
    pub fn with(store: &mut Store, name: &str, scale: f32, growth: u32) -> Self {
        let state = store.add(format!("{name}.loss_scale"), &[2], Role::State, Initial::Data(vec![scale, 0.0]));
        Self { state, growth }
    }

    /// The tensor behind it.
    pub fn state(&self) -> &Persistent {
        &self.state
    }
}

/// A step by gradients of a scaled loss.
#[derive(Debug, Clone, Copy)]
pub struct ScaledStep {
    /// What an optimiser multiplies the scaled gradients by: `[1]`. Below 0, where they are not finite, it leaves the step out.
    pub factor: Tensor,
    /// What remains of the gradients by clipping alone: `[1]`; 0 where the step is left out.
    pub clip: Tensor,
}

impl Graph {
    /// The scale, `[1]`.
    fn scale(&mut self, scaler: &LossScaler) -> Result<Tensor> {
        let state = self.input(&scaler.state);
        self.slice(state, 0, 0, 1)
    }

    /// The gradient from which a backward pass starts, times the scale.
    ///
    /// # Errors
    /// None today.
    pub fn scale_seed(&mut self, scaler: &LossScaler, seed: Tensor) -> Result<Tensor> {
        let scale = self.scale(scaler)?;
        self.multiply(seed, scale)
    }

    /// The step by gradients of a loss that was scaled ([`Graph::scale_seed`]), clipped to the norm `maximum` of the gradients of the loss
    /// itself; 0 does not clip. The scale of the next step is settled behind it. One reduction over all gradients tells both whether
    /// they are finite and their norm.
    ///
    /// # Errors
    /// Where the scaler's growth is out of range.
    pub fn scaled_step(&mut self, scaler: &LossScaler, gradients: &[Tensor], maximum: f32) -> Result<ScaledStep> {
        let squares = self.squares(gradients);
        let state = self.input(&scaler.state);
        let factor = self.kernel(ClipFactor { maximum, scaled: true }, &[squares, state], vec![1]);
        let scale = self.scale(scaler)?;
        let clip = self.multiply(factor, scale)?;
        let clip = self.unary(Function::Relu, clip)?;
        self.settle_scale(scaler, squares)?;
        Ok(ScaledStep { factor, clip })
    }

    /// The gradients of a loss out of those of the scaled loss: 0 where these are not finite. And `factor` `[1]`, or a number below 0 where
    /// they are not finite: what lets an optimiser leave the step out. The scale of the next step is settled behind it.
    ///
    /// # Errors
    /// Where the scaler's growth is out of range.
    pub fn unscale(
        &mut self,
        scaler: &LossScaler,
        gradients: &[Tensor],
        factor: Tensor,
    ) -> Result<(Vec<Tensor>, Tensor)> {
        let squares = self.squares(gradients);
        let state = self.input(&scaler.state);
        let unscaled = gradients.iter().map(|gradient| {
            let (len, shape) = (self.len(*gradient), self.shape(*gradient).to_vec());
            self.kernel(Unscale { len }, &[*gradient, squares, state], shape)
        });
        let unscaled: Vec<Tensor> = unscaled.collect();
        // One over the scale, or -1: times scale and factor it is the factor, to the bit, or not above 0.
        let open = self.kernel(ClipFactor { maximum: 0.0, scaled: true }, &[squares, state], vec![1]);
        let scale = self.scale(scaler)?;
        let open = self.multiply(open, scale)?;
        let factor = self.multiply(factor, open)?;
        self.settle_scale(scaler, squares)?;
        Ok((unscaled, factor))
    }

    fn squares(&mut self, gradients: &[Tensor]) -> Tensor {
        match self.sum_of_squares(gradients) {
            Some(squares) => squares,
            None => self.fill(&[1], 0.0),
        }
    }

    fn settle_scale(&mut self, scaler: &LossScaler, squares: Tensor) -> Result<()> {
        let kernel = LossScale { growth: scaler.growth };
        kernel.validate()?;
        let state = self.input(&scaler.state);
        self.effect(kernel, &[squares], &[state]);
        Ok(())
    }
}
