// The elements of a channel in turn: of row a * C + c of [A, N, C, S], in the order of n and s, an invocation of 256 takes every
// 256th. A division is paid for once an invocation, not once an element. The importing kernel declares `parameters.batch`,
// `parameters.channels` and `fn spatial() -> u32`.

struct Element {
    // Where it lies.
    at: u32,
    // Its place in its plane.
    place: u32,
}

// The j-th element.
fn element_of(row: u32, j: u32) -> Element {
    let a = row / parameters.channels;
    let n = j / spatial();
    let place = j - n * spatial();
    let plane = (a * parameters.batch + n) * parameters.channels + row - a * parameters.channels;
    return Element(plane * spatial() + place, place);
}

// From an element to the 256th after it: how far in memory and in its plane, and how much farther in memory where that leaves the plane.
fn channel_step() -> vec3<u32> {
    let planes = 256u / spatial();
    let rest = 256u - planes * spatial();
    return vec3<u32>(planes * parameters.channels * spatial() + rest, rest, (parameters.channels - 1u) * spatial());
}

fn next(element: Element, step: vec3<u32>) -> Element {
    let at = element.at + step.x;
    let place = element.place + step.y;
    if place >= spatial() {
        return Element(at + step.z, place - spatial());
    }
    return Element(at, place);
}
