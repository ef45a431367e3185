// One step of Adam (Kingma and Ba 2015) or, DECOUPLED, AdamW (Loshchilov and Hutter 2019), in place, PyTorch's form, f32:
// g = clip * gradient (+ weight_decay * p, or p *= 1 - rate * weight_decay first);  m = beta1 m + (1 - beta1) g;
// v = beta2 v + (1 - beta2) g^2;  p -= rate * (m / c1) / (sqrt(v / c2) + epsilon),  c = 1 - beta^(clock[0] + 1).
//
// With a clip below 0 the step is left out.
// The rate and the corrections are computed here from clock[0]. An invocation updates four elements, 256 apart.
// Grid: ceil(len / 1024), folded into x and y.
// Bindings: 0 parameters, 1 gradient [len], 2 clip [1], 3 clock [2] (u32), 4 parameter [len], 5 first_moment [len],
// 6 second_moment [len].
// Consts: DECOUPLED = 0 1

#import "shared/grid"
#import "shared/schedule"

struct Parameters {
    len: u32,
    base: f32,
    minimum: f32,
    warmup: u32,
    total: u32,
    cosine: u32,
    beta1: f32,
    beta2: f32,
    log_beta1: f32,
    log_beta2: f32,
    epsilon: f32,
    weight_decay: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read> clock: array<u32>;
@group(0) @binding(4) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(5) var<storage, read_write> first_moment: array<f32>;
@group(0) @binding(6) var<storage, read_write> second_moment: array<f32>;

fn update(i: u32, rate: f32, factor: f32, step: f32, root: f32) {
    if i >= parameters.len {
        return;
    }
    var p = parameter[i];
    var g = factor * gradient[i];
#if DECOUPLED
    p = p - rate * parameters.weight_decay * p;
#else
    g = g + parameters.weight_decay * p;
#endif
    let m = parameters.beta1 * first_moment[i] + (1.0 - parameters.beta1) * g;
    let v = parameters.beta2 * second_moment[i] + (1.0 - parameters.beta2) * g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    parameter[i] = p - step * m / (sqrt(v) / root + parameters.epsilon);
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
    let t = clock[0];
    let rate = schedule_rate(
        t,
        parameters.base,
        parameters.minimum,
        parameters.warmup,
        parameters.total,
        parameters.cosine,
    );
    let steps = f32(t) + 1.0;
    let step = rate / one_minus_exponential(steps * parameters.log_beta1);
    let root = sqrt(one_minus_exponential(steps * parameters.log_beta2));
    let factor = clip[0];
    update(first, rate, factor, step, root);
    update(first + 256u, rate, factor, step, root);
    update(first + 512u, rate, factor, step, root);
    update(first + 768u, rate, factor, step, root);
}
