//! The gate of a mixed operation: which architectures run a launch at all.

/// Opens a launch for the architectures `a` with `weights[a, choice] != 0`; the others are skipped on the device, and what
/// they would have written stays as it was.
///
/// The weights `[architectures, width]` are a slot of the gated kernel, so that a sample made on the device decides there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Choices of the decision.
    pub width: u32,
    /// The choice that opens the gate.
    pub choice: u32,
}

impl Gate {
    /// Whether architecture `a` runs.
    pub(crate) fn is_open(gate: Option<Self>, weights: Option<&[f32]>, a: usize) -> bool {
        match (gate, weights) {
            (Some(gate), Some(weights)) => weights[a * gate.width as usize + gate.choice as usize] != 0.0,
            _ => true,
        }
    }
}
