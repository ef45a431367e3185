//! The WGSL kernels of parnas as plain files, one folder a family.
//!
//! A shader is specialised by constants: [`specialise`] writes a prelude of `const`s before its text, resolves
//! `#import` and `#if`, and returns WGSL that any WebGPU implementation accepts. The crate knows nothing of
//! buffers or devices; which permutation a launch needs is said by the kernel crate. Every file lists in its header
//! the values of its constants that are in use ([`catalogue`]), and one test translates all of them to SPIR-V, MSL
//! and HLSL.

mod catalogue;
mod preprocess;

pub use catalogue::{Permutation, catalogue, declared_constants};
pub use preprocess::{ShaderError, specialise};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of the shader `name` (for example `"matmul/matmul"`), before preprocessing.
pub fn source(name: &str) -> Option<&'static str> {
    FILES.binary_search_by_key(&name, |(file, _)| file).ok().map(|index| FILES[index].1)
}
