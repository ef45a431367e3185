// The parameters of pooling, and the windows along an axis.

struct Parameters {
    planes: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    include_padding: u32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;

// The first and the end of the window of output `o` along an axis of `extent`.
fn window(o: u32, extent: u32) -> vec2<u32> {
    let start = o * parameters.stride;
    let first = max(start, parameters.padding) - parameters.padding;
    let end = min(start + parameters.kernel - parameters.padding, extent);
    return vec2<u32>(first, end);
}

// The first and the end of the outputs, of `outputs`, whose windows hold place `i` of an axis: those o with
// o stride - padding <= i < o stride - padding + kernel.
fn holders(i: u32, outputs: u32) -> vec2<u32> {
    let first = (max(i + parameters.padding + 1u, parameters.kernel) - parameters.kernel + parameters.stride - 1u) / parameters.stride;
    let end = min((i + parameters.padding) / parameters.stride + 1u, outputs);
    return vec2<u32>(first, end);
}
