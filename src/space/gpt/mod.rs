//! HW-GPT-Bench (Sukthanker et al., 2024): decoder-only transformers with elastic width, depth, heads and feed-forward
//! ratios.

mod decisions;

pub use decisions::{Gpt, GptConfig};
