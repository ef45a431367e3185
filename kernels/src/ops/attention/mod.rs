//! Attention of many heads and many architectures, without a matrix of scores in memory: what its kernels share.
//!
//! The forward pass keeps the logarithm of each row's sum of exponentials; the backward pass makes the probabilities again
//! from it, once for the gradient of the queries and once for that of the keys and values, so that nothing is added by two
//! tasks and no order is left open.

mod forward;
mod key_value_gradient;
mod mix;
mod query_gradient;
mod rows;
mod tile;
mod weight_gradient;

pub use forward::AttentionForward;
pub use key_value_gradient::AttentionKeyValueGradient;
pub use mix::AttentionMix;
pub use query_gradient::AttentionQueryGradient;
pub use rows::AttentionRows;
pub use weight_gradient::AttentionWeightGradient;

use crate::Result;
use crate::launch::{Slot, Words, linear_grid};
use crate::ops::Gate;
use crate::ops::check::{at_most, countable, positive};
use crate::ops::require::require;

/// The largest head size.
const LARGEST_HEAD: u32 = 128;
/// The longest sequence: what the rounds of the shaders' loops allow.
const LONGEST: u64 = 8192;
/// Rows of a workgroup's tile.
const TILE: u32 = 32;

/// Which heads of which architectures are computed, by weights that lie on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadGate {
    /// All; there are no weights.
    None,
    /// Weights `[A, H]`: a head's own. Heads of weight 0 are skipped.
    PerHead,
    /// Weights `[A, width]`: all heads have the one of the gate's choice, and are skipped where it is 0.
    Choice(Gate),
}

impl HeadGate {
    /// Weights of an architecture, the entry of head 0, and entries from one head to the next.
    fn steps(self, heads: u32) -> [u32; 3] {
        match self {
            Self::None => [0, 0, 0],
            Self::PerHead => [heads, 0, 1],
            Self::Choice(gate) => [gate.width, gate.choice, 0],
        }
    }
}

/// `softmax(scale q k^T) v` for each head, `[A, N, Tq, H D] x [A, N, Tk, H D] -> [A, N, Tq, H D]`: heads lie side by side, as a
/// projection leaves them.
///
/// With `causal`, query `i` sees the keys up to `i + Tk - Tq`; with `lengths` `[N]` (whole numbers, the same for all
/// architectures), of element `n` only the first `lengths[n]` keys are seen. A query that sees no key gets 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Sequences of an architecture, `N`.
    pub batch: u32,
    /// Heads, `H`.
    pub heads: u32,
    /// Queries of a sequence, `Tq`.
    pub queries: u32,
    /// Keys and values of a sequence, `Tk`.
    pub keys: u32,
    /// Elements of a head, `D`: a multiple of 4, at most 128.
    pub head_size: u32,
    /// The factor of the scores.
    pub scale: f32,
    /// Whether a query sees no later keys than its own.
    pub causal: bool,
    /// Whether there is a slot `lengths`.
    pub lengths: bool,
    /// Which heads are computed.
    pub gate: HeadGate,
}

impl Attention {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, the head size is no multiple of 4 or above 128, a sequence is longer than 8,192, there are more
    /// elements than an index of a shader counts, the scale is not finite, or the gate's choice is none.
    pub fn validate(&self) -> Result<()> {
        let name = "attention";
        let [architectures, batch, heads, queries, keys, head_size] =
            [self.architectures, self.batch, self.heads, self.queries, self.keys, self.head_size].map(u64::from);
        let extents = [("architectures", architectures), ("batch", batch), ("heads", heads)];
        positive(name, &extents)?;
        positive(name, &[("queries", queries), ("keys", keys), ("head_size", head_size)])?;
        require(self.head_size.is_multiple_of(4), name, "head_size is a multiple of 4")?;
        at_most(name, "head_size", head_size, LARGEST_HEAD.into())?;
        at_most(name, "queries", queries, LONGEST)?;
        at_most(name, "keys", keys, LONGEST)?;
        countable(name, "q", &[architectures, batch, queries, heads, head_size])?;
        countable(name, "k", &[architectures, batch, keys, heads, head_size])?;
        countable(name, "the rows", &[architectures, batch, heads, 2 * queries + 1])?;
        require(self.scale.is_finite(), name, "the scale is finite")?;
        match self.gate {
            HeadGate::Choice(gate) => require(gate.choice < gate.width, name, "the choice is one of the gate's"),
            _ => Ok(()),
        }
    }

    /// Whether the weights of the gate, if there are any, leave out head `h` of architecture `a`.
    fn skips(&self, weights: Option<&[f32]>, a: usize, h: usize) -> bool {
        self.weight(weights, a, h) == 0.0
    }

