//! The cases, one file a family of kernels.

mod attention;
mod batch_norm;
mod chain;
mod conv2d;
mod elastic;
mod elastic_conv2d;
mod elementwise;
mod fuse;
mod gather;
mod host;
mod kernel_transform;
mod layer_norm;
mod matmul;
mod mixed_edge;
mod optimise;
mod pareto;
mod pool2d;
mod random;
mod reduce;
mod roofline;
mod rotary;
mod sample;
mod shape;
mod softmax;
mod tune;
mod vocabulary;
