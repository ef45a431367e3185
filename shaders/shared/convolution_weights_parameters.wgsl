// The parameters of the gradient of a convolution's weights.

struct Parameters {
    architectures: u32,
    batch: u32,
    parts: u32,
    part_images: u32,
    groups: u32,
    rows: u32,
    depth: u32,
    height: u32,
    width: u32,
    x_height: u32,
    x_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    weight_taps: u32,
    centre: u32,
    gate_width: u32,
    gate_choice: u32,
}
