//! Searches as a user starts them: from a measurement file to a report, through kills, and with bad input.

mod benchmark;
mod common;
mod explain;
mod folder;
#[cfg(target_os = "linux")]
mod full_disk;
mod halves;
mod interruption;
mod leak;
#[path = "../support/nas_bench_201.rs"]
mod nas_bench_201;
mod objectives;
mod questions;
mod refusals;
mod repetition;
mod tables;
mod tuning;
