// dw[a,part,c,t] = sum_{n in part, p} dy[a,n,c,p] f(x[a,n,c,p+t]), f32: the gradient of the kernels, of at most 7 x 7, of a depthwise
// convolution, of some images each; the sum over the parts is a reduction of its own.
//
// A workgroup owns a channel, its invocations are shared by the rows of taps that are taken: for one of them each walks whole rows of
// the images, with the sums of eight taps in registers. SLIDE, without dilation: it moves a window of eight along x. What the
// invocations of a row of taps have is added in order.
// RELU: f = max(., 0). GATE: the gradient of architectures whose weight at the choice is 0 is 0. ELASTIC_OUTPUT, ELASTIC_REACH: that of
// channels from the architecture's extent on, and of taps beyond its reach, is 0 and skipped.
// Grid: A * parts * C, folded into x and y.
// Rounds: ceil(images of a part * height / (64 / kernel)) * (1 + width * (1 + stride)) + 64.
// Workgroup memory: 64 * 2 * 16 bytes.
// Bindings: 0 parameters, 1 x, 2 dy, then gate [A, width] (GATE), output_extents u32 [A] (ELASTIC_OUTPUT), reach u32 [A]
// (ELASTIC_REACH), dw [A, parts, C, taps].
// Halves: x dy
// Consts: SLIDE = 0 1; RELU = 0 1; GATE = 0 1; ELASTIC_OUTPUT = 0 1; ELASTIC_REACH = 0 1

#import "shared/grid"
#import "shared/convolution_weights_parameters"

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read> dy: array<f32>;
#if GATE
@group(0) @binding(_) var<storage, read> gate: array<f32>;
#endif
#if ELASTIC_OUTPUT
@group(0) @binding(_) var<storage, read> output_extents: array<u32>;
#endif
#if ELASTIC_REACH
@group(0) @binding(_) var<storage, read> reach: array<u32>;
#endif
@group(0) @binding(_) var<storage, read_write> dw: array<f32>;

#import "shared/depthwise"

var<workgroup> partial_low: array<vec4<f32>, 64>;
var<workgroup> partial_high: array<vec4<f32>, 64>;

// The element at `column` of the row that starts at `line`; 0 outside, where below 0 wraps around to large numbers.
fn load(line: u32, column: u32) -> f32 {
    var value = x[line + min(column, parameters.x_width - 1u)];
#if RELU
    value = max(value, 0.0);
#endif
    return select(0.0, value, column < parameters.x_width);
}

// Those that four taps from `column` on read.
fn load_four(line: u32, column: u32) -> vec4<f32> {
    let step = parameters.dilation;
    return vec4<f32>(
        load(line, column),
        load(line, column + step),
        load(line, column + 2u * step),
        load(line, column + 3u * step),
    );
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.parts * parameters.groups {
        return;
    }
    let channel = flat % parameters.groups;
    let section = flat / parameters.groups;
    let architecture = section / parameters.parts;
    let before = section % parameters.parts * parameters.part_images;
    let image = architecture * parameters.batch + before;
    let images = min(parameters.part_images, parameters.batch - before);
    let first = first_tap(architecture);
    let count = parameters.kernel - 2u * first;
    let walkers = 64u / count;
    let walker = local / count;
    let ky = first + local % count;
    let runs = is_open(architecture) && is_live(architecture, channel);
    let rows = select(0u, images * parameters.height, runs && walker < walkers);
    var low = vec4<f32>();
    var high = vec4<f32>();
    for (var row = walker; row < rows; row += walkers) {
        let plane = (image + row / parameters.height) * parameters.groups + channel;
        let y = row % parameters.height;
        let py = y * parameters.stride + ky * parameters.dilation - parameters.padding;
        if py < parameters.x_height {
            let line = (plane * parameters.x_height + py) * parameters.x_width;
            let at = (plane * parameters.height + y) * parameters.width;
            var column = 0u - parameters.padding;
#if SLIDE
            var left = load_four(line, column);
            var right = load_four(line, column + 4u);
            column += 8u;
            for (var i = 0u; i < parameters.width; i += 1u) {
                let factor = vec4<f32>(dy[at + i]);
                low = fma(factor, left, low);
                high = fma(factor, right, high);
                for (var step = 0u; step < parameters.stride; step += 1u) {
                    left = vec4<f32>(left.yzw, right.x);
                    right = vec4<f32>(right.yzw, load(line, column));
                    column += 1u;
                }
            }
#else
            for (var i = 0u; i < parameters.width; i += 1u) {
                let factor = vec4<f32>(dy[at + i]);
                low = fma(factor, load_four(line, column), low);
                high = fma(factor, load_four(line, column + 4u * parameters.dilation), high);
                column += parameters.stride;
            }
#endif
        }
    }
    partial_low[local] = low;
    partial_high[local] = high;
    workgroupBarrier();
    if local < parameters.kernel * parameters.kernel {
        // Below 0 wraps around to large numbers, which are not taken either.
        let tap = vec2<u32>(local / parameters.kernel, local % parameters.kernel);
        let taken = tap.x - first < count && tap.y - first < count;
        let own = min(tap.x - first, count - 1u);
        var total = 0.0;
        for (var i = 0u; i < walkers; i += 1u) {
            let place = i * count + own;
            total += select(partial_high[place][tap.y % 4u], partial_low[place][tap.y % 4u], tap.y < 4u);
        }
        dw[(section * parameters.groups + channel) * parameters.weight_taps + local] = select(0.0, total, taken);
    }
}
