// The mixed edge of NAS-Bench-201: its parameters, where an element lies, and average pooling 3x3 (stride 1, padding 1 that is not
// counted). Choices: 0 none, 1 skip, 2 convolution 1x1, 3 convolution 3x3, 4 average pooling.

const CHOICES: u32 = 5u;

struct Parameters {
    architectures: u32,
    batch: u32,
    channels: u32,
    height: u32,
    width: u32,
    epsilon: f32,
    evaluate_all: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;

// Rows of a column that an invocation owns (`shared/strip`).
const STRIP = 8u;

fn plane_extent() -> vec2<u32> {
    return vec2<u32>(parameters.height, parameters.width);
}

fn spatial() -> u32 {
    return parameters.height * parameters.width;
}

// Whether an operation of this weight is evaluated.
fn evaluates(weight: f32) -> bool {
    return weight != 0.0 || parameters.evaluate_all != 0u;
}

// How many of i - 1, i, i + 1 lie inside.
fn inside(i: u32, extent: u32) -> u32 {
    return 1u + select(0u, 1u, i > 0u) + select(0u, 1u, i + 1u < extent);
}

// One over the number of elements that the window around (i, j) averages.
fn pool_share(i: u32, j: u32) -> f32 {
    return 1.0 / f32(inside(i, parameters.height) * inside(j, parameters.width));
}
