// dw[a,part,o,i,t] = sum_{n in part, p} dy[a,n,o,p] f(x[a,n,i,p+t]), f32: the gradient of a convolution's weights, of some images
// each; the sum over the parts is a reduction of its own.
//
// TILE 1: the matrix product [rows, pixels] x [pixels, depth * taps] of each architecture, part and group; a workgroup owns
// 16 x 64 of it and walks the part's pixels in steps of 16 through workgroup memory; an invocation keeps 4 x 4 in registers.
// TILE 0, for few rows in a group: a workgroup owns an element and sums it as a fixed tree of 256.
// RELU: f = max(., 0). GATE: the gradient of architectures whose weight at the choice is 0 is 0.
// ELASTIC_INPUT, ELASTIC_OUTPUT: weights of channels from the architecture's extents on are 0 and skipped.
// Where the kernel is the centre tap of a larger one, the other taps of the result are 0.
// Grid: architectures * parts * groups * (ceil(rows / 16) * ceil(depth * taps / 64), or rows * depth * taps), folded into x and y.
// Rounds: 14 for each 16 pixels of a part, and 16 times the stored taps at the end (TILE 1); pixels / 256 + 8 and the stored taps (TILE 0).
// Workgroup memory: 88 * 16 * 4 bytes.
// Bindings: 0 parameters, 1 x, 2 dy, 3 gate [A, width] (GATE), then input_extents u32 [A]
// (ELASTIC_INPUT), output_extents u32 [A] (ELASTIC_OUTPUT), dw [A, parts, rows of all groups, depth, weight taps].
// Halves: x dy
// Consts: TILE = 0 1; RELU = 0 1; GATE = 0 1
// Consts: ELASTIC_INPUT = 0 1; ELASTIC_OUTPUT = 0 1

#import "shared/convolution_weights"
#import "shared/grid"

// x at pixel `pixel` of the images from `image` on, moved by the tap of `column` = channel * taps + tap.
fn x_at(image: u32, group: u32, pixel: u32, column: u32) -> f32 {
    let taps = parameters.kernel * parameters.kernel;
    let plane = parameters.height * parameters.width;
    let y = pixel % plane / parameters.width;
    let x_ = pixel % parameters.width;
    let py = y * parameters.stride + column % taps / parameters.kernel * parameters.dilation - parameters.padding;
    let px = x_ * parameters.stride + column % parameters.kernel * parameters.dilation - parameters.padding;
    let channel = ((image + pixel / plane) * parameters.groups + group) * parameters.depth + column / taps;
    // Below 0 wraps around to large numbers, which lie outside too.
    let inside = py < parameters.x_height && px < parameters.x_width;
    let row = channel * parameters.x_height + min(py, parameters.x_height - 1u);
    var value = x[row * parameters.x_width + min(px, parameters.x_width - 1u)];
#if RELU
    value = max(value, 0.0);
#endif
    return select(0.0, value, inside);
}

fn dy_at(image: u32, group: u32, pixel: u32, row: u32) -> f32 {
    let plane = parameters.height * parameters.width;
    let channel = ((image + pixel / plane) * parameters.groups + group) * parameters.rows + row;
    return dy[channel * plane + pixel % plane];
}

#if TILE == 0

var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let columns = parameters.depth * parameters.kernel * parameters.kernel;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.parts * parameters.groups * parameters.rows * columns {
        return;
    }
    let column = flat % columns;
    let row = flat / columns % parameters.rows;
    let group = flat / (columns * parameters.rows) % parameters.groups;
    let section = flat / (columns * parameters.rows * parameters.groups);
    let architecture = section / parameters.parts;
    let first = section % parameters.parts * parameters.part_images;
    let images = min(parameters.part_images, parameters.batch - first);
    let image = architecture * parameters.batch + first;
    let runs = is_open(architecture) && is_live(architecture, row, column);
    let pixels = select(0u, images * parameters.height * parameters.width, runs);
    var total = 0.0;
    for (var p = local; p < pixels; p += 256u) {
        total = fma(dy_at(image, group, p, row), x_at(image, group, p, column), total);
    }
    partial[local] = total;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            partial[local] += partial[local + half];
        }
        workgroupBarrier();
    }
    if local == 0u {
        store(section, group, row, column, partial[0]);
    }
}

