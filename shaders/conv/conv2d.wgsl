// y[a,n,o,p] = sum_{i,t} w[a,o,i,t] f(x[a,n,i,p+t]), f32, for A architectures and `groups` groups of channels; and, with
// INPUT_GRADIENT, dx[a,n,i,q] = sum_{o,t: p+t=q} w[a,o,i,t] dy[a,n,o,p] (+ known) where x > 0.
//
// Both are matrix products [rows, depth * taps] x [depth * taps, pixels] whose right factor is gathered from the source: the
// rows are the channels of the result in a group, the depth those of the source, the pixels all positions of all images.
// TILE 1, 2: a workgroup owns BM x 64 of it (BM = 16, 64) and walks depth * taps in steps of 16 through workgroup memory; an
// invocation keeps 4 x 4 in registers. TILE 0, for few rows in a group: an invocation owns an element.
// RELU: f = max(., 0); in the gradient, x is bound as a mask. GATE: architectures whose weight at the choice is 0 are skipped;
// in the gradient theirs is `known`, or 0. ELASTIC_INPUT, ELASTIC_OUTPUT: channels from the architecture's extent on are not read,
// and are 0 (or `known`) where they are the result. Weights of all architectures, or shared (stride 0); `centre` points to the
// centre tap of a larger kernel.
// Grid: architectures * groups * ceil(rows / BM) * ceil(pixels / 64), or ceil(elements / 256), folded into x and y.
// Rounds: 14 for each 16 of depth * taps and 16 at the end, at most (TILE 1, 2); depth * (1 + kernel + taps) (TILE 0).
// Workgroup memory: (BM + 72) * 16 * 4 bytes.
// Bindings: 0 parameters, 1 source, 2 weights, then x [A,N,..] (RELU of the gradient), gate [A, width] (GATE), input_extents u32 [A]
// (ELASTIC_INPUT), output_extents u32 [A] (ELASTIC_OUTPUT), known (ACCUMULATE 1), result, to which is added (ACCUMULATE 2).
// Halves: source x known result
// Consts: INPUT_GRADIENT = 0 1; TILE = 0 1 2; RELU = 0 1; GATE = 0 1; ACCUMULATE = 0 1 2
// Consts: ELASTIC_INPUT = 0 1; ELASTIC_OUTPUT = 0 1

#import "shared/convolution"
#import "shared/grid"

// The source's element that tap (ky, kx) brings to position (y, x) of the result, in the plane that starts at `base`; 0 outside.
fn gather(base: u32, y: u32, x_: u32, ky: u32, kx: u32) -> f32 {
#if INPUT_GRADIENT
    let sy = y + parameters.padding - ky * parameters.dilation;
    let sx = x_ + parameters.padding - kx * parameters.dilation;
    let py = sy / parameters.stride;
    let px = sx / parameters.stride;
    // Below 0 wraps around to large numbers, which lie outside too.
    let inside = sy % parameters.stride == 0u && sx % parameters.stride == 0u
        && py < parameters.source_height && px < parameters.source_width;
#else
    let py = y * parameters.stride + ky * parameters.dilation - parameters.padding;
    let px = x_ * parameters.stride + kx * parameters.dilation - parameters.padding;
    let inside = py < parameters.source_height && px < parameters.source_width;
#endif
    let at = base + min(py, parameters.source_height - 1u) * parameters.source_width + min(px, parameters.source_width - 1u);
    var value = source[at];
#if !INPUT_GRADIENT
#if RELU
    value = max(value, 0.0);
#endif
#endif
    return select(0.0, value, inside);
}

#if TILE == 0

// Packed: elements
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let plane = parameters.height * parameters.width;
    let channels = parameters.groups * parameters.rows;
    let at = flat_invocation(workgroup, groups, local, 256u);
    if at >= parameters.architectures * parameters.batch * channels * plane {
        return;
    }
    let image = at / (channels * plane);
    let architecture = image / parameters.batch;
    let channel = at / plane % channels;
    let group = channel / parameters.rows;
    let row = channel % parameters.rows;
    let y = at % plane / parameters.width;
    let x_ = at % parameters.width;
    let source_plane = parameters.source_height * parameters.source_width;
    let base = (image * parameters.groups + group) * parameters.depth * source_plane;
    var total = 0.0;
    if is_open(architecture) {
        let depth = select(0u, live_depth(architecture), row < live_rows(architecture));
        for (var c = 0u; c < depth; c += 1u) {
            for (var ky = 0u; ky < parameters.kernel; ky += 1u) {
                for (var kx = 0u; kx < parameters.kernel; kx += 1u) {
                    let weight = weight_at(architecture, group, row, c, ky, kx);
                    total = fma(weight, gather(base + c * source_plane, y, x_, ky, kx), total);
                }
            }
        }
    }
#if !INPUT_GRADIENT
    else {
        return;
    }
#endif
    finish(at, total);
}

#else

#if TILE == 1
const BM = 16u;
#else
const BM = 64u;
#endif
const BN = 64u;
const BK = 16u;
const INVOCATIONS = BM / 4u * (BN / 4u);
// One column of padding: invocations that store neighbouring k land in different banks.
const ROW_A = BM / 4u + 1u;
const ROW_B = BN / 4u + 1u;

