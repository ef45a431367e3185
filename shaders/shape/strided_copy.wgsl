// destination[d + sum_i c_i t_i] = source[s + sum_i c_i u_i] for every coordinate c of a shape of four axes: slices, concatenation,
// repetition (a source stride of 0) and transposition. Other elements of the destination stay.
//
// One invocation an element. Grid: ceil(elements / 256), folded into x and y.
// Bindings: 0 parameters, 1 source, 2 destination.
// Halves: source destination

#import "shared/grid"

struct Parameters {
    shape: vec4<u32>,
    source_strides: vec4<u32>,
    destination_strides: vec4<u32>,
    source_offset: u32,
    destination_offset: u32,
    elements: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> destination: array<f32>;

// Packed: elements
@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_invocation(workgroup, groups, local, 256u);
    if index >= parameters.elements {
        return;
    }
    let shape = parameters.shape;
    let rows = index / shape.w;
    let planes = rows / shape.z;
    let at = vec4<u32>(planes / shape.y, planes % shape.y, rows % shape.z, index % shape.w);
    let read = dot(at, parameters.source_strides) + parameters.source_offset;
    destination[dot(at, parameters.destination_strides) + parameters.destination_offset] = source[read];
}
