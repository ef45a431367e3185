//! Every operation of the graph against PyTorch in f64, on the CPU executor and on the first adapter: outputs, and gradients
//! from a random upstream gradient. `generate.py` writes the golden values; the `.safetensors` files beside it hold them.
//!
//! `released` compares the two networks of the search with the paper's released weights, where those are at hand.

mod attention;
mod common;
mod convolution;
mod elastic;
mod elementwise;
mod layer_norm;
mod losses;
mod matmul;
mod mixed_edge;
mod normalisation;
mod optimisers;
mod pooling;
mod reductions;
mod released;
mod rotary;
mod squeeze_excitation;
mod supernet;
mod vocabulary;