// tile_a[kk][row / 4] holds the weights of four rows at one (channel, tap); tile_b[kk][pixel / 4] four pixels of the source.
var<workgroup> tile_a: array<vec4<f32>, ROW_A * BK>;
var<workgroup> tile_b: array<vec4<f32>, ROW_B * BK>;

fn weight_of(architecture: u32, group: u32, row: u32, live: bool, channel: u32, ky: u32, kx: u32) -> f32 {
    let value = weight_at(architecture, group, min(row, parameters.rows - 1u), channel, ky, kx);
    return select(0.0, value, live && row < live_rows(architecture));
}

fn store_row(architecture: u32, group: u32, row: u32, pixel: u32, values: vec4<f32>) {
    if row >= parameters.rows {
        return;
    }
    let plane = parameters.height * parameters.width;
    for (var i = 0u; i < 4u; i += 1u) {
        let p = pixel + i;
        if p < parameters.batch * plane {
            let image = architecture * parameters.batch + p / plane;
            let channel = (image * parameters.groups + group) * parameters.rows + row;
            finish(channel * plane + p % plane, values[i]);
        }
    }
}

// Packed: runs
@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let plane = parameters.height * parameters.width;
    let pixels = parameters.batch * plane;
    let tiles_m = (parameters.rows + BM - 1u) / BM;
    let tiles_n = (pixels + BN - 1u) / BN;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.groups * tiles_m * tiles_n {
        return;
    }
    let batch = flat / (tiles_m * tiles_n);
    let tile = flat % (tiles_m * tiles_n);
    let architecture = batch / parameters.groups;
    let group = batch % parameters.groups;
    let row0 = (tile / tiles_n) * BM;
    let column0 = (tile % tiles_n) * BN;
    let open = is_open(architecture);
#if !INPUT_GRADIENT
    if !open {
        return;
    }
#endif
#if ACCUMULATE == 2
    if !open {
        return;
    }
#endif
    let my_row = local / (BN / 4u);
    let my_column = local % (BN / 4u);

    // The four pixels whose source this invocation loads are the same for every step.
    let pixel = min(vec4<u32>(column0 + my_column * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(pixels - 1u));
    let image = vec4<u32>(architecture * parameters.batch) + pixel / plane;
    let y = pixel % plane / parameters.width;
    let x_ = pixel % parameters.width;
    let source_plane = parameters.source_height * parameters.source_width;
    let base = (image * parameters.groups + group) * (parameters.depth * source_plane);
    let taps = parameters.kernel * parameters.kernel;
    let steps = select(0u, live_depth(architecture) * taps, open && row0 < live_rows(architecture));

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var depth0 = 0u; depth0 < steps; depth0 += BK) {
        for (var i = local; i < BK * (BM / 4u); i += INVOCATIONS) {
            let kk = i % BK;
            let row = row0 + i / BK * 4u;
            let live = depth0 + kk < steps;
            let depth = min(depth0 + kk, steps - 1u);
            let channel = depth / taps;
            let ky = depth % taps / parameters.kernel;
            let kx = depth % parameters.kernel;
            tile_a[kk * ROW_A + i / BK] = vec4<f32>(
                weight_of(architecture, group, row, live, channel, ky, kx),
                weight_of(architecture, group, row + 1u, live, channel, ky, kx),
                weight_of(architecture, group, row + 2u, live, channel, ky, kx),
                weight_of(architecture, group, row + 3u, live, channel, ky, kx),
            );
        }
        for (var i = local; i < BK * (BN / 4u); i += INVOCATIONS) {
            let kk = i / (BN / 4u);
            // Beyond the last step the weights are 0 and the source any number of it.
            let depth = min(depth0 + kk, steps - 1u);
            let ky = depth % taps / parameters.kernel;
            let kx = depth % parameters.kernel;
            let start = base + depth / taps * source_plane;
            tile_b[kk * ROW_B + my_column] = vec4<f32>(
                gather(start.x, y.x, x_.x, ky, kx),
                gather(start.y, y.y, x_.y, ky, kx),
                gather(start.z, y.z, x_.z, ky, kx),
                gather(start.w, y.w, x_.w, ky, kx),
            );
        }
        workgroupBarrier();
        for (var kk = 0u; kk < BK; kk += 2u) {
            var av = tile_a[kk * ROW_A + my_row];
            var bv = tile_b[kk * ROW_B + my_column];
            c0 = fma(vec4<f32>(av.x), bv, c0);
            c1 = fma(vec4<f32>(av.y), bv, c1);
            c2 = fma(vec4<f32>(av.z), bv, c2);
            c3 = fma(vec4<f32>(av.w), bv, c3);
            av = tile_a[(kk + 1u) * ROW_A + my_row];
            bv = tile_b[(kk + 1u) * ROW_B + my_column];
            c0 = fma(vec4<f32>(av.x), bv, c0);
            c1 = fma(vec4<f32>(av.y), bv, c1);
            c2 = fma(vec4<f32>(av.z), bv, c2);
            c3 = fma(vec4<f32>(av.w), bv, c3);
        }
        workgroupBarrier();
    }
    let row = row0 + my_row * 4u;
    let column = column0 + my_column * 4u;
    store_row(architecture, group, row, column, c0);
    store_row(architecture, group, row + 1u, column, c1);
    store_row(architecture, group, row + 2u, column, c2);
    store_row(architecture, group, row + 3u, column, c3);
}

#endif
