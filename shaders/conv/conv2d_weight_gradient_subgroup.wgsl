// dw[a,part,o,i,t] = sum_{n in part, p} dy[a,n,o,p] f(x[a,n,i,p+t]), f32: the gradient of a convolution's weights, of some images
// each; the sum over the parts is a reduction of its own. As `conv/conv2d_weight_gradient`, whose words are used here.
//
// A subgroup of 8 owns 16 rows (o) x 8 columns (i,t): each invocation a column, in registers. It walks the rows of the images in
// steps of 8 pixels: each invocation loads dy of one pixel, and broadcasts it to the others when its turn has come. What
// divides, and the row of x under a tap, is found once a row. A workgroup is 8 subgroups, side by side along the columns.
// Grid: architectures * parts * groups * ceil(rows / 16) * ceil(depth * taps / 64), folded into x and y.
// Rounds: images of a part * (1 + height * (1 + width / 8)), and 16 times the stored taps at the end.
// Needs: subgroups of 8.
// Bindings: 0 parameters, 1 x, 2 dy, 3 gate [A, width] (GATE), then input_extents u32 [A]
// (ELASTIC_INPUT), output_extents u32 [A] (ELASTIC_OUTPUT), dw [A, parts, rows of all groups, depth, weight taps].
// Halves: x dy
// Consts: RELU = 0 1; GATE = 0 1; ELASTIC_INPUT = 0 1; ELASTIC_OUTPUT = 0 1

#import "shared/convolution_weights"
#import "shared/grid"

// dy of pixel `column` of the image row that starts at `start`, 0 beyond its end.
fn dy_of(start: u32, row: u32, column: u32) -> f32 {
    let r = min(row, parameters.rows - 1u);
    let value = dy[start + r * (parameters.height * parameters.width) + min(column, parameters.width - 1u)];
    return select(0.0, value, column < parameters.width);
}

fn dy_rows(start: u32, row: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        dy_of(start, row, column),
        dy_of(start, row + 1u, column),
        dy_of(start, row + 2u, column),
        dy_of(start, row + 3u, column),
    );
}

// x under pixel `column` of an image row, in the row of x that starts at `start`; 0 where the tap lies outside.
fn x_of(start: u32, column: u32, shift: u32, inside_row: bool) -> vec4<f32> {
    // Below 0 wraps around to large numbers, which lie outside too.
    let px = column * parameters.stride + shift;
    var value = x[start + min(px, parameters.x_width - 1u)];
#if RELU
    value = max(value, 0.0);
#endif
    return vec4<f32>(select(0.0, value, inside_row && px < parameters.x_width));
}

fn store_rows(section: u32, group: u32, row: u32, column: u32, values: vec4<f32>) {
    for (var i = 0u; i < 4u; i += 1u) {
        if row + i < parameters.rows {
            store(section, group, row + i, column, values[i]);
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let taps = parameters.kernel * parameters.kernel;
    let columns = parameters.depth * taps;
    let tiles_m = (parameters.rows + 15u) / 16u;
    let tiles_n = (columns + 63u) / 64u;
    let flat = flat_workgroup(workgroup, groups);
    if flat >= parameters.architectures * parameters.parts * parameters.groups * tiles_m * tiles_n {
        return;
    }
    let tile = flat % (tiles_m * tiles_n);
    let group = flat / (tiles_m * tiles_n) % parameters.groups;
    let section = flat / (tiles_m * tiles_n * parameters.groups);
    let architecture = section / parameters.parts;
    let first = section % parameters.parts * parameters.part_images;
    let images = select(0u, min(parameters.part_images, parameters.batch - first), is_open(architecture));
    let row = tile / tiles_n * 16u;
    let column = tile % tiles_n * 64u + subgroup * 8u + lane;
    let inside = min(column, columns - 1u);
    let channel = inside / taps;
    let tap = inside % taps;
    let ky = tap / parameters.kernel;
    let shift_y = ky * parameters.dilation - parameters.padding;
    let shift_x = (tap - ky * parameters.kernel) * parameters.dilation - parameters.padding;

    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var n = 0u; n < images; n += 1u) {
        let image = (architecture * parameters.batch + first + n) * parameters.groups + group;
        let x_plane = (image * parameters.depth + channel) * parameters.x_height;
        let dy_image = image * parameters.rows * (parameters.height * parameters.width);
        for (var y = 0u; y < parameters.height; y += 1u) {
            let py = y * parameters.stride + shift_y;
            let inside_row = py < parameters.x_height;
            let x_start = (x_plane + min(py, parameters.x_height - 1u)) * parameters.x_width;
            let dy_start = dy_image + y * parameters.width;
            for (var p = 0u; p < parameters.width; p += 8u) {
                let d0 = dy_rows(dy_start, row, p + lane);
                let d1 = dy_rows(dy_start, row + 4u, p + lane);
                let d2 = dy_rows(dy_start, row + 8u, p + lane);
                let d3 = dy_rows(dy_start, row + 12u, p + lane);
#repeat LANE 8
                {
                    let v = x_of(x_start, p + LANE, shift_x, inside_row);
                    c0 = fma(subgroupBroadcast(d0, LANE), v, c0);
                    c1 = fma(subgroupBroadcast(d1, LANE), v, c1);
                    c2 = fma(subgroupBroadcast(d2, LANE), v, c2);
                    c3 = fma(subgroupBroadcast(d3, LANE), v, c3);
                }
#end
            }
        }
    }
    if column < columns {
        store_rows(section, group, row, column, c0);
        store_rows(section, group, row + 4u, column, c1);
        store_rows(section, group, row + 8u, column, c2);
        store_rows(section, group, row + 12u, column, c3);
    }
}
