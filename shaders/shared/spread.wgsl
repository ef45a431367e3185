// Eight elements of a plane an invocation, `spread()` apart, so that what belongs to the plane is worked out once for them and
// neighbours in a workgroup still have neighbouring elements. The importing kernel declares `fn spatial() -> u32`, the elements of a plane.

const ELEMENTS = 8u;

// Invocations of a plane, and the distance of two elements of one.
fn spread() -> u32 {
    return (spatial() + ELEMENTS - 1u) / ELEMENTS;
}
