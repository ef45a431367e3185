//! Counter-based random numbers, drawn on the device.

use parnas_kernels::ops::{Distribution, Random, Tick};

use crate::graph::{Graph, Persistent, Result, Tensor};

impl Graph {
    /// Numbers from a distribution: functions of the seed, the step on the `clock`, the `site` and the place alone.
    ///
    /// # Errors
    /// None today.
    pub fn random(
        &mut self,
        distribution: Distribution,
        shape: &[usize],
        clock: Tensor,
        seed: u64,
        site: u32,
    ) -> Result<Tensor> {
        let len = shape.iter().product();
        Ok(self.kernel(Random { distribution, len, seed, site }, &[clock], shape.to_vec()))
    }

    /// Moves the clock (whole numbers, the step first) one step on.
    pub fn tick(&mut self, clock: &Persistent) {
        let clock = self.input(clock);
        self.effect(Tick { step: 1 }, &[], &[clock]);
    }
}
