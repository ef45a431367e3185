//! The cases, one file a family of kernels.

mod elementwise;
