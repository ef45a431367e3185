// The gradients of the matrices of a kernel transform, each architecture's apart, f32:
// dm5[a,j,i] = sum_c dk5[a,c,j] centre5(w[c])[i], dm3[a,j,i] = sum_c dk3[a,c,j] centre3(k5[c])[i].
//
// One invocation an entry of dm5 or dm3, channels in order. Grid: ceil(706 * A / 64), folded into x and y.
// Rounds: C <= 65,000.
// Bindings: 0 parameters, 1 w [C, 49], 2 made [C, 34], k5 and k3, 3 dmade [A, C, 34], 4 dm5 [A, 25, 25], 5 dm3 [A, 9, 9].

#import "shared/grid"
#import "shared/kernel_sizes"

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> made: array<f32>;
@group(0) @binding(3) var<storage, read> dmade: array<f32>;
@group(0) @binding(4) var<storage, read_write> dm5: array<f32>;
@group(0) @binding(5) var<storage, read_write> dm3: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = flat_invocation(workgroup, groups, local, 64u);
    if at >= 706u * parameters.architectures {
        return;
    }
    let architecture = at / 706u;
    let entry = at % 706u;
    let first = architecture * parameters.channels;
    let of_five = entry < 625u;
    let five = entry;
    let three = entry - 625u;
    let row = select(25u + three / 9u, five / 25u, of_five);
    let column = select(centre_tap(three % 9u, 3u, 5u), centre_tap(five % 25u, 5u, 7u), of_five);
    var total = 0.0;
    for (var c = 0u; c < parameters.channels; c += 1u) {
        var factor = 0.0;
        if of_five {
            factor = w[c * 49u + column];
        } else {
            factor = made[c * MADE + column];
        }
        total = fma(dmade[(first + c) * MADE + row], factor, total);
    }
    if of_five {
        dm5[architecture * 625u + five] = total;
    } else {
        dm3[architecture * 81u + three] = total;
    }
}
