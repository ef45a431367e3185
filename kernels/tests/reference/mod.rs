//! The reference of each kernel: plain loops, f64. One file an operation, under the kernel's name.

pub mod gram;
pub mod optimisers;
pub mod random;
pub mod sample;
pub mod unary;
