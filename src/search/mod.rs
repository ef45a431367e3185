//! The search: its configuration, the step, the driver, and the files of a run's folder.

pub mod candidates;
pub mod checkpoint;
pub mod config;
pub mod device;
pub mod driver;
mod error;
pub mod estimates;
pub mod evaluation;
pub mod fronts;
pub mod manifest;
pub mod memory;
pub mod metrics;
pub mod objectives;
pub mod output;
mod predictors;
pub mod query;
pub mod rehearsal;
pub mod results;
pub mod run_folder;
pub mod session;
pub mod setup;
pub mod step;
pub mod surrogate;
pub mod tabled;
pub mod tuning;

pub use error::SearchError;
