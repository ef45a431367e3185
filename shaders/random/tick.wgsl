// clock[0] += step (u32): the step that random draws and learning rates are functions of. clock[1] is reserved.
//
// One invocation. Grid: 1.
// Bindings: 0 parameters, 1 clock [2] (u32).

struct Parameters {
    step: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> clock: array<u32>;

@compute @workgroup_size(1)
fn main() {
    clock[0] = clock[0] + parameters.step;
}
