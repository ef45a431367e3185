//! Ctrl-C: once to end after the step at hand with a checkpoint, twice to end at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::CommandError;

/// The exit code of a program that was ended by Ctrl-C.
pub(super) const EXIT_CODE: u8 = 130;

static STOP: AtomicBool = AtomicBool::new(false);
static LISTENING: OnceLock<()> = OnceLock::new();

/// A flag that Ctrl-C (or the system's request to end) sets; the second time the process ends.
///
/// # Errors
/// Where the system refuses.
pub fn listen() -> Result<&'static AtomicBool, CommandError> {
    if LISTENING.get().is_none() {
        ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(EXIT_CODE));
            }
            eprintln!("ending after this step; once more ends at once");
        })?;
        // Set by this call or, if two raced, by the other one: the handler stands either way.
        let _ = LISTENING.set(());
    }
    Ok(&STOP)
}
