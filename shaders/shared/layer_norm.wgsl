// What the kernels of layer norm share: the parameters, and the widths that an architecture may have with their weights.
// The importing kernel declares the constant ELASTIC and, where it is 1, `width_weights` [A, choices]. It numbers its bindings
// by their order, of which this one is the first.
//
// A width is live where its weight is not 0, or where all are evaluated (for the gradient of the weights). What belongs to a
// width that is not live is neither computed nor read. Live widths cut a row into segments: the channels from the one to the
// next have the same coefficients.

struct Parameters {
    architectures: u32,
    // Rows of an architecture.
    rows: u32,
    width: u32,
    choices: u32,
    // Elements from the scale of one architecture to the next.
    affine_step: u32,
    evaluate_all: u32,
    epsilon: f32,
    unused: u32,
    // Ascending.
    widths: array<vec4<u32>, 2>,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;

#if ELASTIC
const MOST_CHOICES = 8u;

fn choices() -> u32 {
    return parameters.choices;
}

fn width_of(choice: u32) -> u32 {
    return parameters.widths[choice / 4u][choice % 4u];
}

fn weight_of(architecture: u32, choice: u32) -> f32 {
    return width_weights[architecture * parameters.choices + choice];
}

fn is_live(architecture: u32, choice: u32) -> bool {
    return parameters.evaluate_all != 0u || width_weights[architecture * parameters.choices + choice] != 0.0;
}
#else
const MOST_CHOICES = 1u;

fn choices() -> u32 {
    return 1u;
}

fn width_of(choice: u32) -> u32 {
    return parameters.width;
}

fn weight_of(architecture: u32, choice: u32) -> f32 {
    return 1.0;
}

fn is_live(architecture: u32, choice: u32) -> bool {
    return true;
}
#endif
