// Whether a number is neither infinite nor NaN, by its bits: WGSL lets an implementation assume that there are none of these.

fn is_finite(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}
