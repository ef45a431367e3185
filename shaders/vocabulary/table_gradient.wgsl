// dtable[a,v,d] += sum_i dlogits[a,i,v] h[a,i,d], f32: what a chunk of rows adds to the gradient of a table of outputs, in place.
//
// A workgroup owns 64 x 64 of dtable and walks the rows in steps of 16 through workgroup memory; an invocation keeps 4 x 4 of
// the tile in registers and adds it to what stands there at the end. Edges are masked on load and on store.
// Grid: A * ceil(classes / 64) * ceil(width / 64) workgroups, folded into x and y. Workgroup memory: 8 KiB.
// Rounds: 21 ceil(chunk / 16) + 20, chunk at most 40,000.
// Bindings: 0 parameters, 1 dlogits [A, chunk, classes], 2 h [A, chunk, width], 3 dtable [A, classes, width].

#import "shared/grid"

struct Parameters {
    architectures: u32,
    chunk: u32,
    classes: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> dlogits: array<f32>;
@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<f32>;

var<workgroup> tile_of_logits: array<f32, 1024>;
var<workgroup> tile_of_h: array<f32, 1024>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let down = (parameters.classes + 63u) / 64u;
    let across = (parameters.width + 63u) / 64u;
    let flat = flat_workgroup(workgroup, groups);
    let a = flat / across / down;
    if a >= parameters.architectures {
        return;
    }
    let first_class = flat / across % down * 64u;
    let first_channel = flat % across * 64u;
    let column = local % 64u;
    let own_class = 4u * (local / 16u);
    let own_channel = 4u * (local % 16u);
    var sums: array<vec4<f32>, 4>;
    for (var first = 0u; first < parameters.chunk; first += 16u) {
        for (var part = 0u; part < 4u; part += 1u) {
            let depth = 4u * part + local / 64u;
            let row = a * parameters.chunk + first + depth;
            let inside = first + depth < parameters.chunk;
            var of_logits = 0.0;
            if inside && first_class + column < parameters.classes {
                of_logits = dlogits[row * parameters.classes + first_class + column];
            }
            tile_of_logits[depth * 64u + column] = of_logits;
            var of_h = 0.0;
            if inside && first_channel + column < parameters.width {
                of_h = h[row * parameters.width + first_channel + column];
            }
            tile_of_h[depth * 64u + column] = of_h;
        }
        workgroupBarrier();
        for (var depth = 0u; depth < 16u; depth += 1u) {
            let at = depth * 64u + own_channel;
            let right = vec4<f32>(tile_of_h[at], tile_of_h[at + 1u], tile_of_h[at + 2u], tile_of_h[at + 3u]);
            let left = depth * 64u + own_class;
            sums[0] += tile_of_logits[left] * right;
            sums[1] += tile_of_logits[left + 1u] * right;
            sums[2] += tile_of_logits[left + 2u] * right;
            sums[3] += tile_of_logits[left + 3u] * right;
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r += 1u) {
        let v = first_class + own_class + r;
        if v < parameters.classes {
            let at = (a * parameters.classes + v) * parameters.width;
            for (var q = 0u; q < 4u; q += 1u) {
                let d = first_channel + own_channel + q;
                if d < parameters.width {
                    dtable[at + d] += sums[r][q];
                }
            }
        }
    }
}
