//! Running mean and variance of batch normalisation.

use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, bytes_of, linear_grid};
use crate::ops::check::{countable, positive};
use crate::ops::require::require;

/// `running = (1 - momentum) running + momentum new`, the new variance unbiased: statistics `[A, C, 2]` of a batch (mean, biased
/// variance) move `running` `[A, C, 2]`, in place. Slots `statistics`, `running`.
///
/// A batch of one value a channel has no unbiased variance; its biased one, 0, is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningStatistics {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Channels, `C`.
    pub channels: u32,
    /// Values of a channel in the batch.
    pub batch_elements: u32,
    /// The weight of the new statistics, in [0, 1].
    pub momentum: f32,
}

impl RunningStatistics {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index counts, or the momentum lies outside [0, 1].
    pub fn validate(&self) -> Result<()> {
        let [a, c, n] = [self.architectures, self.channels, self.batch_elements].map(u64::from);
        positive("running_statistics", &[("architectures", a), ("channels", c), ("batch_elements", n)])?;
        countable("running_statistics", "running", &[a, c, 2])?;
        require((0.0..=1.0).contains(&self.momentum), "running_statistics", "the momentum lies between 0 and 1")
    }

    fn len(&self) -> usize {
        2 * self.architectures as usize * self.channels as usize
    }

    /// What makes a biased variance unbiased.
    fn correction(&self) -> f32 {
        let n = f64::from(self.batch_elements);
        if self.batch_elements > 1 { (n / (n - 1.0)) as f32 } else { 1.0 }
    }
}

impl Kernel for RunningStatistics {
    fn name(&self) -> &'static str {
        "running_statistics"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("statistics", self.len()), Slot::write("running", self.len())]
    }

    fn shader(&self) -> Shader {
        Shader { file: "norm/running_statistics", constants: Vec::new() }
    }

    fn parameters(&self) -> Words {
        Words::new().u32(self.len() as u32).f32(self.momentum).f32(self.correction())
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        Cost { operations: 4 * self.len() as u64, bytes: bytes_of(&self.slots()) }
    }

    fn run(&self, _cpu: &Cpu, views: Views<'_>) {
        let [statistics, running] = views.split();
        let corrections = [1.0, self.correction()];
        let pairs = running.write().iter_mut().zip(statistics.read()).take(self.len());
        for ((running, new), correction) in pairs.zip(corrections.iter().cycle()) {
            *running = (1.0 - self.momentum) * *running + self.momentum * (new * correction);
        }
    }
}
