//! Refusing parameters that make no kernel.

use crate::{Error, Result};

/// The longest loop that a kernel may run: a Mesa driver ends longer ones without a word.
pub(crate) const LONGEST_LOOP: u32 = 65_535;

/// Refuses parameters of `kernel` unless `condition` holds; `message` says what they must be.
pub(crate) fn require(condition: bool, kernel: &'static str, message: &str) -> Result<()> {
    if condition { Ok(()) } else { Err(Error::Parameters { kernel, message: message.to_owned() }) }
}

/// Refuses a tensor that has no element, or more than a `u32` counts.
pub(crate) fn require_len(len: usize, kernel: &'static str) -> Result<()> {
    require(len > 0 && u32::try_from(len).is_ok(), kernel, "a tensor has between 1 and 2^32 - 1 elements")
}
