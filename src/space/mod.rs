//! What can be chosen: the four search spaces.
//!
//! A space is a list of *decisions*, each with its *choices*: the operation on an edge, the kernel size of a block, the
//! number of layers. An [`Architecture`] is one choice index a decision, in the space's order. Some decisions are made
//! only when another one asks for them (a layer beyond the chosen depth does not exist): they are *inactive*, and the
//! *canonical* form of an architecture gives them choice 0, so that equal networks compare equal.
//!
//! | space | decisions | one-hot width | architectures |
//! |---|---|---|---|
//! | [`NasBench201`] | 6 edges | 30 | 15,625 |
//! | [`MobileNetV3`] (once-for-all) | 20 kernel sizes, 20 expansions, resolution, 5 depths | 160 | 5.4e20 |
//! | [`Hat`] (space 0) | widths, depths, and 5 decisions a layer | 101 | 4.2e14 |
//! | [`Gpt`] (scale S) | width, depth, 2 decisions a layer, bias | 80 | 1.9e12 |
//!
//! Everything that can be derived from decisions is written once, in [`DecisionLayout`], and reached through
//! [`SearchSpace`]: encoding, counting, sampling, mutation. A space itself says only what its decisions are and how its
//! architectures are written. This room knows nothing of how a space is searched.
//!
//! ```
//! use parnas::space::{NasBench201, SearchSpace};
//!
//! let space = NasBench201::new();
//! let cell = space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|")?;
//! assert_eq!(space.encode(&cell).len(), 30);
//! assert_eq!(space.count().to_string(), "15625");
//! # Ok::<(), parnas::space::SpaceError>(())
//! ```

mod architecture;
mod count;
mod decision;
mod error;
pub mod gpt;
pub mod hat;
mod layout;
pub mod mobilenet_v3;
pub mod nas_bench_201;
mod record;
mod search_space;
mod standalone;
mod variation;

pub use architecture::Architecture;
pub use decision::{Activity, Decision};
pub use error::SpaceError;
pub use gpt::{Gpt, GptConfig};
pub use hat::{Hat, HatConfig};
pub use layout::DecisionLayout;
pub use mobilenet_v3::{MobileNetV3, MobileNetV3Config};
pub use nas_bench_201::{NasBench201, NasBench201Config, Operation};
pub use search_space::SearchSpace;
pub use standalone::Standalone;
