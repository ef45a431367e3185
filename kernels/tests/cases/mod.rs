//! The cases, one file a family of kernels.

mod elementwise;
mod optimise;
mod pareto;
mod random;
mod sample;
