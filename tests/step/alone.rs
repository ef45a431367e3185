//! Tests that count what the whole process does run one at a time.

use std::sync::{Mutex, MutexGuard};

/// Held by tests that count what the whole process does.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
