//! How fast the device at hand is, measured as kernel engineers measure: operations and whole steps, forward and backward, beside
//! the roofline of the very device and executor.
//!
//! A [`Case`] is built through the graph, so that what is timed is what a user gets. [`Roofline`] is measured first, by a kernel
//! that does nothing but multiply-adds and one that does nothing but copy. [`Workload::measure`] warms a plan up and replays it in
//! batches long enough for the clock; preparing it is no part of its time. [`Baseline`] keeps the results and compares later ones.

mod baseline;
mod case;
mod error;
mod kernels;
mod profile;
mod roofline;
mod steps;
pub mod table;
mod timing;
mod trace;
mod workload;

pub use baseline::{Baseline, Comparison, DeviceRecord};
pub use case::{Case, Gathered, case_with, cases, cases_with};
pub use error::BenchError;
pub use profile::{LaunchProfile, Profile};
pub use roofline::{Bound, Roofline};
pub use timing::{Pass, Timing};
pub use trace::trace;
pub use workload::{Clock, Measured, Ready, Sampling, Workload};
