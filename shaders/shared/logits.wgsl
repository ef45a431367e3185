// A chunk of the rows of logits of each architecture: which row of the whole it is, and whether its label counts.

struct Parameters {
    architectures: u32,
    // Rows of an architecture, the first of them that the chunk holds, and how many it holds.
    rows: u32,
    first: u32,
    chunk: u32,
    classes: u32,
    label_rows: u32,
    // No class where no label is ignored.
    ignored: u32,
    smoothing: f32,
}

fn whole_row(row_of_chunk: u32) -> u32 {
    let architecture = row_of_chunk / parameters.chunk;
    return architecture * parameters.rows + parameters.first + row_of_chunk % parameters.chunk;
}

fn is_labelled(label: u32) -> bool {
    return label < parameters.classes && label != parameters.ignored;
}
