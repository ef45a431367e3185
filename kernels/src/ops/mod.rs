//! One file an operation: typed parameters, its CPU kernel, its cost. The WGSL stands under the same name in
//! `parnas-shaders`.

mod unary;

pub use unary::{Function, Unary};