#else

const BM = 16u;
const BN = 64u;
const BK = 16u;
const INVOCATIONS = 64u;
const ROW_A = BM / 4u + 1u;
const ROW_B = BN / 4u + 1u;

// tile_a[kk][row / 4] holds dy of four rows at one pixel; tile_b[kk][column / 4] x for four columns.
var<workgroup> tile_a: array<vec4<f32>, ROW_A * BK>;
var<workgroup> tile_b: array<vec4<f32>, ROW_B * BK>;

fn load_dy(image: u32, group: u32, pixel: u32, live: bool, row: u32) -> f32 {
    return select(0.0, dy_at(image, group, pixel, min(row, parameters.rows - 1u)), live && row < parameters.rows);
}

fn store_row(section: u32, group: u32, row: u32, column: u32, columns: u32, values: vec4<f32>) {
    if row >= parameters.rows {
        return;
    }
    for (var i = 0u; i < 4u; i += 1u) {
        if column + i < columns {
            store(section, group, row, column + i, values[i]);
        }
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let columns = parameters.depth * parameters.kernel * parameters.kernel;
    let tiles_m = (parameters.rows + BM - 1u) / BM;
    let tiles_n = (columns + BN - 1u) / BN;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.parts * parameters.groups * tiles_m * tiles_n {
        return;
    }
    let tile = flat % (tiles_m * tiles_n);
    let group = flat / (tiles_m * tiles_n) % parameters.groups;
    let section = flat / (tiles_m * tiles_n * parameters.groups);
    let architecture = section / parameters.parts;
    let first = section % parameters.parts * parameters.part_images;
    let images = min(parameters.part_images, parameters.batch - first);
    let image = architecture * parameters.batch + first;
    let row0 = (tile / tiles_n) * BM;
    let column0 = (tile % tiles_n) * BN;
    let taps = parameters.kernel * parameters.kernel;
    let runs = is_open(architecture) && row0 < live_outputs(architecture, parameters.rows)
        && column0 < live_inputs(architecture, parameters.depth) * taps;
    let pixels = select(0u, images * parameters.height * parameters.width, runs);
    let my_row = local / (BN / 4u);
    let my_column = local % (BN / 4u);
    let load_column = min(vec4<u32>(column0 + my_column * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(columns - 1u));

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var pixel0 = 0u; pixel0 < pixels; pixel0 += BK) {
        for (var i = local; i < BK * (BM / 4u); i += INVOCATIONS) {
            let kk = i % BK;
            let row = row0 + i / BK * 4u;
            let live = pixel0 + kk < pixels;
            let pixel = min(pixel0 + kk, pixels - 1u);
            tile_a[kk * ROW_A + i / BK] = vec4<f32>(
                load_dy(image, group, pixel, live, row),
                load_dy(image, group, pixel, live, row + 1u),
                load_dy(image, group, pixel, live, row + 2u),
                load_dy(image, group, pixel, live, row + 3u),
            );
        }
        for (var i = local; i < BK * (BN / 4u); i += INVOCATIONS) {
            let kk = i / (BN / 4u);
            // Beyond the last pixel dy is 0 and x any number of it.
            let pixel = min(pixel0 + kk, pixels - 1u);
            tile_b[kk * ROW_B + my_column] = vec4<f32>(
                x_at(image, group, pixel, load_column.x),
                x_at(image, group, pixel, load_column.y),
                x_at(image, group, pixel, load_column.z),
                x_at(image, group, pixel, load_column.w),
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
    store_row(section, group, row, column, columns, c0);
    store_row(section, group, row + 1u, column, columns, c1);
    store_row(section, group, row + 2u, column, columns, c2);
    store_row(section, group, row + 3u, column, columns, c3);
}

#endif
