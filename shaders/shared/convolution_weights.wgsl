// What the shaders of the gradient of a convolution's weights share: parameters, bindings, the gate, the extents and the store. The
// importing kernel declares the constants RELU, GATE, ELASTIC_INPUT and ELASTIC_OUTPUT. Bindings: 0 parameters, 1 x, 2 dy, 3 gate
// (GATE), then input_extents (ELASTIC_INPUT), output_extents (ELASTIC_OUTPUT), dw.

#import "shared/convolution_weights_parameters"

@group(0) @binding(_) var<uniform> parameters: Parameters;
@group(0) @binding(_) var<storage, read> x: array<f32>;
@group(0) @binding(_) var<storage, read> dy: array<f32>;
#if GATE
@group(0) @binding(_) var<storage, read> gate: array<f32>;
#endif
#if ELASTIC_INPUT
@group(0) @binding(_) var<storage, read> input_extents: array<u32>;
#endif
#if ELASTIC_OUTPUT
@group(0) @binding(_) var<storage, read> output_extents: array<u32>;
#endif
@group(0) @binding(_) var<storage, read_write> dw: array<f32>;

fn is_open(architecture: u32) -> bool {
#if GATE
    return gate[architecture * parameters.gate_width + parameters.gate_choice] != 0.0;
#else
    return true;
#endif
}

#import "shared/elastic_channels"

// Whether an architecture takes the weight of `row` and `column` = channel * taps + tap of a group.
fn is_live(architecture: u32, row: u32, column: u32) -> bool {
    let channel = column / (parameters.kernel * parameters.kernel);
    return row < live_outputs(architecture, parameters.rows) && channel < live_inputs(architecture, parameters.depth);
}

fn store(section: u32, group: u32, row: u32, column: u32, sum: f32) {
    let value = select(0.0, sum, is_live(section / parameters.parts, row, column));
    let taps = parameters.kernel * parameters.kernel;
    let pair = ((section * parameters.groups + group) * parameters.rows + row) * parameters.depth + column / taps;
    let first = pair * parameters.weight_taps;
    if taps == parameters.weight_taps {
        dw[first + column % taps] = value;
    } else {
        for (var tap = 0u; tap < parameters.weight_taps; tap += 1u) {
            dw[first + tap] = select(0.0, value, tap == parameters.centre);
        }
    }
}
