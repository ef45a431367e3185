//! The reference of each kernel: plain loops, f64. One file an operation, under the kernel's name.

pub mod attention;
pub mod batch_norm;
pub mod binary;
pub mod chain;
pub mod channel_mask;
pub mod conv2d;
pub mod coverage;
pub mod elastic_linear;
pub mod gather;
pub mod gram;
pub mod kernel_transform;
pub mod layer_norm;
pub mod matmul;
pub mod mixed_edge;
pub mod optimisers;
pub mod peak_multiply_add;
pub mod pool2d;
pub mod random;
pub mod reduce;
pub mod rotary;
pub mod sample;
pub mod softmax;
pub mod strided_copy;
pub mod unary;
pub mod unary_gradient;
pub mod vocabulary;
