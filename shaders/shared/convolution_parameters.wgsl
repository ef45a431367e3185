// The parameters of the forward pass of a convolution and of its input's gradient.

struct Parameters {
    architectures: u32,
    batch: u32,
    groups: u32,
    rows: u32,
    depth: u32,
    height: u32,
    width: u32,
    source_height: u32,
    source_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    weight_taps: u32,
    centre: u32,
    weight_stride: u32,
    gate_width: u32,
    gate_choice: u32,
}
