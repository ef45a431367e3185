//! The WGSL kernels of parnas as plain files, one folder a family.
//!
//! A shader is specialised by constants: [`specialise`] writes a prelude of `const`s before its text, resolves
//! `#import` and `#if`, and returns WGSL that any WebGPU implementation accepts. The crate knows nothing of
//! buffers or devices; which permutation a launch needs is said by the kernel crate. Every file lists in its header
//! the values of its constants that are in use ([`catalogue`]), and one test translates all of them to SPIR-V, MSL
//! and HLSL.

mod catalogue;
mod halves;
mod preprocess;

pub use catalogue::{Permutation, catalogue, declared_constants};
pub use halves::{Binding, Form, bindings_of, halves_of, specialise_halves};
pub use preprocess::{ShaderError, specialise};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of the shader `name` (for example `"matmul/matmul"`), before preprocessing.
pub fn source(name: &str) -> Option<&'static str> {
    FILES.binary_search_by_key(&name, |(file, _)| file).ok().map(|index| FILES[index].1)
}

/// Whether the header of the shader `name` says `Needs: subgroups`: a device without them cannot run it.
pub fn needs_subgroups(name: &str) -> bool {
    source(name).is_some_and(|text| {
        text.lines().take_while(|line| line.starts_with("//")).any(|line| line.starts_with("// Needs: subgroups"))
    })
}

/// A hash of all shader texts, imports included: what was measured with other texts says nothing of these.
pub fn hash() -> u64 {
    fnv(FILES.iter().flat_map(|(file, text)| file.bytes().chain([0]).chain(text.bytes()).chain([0])))
}

/// FNV-1a, 64 bits: the same on every machine.
pub fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
