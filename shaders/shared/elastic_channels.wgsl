// How many channels, and which taps, of a convolution an architecture takes. The importing kernel declares ELASTIC_INPUT,
// ELASTIC_OUTPUT and ELASTIC_REACH, `input_extents`, `output_extents` and `reach` where they are 1, and parameters with `groups` and
// `kernel`. Of several groups, each a channel, ELASTIC_OUTPUT takes some whole.

fn live_inputs(architecture: u32, group: u32, all: u32) -> u32 {
#if ELASTIC_INPUT
    return min(all, input_extents[architecture]);
#else
    return all;
#endif
}

fn live_outputs(architecture: u32, group: u32, all: u32) -> u32 {
#if ELASTIC_OUTPUT
    let extent = output_extents[architecture];
    return select(min(all, extent), select(0u, all, group < extent), parameters.groups > 1u);
#else
    return all;
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
