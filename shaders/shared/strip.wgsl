// Strips of planes: some rows of one column, or as many as there are, for kernels that look at the rows above and below. Neighbours
// in a workgroup have neighbouring columns, a row of a window is loaded once for all windows that hold it, and the divisions that find a
// strip serve all its elements.

struct Strip {
    // Counted in planes.
    plane: u32,
    first: u32,
    end: u32,
    column: u32,
}

// Strips of a plane of this height and width, of `rows` rows each.
fn strips(extent: vec2<u32>, rows: u32) -> u32 {
    return (extent.x + rows - 1u) / rows * extent.y;
}

// The t-th strip, counted through the planes.
fn strip_of(t: u32, extent: vec2<u32>, rows: u32) -> Strip {
    let plane = t / strips(extent, rows);
    let within = t - plane * strips(extent, rows);
    let block = within / extent.y;
    let first = block * rows;
    return Strip(plane, first, min(first + rows, extent.x), within - block * extent.y);
}
