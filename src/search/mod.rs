//! The search: its configuration, and the files of a run's folder.

pub mod checkpoint;
pub mod config;
pub mod manifest;
pub mod metrics;
pub mod run_folder;
