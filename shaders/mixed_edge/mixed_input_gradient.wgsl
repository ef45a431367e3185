// dx = known (or 0) + w1 g + w4 transpose(pool)(g), f32: [A, N, C, H, W]. The transpose adds, over the windows that an element is part of,
// their gradients divided by what each averages.
//
// One invocation a strip of up to eight rows (`shared/strip`), each workgroup of one architecture; operations of weight 0 are skipped.
// Grid: A * ceil(N * C * ceil(H / 8) * W / 256), folded into x and y.
// Rounds: 8.
// Bindings: 0 parameters, 1 g, 2 weights [A, 5], then known (ACCUMULATE 1), dx, to which is added (ACCUMULATE 2).
// Halves: g known dx
// Consts: ACCUMULATE = 0 1 2

#import "shared/grid"
#import "shared/mixed_edge"
#import "shared/strip"
#import "shared/window"

@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
#if ACCUMULATE == 1
@group(0) @binding(3) var<storage, read> known: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
#else
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
#endif

fn tap(plane: u32, i: u32, j: u32) -> f32 {
    return pool_share(i, j) * g[plane + i * parameters.width + j];
}

// Packed: pairs
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Workgroups do not straddle architectures: all invocations skip the same operations.
    let planes = parameters.batch * parameters.channels;
    let blocks = (planes * strips(plane_extent(), STRIP) + 255u) / 256u;
    let group = flat_workgroup(workgroup, groups);
    let a = group / blocks;
    let strip = strip_of((group - a * blocks) * 256u + local, plane_extent(), STRIP);
    if a >= parameters.architectures || strip.plane >= planes {
        return;
    }
    let plane = (a * planes + strip.plane) * spatial();
    let skip = weights[a * CHOICES + 1u];
    let pool = weights[a * CHOICES + 4u];
    let j = strip.column;
    var window = Window();
    if pool != 0.0 {
        window = window_at(plane, strip.first, j);
    }
    for (var i = strip.first; i < strip.end; i += 1u) {
        let at = plane + i * parameters.width + j;
#if ACCUMULATE == 1
        var sum = known[at];
#endif
#if ACCUMULATE == 2
        var sum = dx[at];
#endif
#if !ACCUMULATE
        var sum = 0.0;
#endif
        if skip != 0.0 {
            sum += skip * g[at];
        }
        if pool != 0.0 {
            sum += pool * window_sum(window);
            window = window_down(window, plane, i + 1u, j);
        }
        dx[at] = sum;
    }
}
