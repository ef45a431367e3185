//! Searches as a user starts them: from a measurement file to a report, through kills, and with bad input.

mod common;
mod explain;
mod folder;
#[cfg(target_os = "linux")]
mod full_disk;
mod halves;
mod interruption;
mod leak;
mod objectives;
mod questions;
mod refusals;
mod repetition;
mod tuning;
