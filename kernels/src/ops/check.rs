//! What the dense kernels refuse: extents of zero, and sizes beyond what an index or a loop of a shader can count.

use crate::{Error, Result};

/// The largest number of iterations of an invocation through all loops of a shader: some drivers silently end a longer one.
pub(super) const ITERATIONS: u64 = 65_535;

/// Refuses extents of zero.
pub(super) fn positive(kernel: &'static str, extents: &[(&str, u64)]) -> Result<()> {
    match extents.iter().find(|(_, extent)| *extent == 0) {
        Some((name, _)) => Err(Error::Parameters { kernel, message: format!("{name} is 0") }),
        None => Ok(()),
    }
}

/// Refuses `value` above `limit`.
pub(super) fn at_most(kernel: &'static str, what: &str, value: u64, limit: u64) -> Result<()> {
    if value <= limit {
        return Ok(());
    }
    Err(Error::Parameters { kernel, message: format!("{what} is {value}, at most {limit} is possible") })
}

/// Refuses tensors whose elements a 32-bit index cannot count.
pub(super) fn countable(kernel: &'static str, what: &str, extents: &[u64]) -> Result<()> {
    let elements = extents.iter().try_fold(1u64, |product, extent| product.checked_mul(*extent)).unwrap_or(u64::MAX);
    at_most(kernel, &format!("the number of elements of {what}"), elements, u64::from(u32::MAX))
}
