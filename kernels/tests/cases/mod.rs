//! The cases, one file a family of kernels.

mod elementwise;
mod gather;
mod matmul;
mod optimise;
mod pareto;
mod random;
mod reduce;
mod sample;
mod shape;
mod softmax;