    /// The weight of head `h` of architecture `a`; 1 without a gate.
    fn weight(&self, weights: Option<&[f32]>, a: usize, h: usize) -> f32 {
        let [width, first, step] = self.gate.steps(self.heads).map(|step| step as usize);
        weights.map_or(1.0, |weights| weights[a * width + first + h * step])
    }

    /// Weights of the gate.
    fn weights(&self) -> usize {
        self.architectures as usize * self.gate.steps(self.heads)[0] as usize
    }

    fn gate_slot(&self) -> Option<Slot> {
        (self.gate != HeadGate::None).then(|| Slot::read("weights", self.weights()))
    }

    fn lengths_slot(&self) -> Option<Slot> {
        self.lengths.then(|| Slot::read("lengths", self.batch as usize))
    }

    /// The class of head sizes that a shader is made for.
    fn class(&self) -> u32 {
        self.head_size.next_multiple_of(16)
    }

    fn sequences(&self) -> usize {
        self.architectures as usize * self.batch as usize
    }

    /// Elements of a row of all heads.
    fn width(&self) -> usize {
        self.heads as usize * self.head_size as usize
    }

    /// Elements of the queries, and of whatever has their shape.
    fn of_queries(&self) -> usize {
        self.sequences() * self.queries as usize * self.width()
    }

    /// Elements of the keys, and of whatever has their shape.
    fn of_keys(&self) -> usize {
        self.sequences() * self.keys as usize * self.width()
    }

    /// Queries of all heads.
    fn query_rows(&self) -> usize {
        self.sequences() * self.heads as usize * self.queries as usize
    }

    /// Elements of the rows that [`AttentionRows`] makes.
    fn of_rows(&self) -> usize {
        self.sequences() * self.heads as usize * self.row_block()
    }

    /// Elements of those rows of one head.
    fn row_block(&self) -> usize {
        2 * self.queries as usize + 1
    }

    /// The slots that the gradients read.
    fn gradient_slots(&self) -> Vec<Slot> {
        let first = vec![
            Slot::read("q", self.of_queries()),
            Slot::read("k", self.of_keys()),
            Slot::read("v", self.of_keys()),
            Slot::read("dy", self.of_queries()),
            Slot::read("rows", self.of_rows()),
        ];
        first.into_iter().chain(self.lengths_slot()).collect()
    }

    /// Pairs of a query and a key that it sees, as far as the host knows, over all heads: multiply-adds of a product of heads are
    /// `D` times as many.
    fn pairs(&self) -> u64 {
        let [queries, keys] = [self.queries, self.keys].map(u64::from);
        let heads = self.sequences() as u64 * u64::from(self.heads);
        if !self.causal {
            return heads * queries * keys;
        }
        // The last query sees all keys, each one before it one key less.
        let seeing = queries.min(keys);
        heads * (seeing * keys - seeing * (seeing - 1) / 2)
    }

    /// The words that all shaders of attention begin with.
    fn parameters(&self) -> Words {
        let words = Words::new().u32(self.architectures).u32(self.batch).u32(self.heads);
        let words = words.u32(self.queries).u32(self.keys).u32(self.head_size / 4).u32(u32::from(self.causal));
        let [width, first, step] = self.gate.steps(self.heads);
        words.f32(self.scale).u32(width).u32(first).u32(step)
    }

    /// The grid of a shader whose workgroups own `tile` of a head's `rows` rows each.
    fn tile_grid(&self, rows: u32, tile: u32) -> [u32; 3] {
        linear_grid(self.sequences() * self.heads as usize * rows.div_ceil(tile) as usize)
    }

    /// Keys of sequence `n` that are there.
    fn keys_of(&self, lengths: Option<&[u32]>, n: usize) -> usize {
        lengths.map_or(self.keys, |lengths| lengths[n].min(self.keys)) as usize
    }
}

/// A tensor of which tasks write disjoint ranges.
#[derive(Debug, Clone, Copy)]
struct Shared {
    pointer: *mut f32,
    len: usize,
}

// SAFETY: a Shared is only an address; what it points to is written through `Shared::range` alone, under the rule stated there.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(tensor: &mut [f32]) -> Self {
        Self { pointer: tensor.as_mut_ptr(), len: tensor.len() }
    }

    /// `len` elements from `first` on.
    ///
    /// # Safety
    /// The tensor must still be borrowed by whoever made this, and no other reference to these elements may live.
    unsafe fn range<'a>(self, first: usize, len: usize) -> &'a mut [f32] {
        assert!(first + len <= self.len, "a task writes within its tensor");
        // SAFETY: the range is within the tensor; it is unaliased and alive, which the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(first), len) }
    }
}
