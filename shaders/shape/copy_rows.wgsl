// Several copies of rows: piece p is rows of `columns` elements side by side, from source[offset + row stride + column] to destination[...];
// other elements of the destination stay. The pieces' tensors are sources of one destination, or with SPLIT destinations of one source.
//
// One invocation an element of a piece. Grid: ceil(elements of all pieces / 256), folded into x and y.
// Bindings: 0 parameters, with SPLIT 1 source; then PIECES tensors; without SPLIT last destination.
// Halves: source destination piece0 piece1 piece2 piece3 piece4 piece5 piece6
// Consts: PIECES = 1 2 3 4 5 6 7; SPLIT = 0 1

#import "shared/grid"

struct Piece {
    // The first element beyond it, counting those of all pieces before.
    end: u32,
    columns: u32,
    source_stride: u32,
    source_offset: u32,
    destination_stride: u32,
    destination_offset: u32,
    unused_0: u32,
    unused_1: u32,
}

struct Parameters {
    elements: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
    pieces: array<Piece, 7>,
}

@group(0) @binding(_) var<uniform> parameters: Parameters;
#if SPLIT
@group(0) @binding(_) var<storage, read> source: array<f32>;
#if PIECES > 0
@group(0) @binding(_) var<storage, read_write> piece0: array<f32>;
#endif
#if PIECES > 1
@group(0) @binding(_) var<storage, read_write> piece1: array<f32>;
#endif
#if PIECES > 2
@group(0) @binding(_) var<storage, read_write> piece2: array<f32>;
#endif
#if PIECES > 3
@group(0) @binding(_) var<storage, read_write> piece3: array<f32>;
#endif
#if PIECES > 4
@group(0) @binding(_) var<storage, read_write> piece4: array<f32>;
#endif
#if PIECES > 5
@group(0) @binding(_) var<storage, read_write> piece5: array<f32>;
#endif
#if PIECES > 6
@group(0) @binding(_) var<storage, read_write> piece6: array<f32>;
#endif
#else
#if PIECES > 0
@group(0) @binding(_) var<storage, read> piece0: array<f32>;
#endif
#if PIECES > 1
@group(0) @binding(_) var<storage, read> piece1: array<f32>;
#endif
#if PIECES > 2
@group(0) @binding(_) var<storage, read> piece2: array<f32>;
#endif
#if PIECES > 3
@group(0) @binding(_) var<storage, read> piece3: array<f32>;
#endif
#if PIECES > 4
@group(0) @binding(_) var<storage, read> piece4: array<f32>;
#endif
#if PIECES > 5
@group(0) @binding(_) var<storage, read> piece5: array<f32>;
#endif
#if PIECES > 6
@group(0) @binding(_) var<storage, read> piece6: array<f32>;
#endif
@group(0) @binding(_) var<storage, read_write> destination: array<f32>;
#endif

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
    var p = 0u;
    var start = 0u;
    for (var earlier = 0u; earlier < 6u; earlier += 1u) {
        let end = parameters.pieces[earlier].end;
        if earlier + 1u < PIECES && index >= end {
            p = earlier + 1u;
            start = end;
        }
    }
    let piece = parameters.pieces[p];
    let row = (index - start) / piece.columns;
    let column = (index - start) % piece.columns;
    let read = piece.source_offset + row * piece.source_stride + column;
    let write = piece.destination_offset + row * piece.destination_stride + column;
#if SPLIT
    let value = source[read];
    switch p {
#if PIECES > 0
        case 0u: { piece0[write] = value; }
#endif
#if PIECES > 1
        case 1u: { piece1[write] = value; }
#endif
#if PIECES > 2
        case 2u: { piece2[write] = value; }
#endif
#if PIECES > 3
        case 3u: { piece3[write] = value; }
#endif
#if PIECES > 4
        case 4u: { piece4[write] = value; }
#endif
#if PIECES > 5
        case 5u: { piece5[write] = value; }
#endif
#if PIECES > 6
        case 6u: { piece6[write] = value; }
#endif
        default: {}
    }
#else
    var value = 0.0;
    switch p {
#if PIECES > 0
        case 0u: { value = piece0[read]; }
#endif
#if PIECES > 1
        case 1u: { value = piece1[read]; }
#endif
#if PIECES > 2
        case 2u: { value = piece2[read]; }
#endif
#if PIECES > 3
        case 3u: { value = piece3[read]; }
#endif
#if PIECES > 4
        case 4u: { value = piece4[read]; }
#endif
#if PIECES > 5
        case 5u: { value = piece5[read]; }
#endif
#if PIECES > 6
        case 6u: { value = piece6[read]; }
#endif
        default: {}
    }
    destination[write] = value;
#endif
}
