//! The reference of each kernel: plain loops, f64. One file an operation, under the kernel's name.

pub mod unary;
