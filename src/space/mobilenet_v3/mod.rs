//! Once-for-all MobileNetV3 (Cai et al., ICLR 2020): stages of inverted residual blocks with elastic depth, kernel size,
//! expansion and input resolution.

mod decisions;

pub use decisions::{MobileNetV3, MobileNetV3Config};
