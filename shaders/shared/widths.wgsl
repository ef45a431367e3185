// The widths of a decision and what else its coverage is made of; the importing kernel binds `parameters`.

struct Parameters {
    architectures: u32,
    choices: u32,
    width: u32,
    evaluate_all: u32,
    gate_width: u32,
    gate_choice: u32,
    unused_0: u32,
    unused_1: u32,
    widths: array<vec4<u32>, 8>,
}

fn width_of(k: u32) -> u32 {
    return parameters.widths[k / 4u][k % 4u];
}
