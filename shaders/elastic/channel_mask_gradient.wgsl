// dmask[a,c] = (known[a,c] +) sum_{j,p} dy[a,j,c,p] x[a,j,c,p], f32; x of each architecture, or one for all (stride 0).
//
// QUOTIENT: x is what the mask has made, mask[a,c] times the factor that is meant, so that the sum is divided by the mask; 0 where the
// mask is (nearly) 0.
// COLUMNS 0: a workgroup owns a channel; invocation t takes the places (j, p) t, t + 256, ..., then a fixed tree of 256.
// COLUMNS 1, for few places p: a workgroup owns 32 channels, so that neighbours read neighbours; invocation t takes channel t % 32
// and the places t / 32, t / 32 + 8, ..., then the eight partial sums in order.
// Grid: A * C, or A * ceil(C / 32) (COLUMNS 1), folded into x and y.
// Rounds: ceil(outer * inner / 256) + 8, or ceil(outer * inner / 8) + 8 (COLUMNS 1); outer * inner <= 8 * 65,000.
// Bindings: 0 parameters, 1 dy [A, outer, C, inner], 2 x, then known [A, C] (ACCUMULATE), mask [A, C] (QUOTIENT), dmask [A, C].
// Consts: COLUMNS = 0 1; ACCUMULATE = 0 1; QUOTIENT = 0 1

#import "shared/grid"

struct Parameters {
    architectures: u32,
    outer: u32,
    channels: u32,
    inner: u32,
    x_stride: u32,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> dy: array<f32>;
@group(0) @binding(_) var<storage, read> x: array<f32>;
#if ACCUMULATE
@group(0) @binding(_) var<storage, read> known: array<f32>;
#endif
#if QUOTIENT
@group(0) @binding(_) var<storage, read> mask: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> dmask: array<f32>;

var<workgroup> partial: array<f32, 256>;

fn product(architecture: u32, channel: u32, place: u32) -> f32 {
    let row = place / parameters.inner * parameters.channels + channel;
    let at = row * parameters.inner + place % parameters.inner;
    let each = parameters.outer * parameters.channels * parameters.inner;
    return dy[architecture * each + at] * x[architecture * parameters.x_stride + at];
}

// The smallest normal number: what is smaller may be 0 to a device.
const SMALLEST = 1.1754944e-38;

fn store(at: u32, sum: f32) {
    var value = sum;
#if QUOTIENT
    value = select(0.0, value / mask[at], abs(mask[at]) >= SMALLEST);
#endif
#if ACCUMULATE
    dmask[at] = known[at] + value;
#else
    dmask[at] = value;
#endif
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_workgroup(workgroup, groups);
    let places = parameters.outer * parameters.inner;
    var total = 0.0;
#if COLUMNS
    let blocks = (parameters.channels + 31u) / 32u;
    if flat >= parameters.architectures * blocks {
        return;
    }
    let architecture = flat / blocks;
    let channel = flat % blocks * 32u + local % 32u;
    let own = min(channel, parameters.channels - 1u);
    for (var place = local / 32u; place < places; place += 8u) {
        total += product(architecture, own, place);
    }
    partial[local] = total;
    workgroupBarrier();
    if local < 32u && channel < parameters.channels {
        for (var lane = 1u; lane < 8u; lane += 1u) {
            total += partial[lane * 32u + local];
        }
        store(architecture * parameters.channels + channel, total);
    }
#else
    if flat >= parameters.architectures * parameters.channels {
        return;
    }
    for (var place = local; place < places; place += 256u) {
        total += product(flat / parameters.channels, flat % parameters.channels, place);
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
        store(flat, partial[0]);
    }
#endif
}
