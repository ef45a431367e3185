// The sums over the windows 3x3 around the elements of a strip, from the top down. The importing kernel imports
// `shared/mixed_edge` and declares `fn tap(plane: u32, i: u32, j: u32) -> f32`, the value of row i and column j of the plane that starts at
// element `plane`.

// The sums over the rows of a window.
struct Window {
    above: f32,
    here: f32,
    below: f32,
}

// Of row i, around column j; 0 where there is no such row.
fn window_row(plane: u32, i: u32, j: u32) -> f32 {
    if i >= parameters.height {
        return 0.0;
    }
    var sum = tap(plane, i, j);
    if j > 0u {
        sum += tap(plane, i, j - 1u);
    }
    if j + 1u < parameters.width {
        sum += tap(plane, i, j + 1u);
    }
    return sum;
}

// The window around row i.
fn window_at(plane: u32, i: u32, j: u32) -> Window {
    var above = 0.0;
    if i > 0u {
        above = window_row(plane, i - 1u, j);
    }
    return Window(above, window_row(plane, i, j), window_row(plane, i + 1u, j));
}

// The window one row down, around row i.
fn window_down(window: Window, plane: u32, i: u32, j: u32) -> Window {
    return Window(window.here, window.below, window_row(plane, i + 1u, j));
}

fn window_sum(window: Window) -> f32 {
    return window.here + window.above + window.below;
}
