//! NAS-Bench-201 (Dong and Yang, ICLR 2020): a cell of four nodes, one of five operations on each of its six edges.

mod counts;
mod decisions;
mod encoding;
mod standalone;
mod supernet;

pub use counts::NasBench201Config;
pub use decisions::{EDGES, NasBench201, Operation};
pub use encoding::cell_graph;
pub use standalone::NasBench201Network;
pub use supernet::NasBench201Supernet;
