// How many channels of a convolution of one group an architecture takes. The importing kernel declares ELASTIC_INPUT and
// ELASTIC_OUTPUT, and `input_extents` and `output_extents` where they are 1.

fn live_inputs(architecture: u32, all: u32) -> u32 {
#if ELASTIC_INPUT
    return min(all, input_extents[architecture]);
#else
    return all;
#endif
}

fn live_outputs(architecture: u32, all: u32) -> u32 {
#if ELASTIC_OUTPUT
    return min(all, output_extents[architecture]);
#else
    return all;
#endif
}
