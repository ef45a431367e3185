//! Parameters and multiply-adds of the standalone network, exactly.

use serde::{Deserialize, Serialize};

use super::{NasBench201, Operation};
use crate::space::{Architecture, SpaceError};

/// The network around the cell.
///
/// Stem (3x3 convolution, batch norm); `cells_per_stage` cells with `channels`; a residual block of stride 2 that doubles the
/// channels and halves the image (ReLU, 3x3 convolution of stride 2, batch norm; ReLU, 3x3 convolution, batch norm;
/// shortcut: 2x2 average pooling, 1x1 convolution); cells; another residual block; cells; batch norm, ReLU, global average
/// pooling, linear layer. Convolutions have no bias, batch norms have scale and shift, the linear layer has a bias
/// (Dong and Yang, ICLR 2020, section 2.1; counts as in the benchmark's tables).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NasBench201Config {
    /// Channels of the first stage; the second has twice, the third four times as many. 1 to 4,096.
    pub channels: u32,
    /// Cells of each of the three stages. 1 to 256.
    pub cells_per_stage: u32,
    /// Channels of the input image. 1 to 4,096.
    pub image_channels: u32,
    /// Rows of the input image, a multiple of 4. 4 to 4,096.
    pub height: u32,
    /// Columns of the input image, a multiple of 4. 4 to 4,096.
    pub width: u32,
    /// Number of classes. 1 to 1,048,576.
    pub classes: u32,
}

impl NasBench201Config {
    /// The published network for CIFAR-10: 16 channels, 5 cells a stage, 32x32 colour images, 10 classes.
    pub fn published() -> Self {
        Self { channels: 16, cells_per_stage: 5, image_channels: 3, height: 32, width: 32, classes: 10 }
    }

    /// Checks that such a network exists: extents in the ranges given at the fields, so that counts fit in 64 bits, and
    /// image sides that halve twice without rest, so that both paths of a residual block agree.
    ///
    /// # Errors
    /// [`SpaceError::Definition`] names the extent.
    pub fn validate(&self) -> Result<(), SpaceError> {
        for (label, value, most, step) in [
            ("channels", self.channels, 1 << 12, 1),
            ("cells_per_stage", self.cells_per_stage, 1 << 8, 1),
            ("image_channels", self.image_channels, 1 << 12, 1),
            ("height", self.height, 1 << 12, 4),
            ("width", self.width, 1 << 12, 4),
            ("classes", self.classes, 1 << 20, 1),
        ] {
            if value == 0 || value > most || value % step != 0 {
                let reason = format!("{label} is {value}, expected a multiple of {step} from {step} to {most}");
                return Err(SpaceError::Definition { space: "nas_bench_201".to_owned(), reason });
            }
        }
        Ok(())
    }

    /// Number of trainable parameters of the standalone network.
    ///
    /// Every edge counts, also one that no path from input to output uses, as in the benchmark's tables.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate), and of an architecture that is none of this space.
    pub fn parameters(&self, architecture: &Architecture) -> Result<u64, SpaceError> {
        let operations = self.checked(architecture)?;
        let norm = |channels: u64| 2 * channels;
        let (first, last) = (self.stage_channels(0), self.stage_channels(2));
        let mut total = 9 * u64::from(self.image_channels) * first + norm(first);
        for stage in 0..3 {
            let channels = self.stage_channels(stage);
            let cell: u64 = operations
                .iter()
                .map(|&operation| match taps(operation) {
                    0 => 0,
                    taps => taps * channels * channels + norm(channels),
                })
                .sum();
            total += u64::from(self.cells_per_stage) * cell;
            if stage > 0 {
                total += self.residual_block_weights(stage) + 2 * norm(channels);
            }
        }
        Ok(total + norm(last) + (last + 1) * u64::from(self.classes))
    }

    /// Multiply-adds of one forward pass over one image; a multiply-add is 1, as the benchmark's `flops` count it.
    ///
    /// Convolutions and the linear layer count, its bias with one a class; batch norm, ReLU, pooling and the sums at the
    /// nodes do not (NATS-Bench, `xautodl`).
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate), and of an architecture that is none of this space.
    pub fn flops(&self, architecture: &Architecture) -> Result<u64, SpaceError> {
        let operations = self.checked(architecture)?;
        let pixels = |stage: u32| u64::from(self.height >> stage) * u64::from(self.width >> stage);
        let mut total = 9 * u64::from(self.image_channels) * self.stage_channels(0) * pixels(0);
        for stage in 0..3 {
            let channels = self.stage_channels(stage);
            let cell: u64 = operations.iter().map(|&operation| taps(operation) * channels * channels).sum();
            total += u64::from(self.cells_per_stage) * cell * pixels(stage);
            if stage > 0 {
                // All three convolutions of the block work at the size after it.
                total += self.residual_block_weights(stage) * pixels(stage);
            }
        }
        Ok(total + (self.stage_channels(2) + 1) * u64::from(self.classes))
    }

    fn checked(&self, architecture: &Architecture) -> Result<[Operation; 6], SpaceError> {
        self.validate()?;
        NasBench201::new().operations(architecture)
    }

    fn stage_channels(&self, stage: u32) -> u64 {
        u64::from(self.channels) << stage
    }

    /// Convolution weights of the residual block in front of a stage.
    fn residual_block_weights(&self, stage: u32) -> u64 {
        let (before, after) = (self.stage_channels(stage - 1), self.stage_channels(stage));
        9 * before * after + 9 * after * after + before * after
    }
}

impl Default for NasBench201Config {
    fn default() -> Self {
        Self::published()
    }
}

/// Weights of an operation per pair of input and output channel.
fn taps(operation: Operation) -> u64 {
    match operation {
        Operation::Convolution1x1 => 1,
        Operation::Convolution3x3 => 9,
        Operation::None | Operation::SkipConnect | Operation::AveragePool3x3 => 0,
    }
}
