// The sum over the window 3x3 around an element of a plane. The importing kernel imports `shared/mixed_edge` and declares
// `fn tap(plane: u32, i: u32, j: u32) -> f32`, the value of row i and column j of the plane that starts at `plane`.

fn window_row(plane: u32, i: u32, j: u32) -> f32 {
    var sum = tap(plane, i, j);
    if j > 0u {
        sum += tap(plane, i, j - 1u);
    }
    if j + 1u < parameters.width {
        sum += tap(plane, i, j + 1u);
    }
    return sum;
}

fn window(plane: u32, i: u32, j: u32) -> f32 {
    var sum = window_row(plane, i, j);
    if i > 0u {
        sum += window_row(plane, i - 1u, j);
    }
    if i + 1u < parameters.height {
        sum += window_row(plane, i + 1u, j);
    }
    return sum;
}
