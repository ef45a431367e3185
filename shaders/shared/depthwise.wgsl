// Which architectures, channels and taps a depthwise convolution takes. The importing kernel declares GATE, ELASTIC_OUTPUT and
// ELASTIC_REACH, `gate`, `output_extents` and `reach` where they are 1, and parameters with `kernel` and those of the gate.

fn is_open(architecture: u32) -> bool {
#if GATE
    return gate[architecture * parameters.gate_width + parameters.gate_choice] != 0.0;
#else
    return true;
#endif
}

fn is_live(architecture: u32, channel: u32) -> bool {
#if ELASTIC_OUTPUT
    return channel < output_extents[architecture];
#else
    return true;
#endif
}

// The first row, and column, of the kernel that is taken; as many are left out at its end.
fn first_tap(architecture: u32) -> u32 {
#if ELASTIC_REACH
    let centre = parameters.kernel / 2u;
    return centre - min(centre, reach[architecture]);
#else
    return 0u;
#endif
}
