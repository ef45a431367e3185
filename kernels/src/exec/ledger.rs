//! How many bytes an executor holds: what a plan's figures can be held against.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of everything entered that is still alive.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<AtomicU64>);

impl Ledger {
    /// Counts `bytes` for as long as the entry lives.
    pub(super) fn enter(&self, bytes: u64) -> Entry {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Entry { bytes, ledger: self.clone() }
    }

    /// Bytes that are alive.
    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bytes of a ledger.
#[derive(Debug)]
pub(super) struct Entry {
    bytes: u64,
    ledger: Ledger,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.ledger.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
