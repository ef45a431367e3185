// The parameters of all kernels of attention, and where a head's elements lie: queries [A, N, Tq, H D], keys and values
// [A, N, Tk, H D], in quads of four elements; a head's rows `[1 + 2 Tq]`: its weight, then lse, then delta of each query.

struct Parameters {
    architectures: u32,
    batch: u32,
    heads: u32,
    queries: u32,
    keys: u32,
    // Elements of a head, divided by 4.
    quads: u32,
    causal: u32,
    scale: f32,
    // The weight of head h of architecture a: weights[a * gate_width + gate_first + h * gate_step].
    gate_width: u32,
    gate_first: u32,
    gate_step: u32,
    // What the kernel says.
    flag: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;

// The weight's place; pair = (a * N + n) * H + h.
fn weight_place(pair: u32) -> u32 {
    let a = pair / (parameters.heads * parameters.batch);
    return a * parameters.gate_width + parameters.gate_first + pair % parameters.heads * parameters.gate_step;
}

// The first quad of row `row` of head `pair`, of `rows` rows a sequence.
fn row_place(pair: u32, rows: u32, row: u32) -> u32 {
    let sequence = pair / parameters.heads;
    return ((sequence * rows + row) * parameters.heads + pair % parameters.heads) * parameters.quads;
}

// Where the rows of head `pair` begin.
fn rows_place(pair: u32) -> u32 {
    return pair * (2u * parameters.queries + 1u);
}
