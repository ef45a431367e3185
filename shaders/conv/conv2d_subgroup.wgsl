// y[a,n,o,p] = sum_{i,t} w[a,o,i,t] f(x[a,n,i,p+t]), f32, for A architectures and `groups` groups of channels; and, with
// INPUT_GRADIENT, dx[a,n,i,q] = sum_{o,t: p+t=q} w[a,o,i,t] dy[a,n,o,p] (+ known) where x > 0. As `conv/conv2d`, whose words are used here.
//
// A subgroup of 8 owns 8 channels of the result x 16 pixels: each invocation two pixels, in registers. It walks the taps, and in
// each the channels of the source in steps of 8: each invocation loads the weights of one channel, and broadcasts them to the
// others when its turn has come. A weight is loaded once a subgroup, a tap finds its places in the source once, and nothing
// passes through workgroup memory. A workgroup is 8 subgroups, side by side along the pixels.
// The sum runs over taps, then channels. RELU, GATE, ACCUMULATE, ELASTIC_INPUT, ELASTIC_OUTPUT, the weights' stride and `centre`: as
// `conv/conv2d`.
// Grid: architectures * groups * ceil(rows / 8) * ceil(pixels / 128), folded into x and y.
// Rounds: kernel * (1 + kernel * (1 + depth / 8)), at most.
// Needs: subgroups of 8.
// Bindings: 0 parameters, 1 source, 2 weights, then x [A,N,..] (RELU of the gradient), gate [A, width] (GATE), input_extents u32 [A]
// (ELASTIC_INPUT), output_extents u32 [A] (ELASTIC_OUTPUT), known (ACCUMULATE 1), result, to which is added (ACCUMULATE 2).
// Halves: source x known result
// Consts: INPUT_GRADIENT = 0 1; RELU = 0 1; GATE = 0 1; ACCUMULATE = 0 1 2
// Consts: ELASTIC_INPUT = 0 1; ELASTIC_OUTPUT = 0 1

#import "shared/convolution"
#import "shared/grid"

// Beyond the last channel that the architecture reads the weights are 0, and the source is that channel's.
fn weight_of(architecture: u32, group: u32, row: u32, channel: u32, live: u32, ky: u32, kx: u32) -> f32 {
    let r = min(row, parameters.rows - 1u);
    let c = min(channel, parameters.depth - 1u);
    return select(0.0, weight_at(architecture, group, r, c, ky, kx), channel < live);
}

fn weights_of(architecture: u32, group: u32, row: u32, channel: u32, live: u32, ky: u32, kx: u32) -> vec4<f32> {
    return vec4<f32>(
        weight_of(architecture, group, row, channel, live, ky, kx),
        weight_of(architecture, group, row + 1u, channel, live, ky, kx),
        weight_of(architecture, group, row + 2u, channel, live, ky, kx),
        weight_of(architecture, group, row + 3u, channel, live, ky, kx),
    );
}

// The source at `place` of channel `channel` of the group that starts at `base`; 0 where the tap lies outside.
fn source_at(base: u32, channel: u32, live: u32, place: u32, inside: bool) -> vec4<f32> {
    let c = min(channel, live - 1u);
    var value = source[base + c * (parameters.source_height * parameters.source_width) + place];
#if !INPUT_GRADIENT
#if RELU
    value = max(value, 0.0);
#endif
#endif
    return vec4<f32>(select(0.0, value, inside));
}

fn store(at: u32, row: u32, live: u32, value: f32) {
    if row < parameters.rows {
        finish(at + row * (parameters.height * parameters.width), select(0.0, value, row < live));
    }
}

fn store_rows(at: u32, row: u32, live: u32, values: vec4<f32>) {
    store(at, row, live, values.x);
    store(at, row + 1u, live, values.y);
    store(at, row + 2u, live, values.z);
    store(at, row + 3u, live, values.w);
}

// A pixel of the result, and the source of its group.
struct Pixel {
    image: u32,
    element: u32,
    y: u32,
    x: u32,
    base: u32,
}

