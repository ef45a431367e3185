// Eight elements of a plane an invocation, `spread()` apart, so that what belongs to the plane is worked out once for them and
// neighbours in a workgroup still have neighbouring elements. The importing kernel declares `fn spatial() -> u32`, the elements of a plane.

const ELEMENTS = 8u;

// Invocations of a plane, and the distance of two elements of one. It is even where the plane is: then an invocation of an even index
// has elements at even places, and the next one their neighbours (`// Packed: pairs`).
fn spread() -> u32 {
    let least = (spatial() + ELEMENTS - 1u) / ELEMENTS;
    return least + select(0u, least & 1u, (spatial() & 1u) == 0u);
}
