//! Multi-objective differentiable neural architecture search on any GPU, or none.

pub mod bench;
pub mod benchmark;
pub mod cli;
pub mod data;
pub mod date;
pub mod files;
pub mod graph;
pub mod hardware;
pub mod hyper;
pub mod nn;
pub mod pareto;
pub mod report;
pub mod search;
pub mod space;
pub mod supernet;