fn pixel_of(architecture: u32, group: u32, pixel: u32) -> Pixel {
    let plane = parameters.height * parameters.width;
    let n = pixel / plane;
    let element = pixel - n * plane;
    let y = element / parameters.width;
    let image = architecture * parameters.batch + n;
    let base = (image * parameters.groups + group) * (parameters.depth * (parameters.source_height * parameters.source_width));
    return Pixel(image, element, y, element - y * parameters.width, base);
}

// Where a tap of a pixel lies in a plane of the source, and whether it does.
struct Tap {
    place: u32,
    inside: bool,
}

fn tap_of(pixel: Pixel, ky: u32, kx: u32) -> Tap {
    // Below 0 wraps around to large numbers, which lie outside too.
#if INPUT_GRADIENT
    let sy = pixel.y + parameters.padding - ky * parameters.dilation;
    let sx = pixel.x + parameters.padding - kx * parameters.dilation;
    var py = sy;
    var px = sx;
    var whole = true;
    // A division is dear, and most strides are 1.
    if parameters.stride != 1u {
        py = sy / parameters.stride;
        px = sx / parameters.stride;
        whole = py * parameters.stride == sy && px * parameters.stride == sx;
    }
    let inside = whole && py < parameters.source_height && px < parameters.source_width;
#else
    let py = pixel.y * parameters.stride + ky * parameters.dilation - parameters.padding;
    let px = pixel.x * parameters.stride + kx * parameters.dilation - parameters.padding;
    let inside = py < parameters.source_height && px < parameters.source_width;
#endif
    let place = min(py, parameters.source_height - 1u) * parameters.source_width + min(px, parameters.source_width - 1u);
    return Tap(place, inside);
}

fn store_pixel(group: u32, pixel: Pixel, row: u32, live: u32, upper: vec4<f32>, lower: vec4<f32>) {
    let at = (pixel.image * parameters.groups + group) * (parameters.rows * parameters.height * parameters.width) + pixel.element;
    store_rows(at, row, live, upper);
    store_rows(at, row + 4u, live, lower);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let pixels = parameters.batch * parameters.height * parameters.width;
    let tiles_m = (parameters.rows + 7u) / 8u;
    let tiles_n = (pixels + 127u) / 128u;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.groups * tiles_m * tiles_n {
        return;
    }
    let section = flat / (tiles_m * tiles_n);
    let tile = flat % (tiles_m * tiles_n);
    let architecture = section / parameters.groups;
    let group = section % parameters.groups;
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
    let row = tile / tiles_n * 8u;
    let column = tile % tiles_n * 128u + subgroup * 16u + lane;
    let first = pixel_of(architecture, group, min(column, pixels - 1u));
    let second = pixel_of(architecture, group, min(column + 8u, pixels - 1u));
    let kernel = select(0u, parameters.kernel, open);
    let depth = live_depth(architecture);
    let live = live_rows(architecture);

    // Of four channels of the result at the first pixel and at the second, and of four more.
    var a0 = vec4<f32>();
    var b0 = vec4<f32>();
    var a1 = vec4<f32>();
    var b1 = vec4<f32>();
    for (var ky = 0u; ky < kernel; ky += 1u) {
        for (var kx = 0u; kx < kernel; kx += 1u) {
            let a = tap_of(first, ky, kx);
            let b = tap_of(second, ky, kx);
            for (var c = 0u; c < depth; c += 8u) {
                let w0 = weights_of(architecture, group, row, c + lane, depth, ky, kx);
                let w1 = weights_of(architecture, group, row + 4u, c + lane, depth, ky, kx);
#repeat LANE 8
                {
                    let u = source_at(first.base, c + LANE, depth, a.place, a.inside);
                    let v = source_at(second.base, c + LANE, depth, b.place, b.inside);
                    let upper = subgroupBroadcast(w0, LANE);
                    let lower = subgroupBroadcast(w1, LANE);
                    a0 = fma(upper, u, a0);
                    b0 = fma(upper, v, b0);
                    a1 = fma(lower, u, a1);
                    b1 = fma(lower, v, b1);
                }
#end
            }
        }
    }
    if column < pixels {
        store_pixel(group, first, row, live, a0, a1);
    }
    if column + 8u < pixels {
        store_pixel(group, second, row, live, b0, b1);
    }
}
