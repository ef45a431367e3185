// One step of stochastic gradient descent with momentum and weight decay, in place, PyTorch's form, f32:
// g = clip * gradient + weight_decay * p;  v = momentum * v + g;  p -= rate * (NESTEROV ? g + momentum * v : v).
//
// With a clip below 0 the step is left out.
// The rate is computed here from clock[0]. An invocation updates four elements, 256 apart.
// Grid: ceil(len / 1024), folded into x and y.
// Bindings: 0 parameters, 1 gradient [len], 2 clip [1], 3 clock [2] (u32), 4 parameter [len], 5 velocity [len].
// Consts: NESTEROV = 0 1

#import "shared/grid"
#import "shared/schedule"

struct Parameters {
    len: u32,
    base: f32,
    minimum: f32,
    warmup: u32,
    total: u32,
    cosine: u32,
    momentum: f32,
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read> clock: array<u32>;
@group(0) @binding(4) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(5) var<storage, read_write> velocity: array<f32>;

fn update(i: u32, rate: f32, factor: f32) {
    if i >= parameters.len {
        return;
    }
    let p = parameter[i];
    let g = factor * gradient[i] + parameters.weight_decay * p;
    let v = parameters.momentum * velocity[i] + g;
    velocity[i] = v;
#if NESTEROV
    parameter[i] = p - rate * (g + parameters.momentum * v);
#else
    parameter[i] = p - rate * v;
#endif
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    if clip[0] < 0.0 {
        return;
    }
    let first = flat_workgroup(workgroup, groups) * 1024u + local;
    let rate = schedule_rate(
        clock[0],
        parameters.base,
        parameters.minimum,
        parameters.warmup,
        parameters.total,
        parameters.cosine,
    );
    let factor = clip[0];
    update(first, rate, factor);
    update(first + 256u, rate, factor);
    update(first + 512u, rate, factor);
    update(first + 768u, rate, factor);
}
