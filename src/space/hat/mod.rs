//! HAT (Wang et al., ACL 2020): encoder-decoder transformers with elastic widths, decoder depth, heads, and attention to
//! one, two or three encoder layers.

mod decisions;

pub use decisions::{Hat, HatConfig};
