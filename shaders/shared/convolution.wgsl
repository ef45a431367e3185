// What the shaders of a convolution's forward pass and of its input's gradient share: parameters, bindings, the gate, the extents,
// the weights and the last word on a result. The importing kernel declares the constants INPUT_GRADIENT, RELU, GATE, ACCUMULATE,
// ELASTIC_INPUT and ELASTIC_OUTPUT. Bindings: 0 parameters, 1 source, 2 weights, then x (RELU of the gradient), gate (GATE),
// input_extents (ELASTIC_INPUT), output_extents (ELASTIC_OUTPUT), known (ACCUMULATE 1), result, to which is added (ACCUMULATE 2).

#import "shared/convolution_parameters"

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> source: array<f32>;
@group(0) @binding(_) var<storage, read> weights: array<f32>;
#if INPUT_GRADIENT
#if RELU
@group(0) @binding(_) var<storage, read> x: array<f32>;
#endif
#endif
#if GATE
@group(0) @binding(_) var<storage, read> gate: array<f32>;
#endif
#if ELASTIC_INPUT
@group(0) @binding(_) var<storage, read> input_extents: array<u32>;
#endif
#if ELASTIC_OUTPUT
@group(0) @binding(_) var<storage, read> output_extents: array<u32>;
#endif
#if INPUT_GRADIENT
#if ACCUMULATE == 1
@group(0) @binding(_) var<storage, read> known: array<f32>;
#endif
#endif
@group(0) @binding(_) var<storage, read_write> result: array<f32>;

fn is_open(architecture: u32) -> bool {
#if GATE
    return gate[architecture * parameters.gate_width + parameters.gate_choice] != 0.0;
#else
    return true;
#endif
}

#import "shared/elastic_channels"

// Channels of the result that an architecture computes in a group.
fn live_rows(architecture: u32) -> u32 {
#if INPUT_GRADIENT
    return live_inputs(architecture, parameters.rows);
#else
    return live_outputs(architecture, parameters.rows);
#endif
}

// Channels of the source that it reads there.
fn live_depth(architecture: u32) -> u32 {
#if INPUT_GRADIENT
    return live_outputs(architecture, parameters.depth);
#else
    return live_inputs(architecture, parameters.depth);
#endif
}

// The weight of row `row` of a group for channel `channel` of its source.
fn weight_at(architecture: u32, group: u32, row: u32, channel: u32, ky: u32, kx: u32) -> f32 {
#if INPUT_GRADIENT
    let pair = (group * parameters.depth + channel) * parameters.rows + row;
#else
    let pair = (group * parameters.rows + row) * parameters.depth + channel;
#endif
    let tap = parameters.centre + ky * parameters.kernel + kx;
    return weights[architecture * parameters.weight_stride + pair * parameters.weight_taps + tap];
}

fn finish(at: u32, value: f32) {
    var v = value;
#if INPUT_GRADIENT
#if RELU
    v = select(0.0, v, x[at] > 0.0);
#endif
#if ACCUMULATE == 1
    v += known[at];
#endif
#if ACCUMULATE == 2
    v += result[at];
#endif
#endif
    result[at] = v;
}
