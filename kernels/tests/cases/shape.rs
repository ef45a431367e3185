//! Copies between strided views, and tensors of one value.

use parnas_kernels::ops::{Fill, StridedCopy};

use crate::reference::strided_copy::strided_copy;
use crate::support::{assert_close, devices, numbers, run};

/// `[2, 3, rows, columns] -> [2, 3, columns, rows]` within a destination with a gap between its rows.
fn transposition(rows: u32, columns: u32) -> StridedCopy {
    let (plane, row) = (rows * columns, rows + 2);
    StridedCopy {
        shape: [2, 3, columns, rows],
        source_strides: [3 * plane, plane, 1, columns],
        source_offset: 0,
        destination_strides: [3 * columns * row, columns * row, row, 1],
        destination_offset: 1,
        source_len: (6 * plane) as usize,
        destination_len: (6 * columns * row) as usize,
    }
}

/// `len` of `extent` columns from `start`, `rows` times.
fn slice(rows: u32, extent: u32, start: u32, len: u32) -> StridedCopy {
    StridedCopy {
        shape: [1, 1, rows, len],
        source_strides: [0, 0, extent, 1],
        source_offset: start,
        destination_strides: [0, 0, len, 1],
        destination_offset: 0,
        source_len: (rows * extent) as usize,
        destination_len: (rows * len) as usize,
    }
}

/// `[outer, 1, inner] -> [outer, extent, inner]`.
fn repetition(outer: u32, extent: u32, inner: u32) -> StridedCopy {
    StridedCopy {
        shape: [1, outer, extent, inner],
        source_strides: [0, inner, 0, 1],
        source_offset: 0,
        destination_strides: [0, extent * inner, inner, 1],
        destination_offset: 0,
        source_len: (outer * inner) as usize,
        destination_len: (outer * extent * inner) as usize,
    }
}

#[test]
pub(super) fn copies_agree_with_the_reference() {
    let contiguous = StridedCopy {
        shape: [1, 1, 1, 40_001],
        source_strides: [0, 0, 0, 1],
        source_offset: 3,
        destination_strides: [0, 0, 0, 1],
        destination_offset: 7,
        source_len: 40_004,
        destination_len: 40_009,
    };
    // The destination's outermost axis is the copy's last.
    let scatter = StridedCopy {
        shape: [3, 5, 41, 127],
        source_strides: [5 * 41 * 127, 41 * 127, 127, 1],
        source_offset: 0,
        destination_strides: [1, 3, 15, 15 * 41],
        destination_offset: 2,
        source_len: 15 * 41 * 127,
        destination_len: 15 * 41 * 127 + 5,
    };
    let kernels = [
        contiguous,
        scatter,
        transposition(1, 3),
        transposition(33, 41),
        transposition(300, 127),
        slice(1, 1, 0, 1),
        slice(65, 127, 31, 33),
        slice(3, 50_000, 5, 30_000),
        repetition(3, 31, 1),
        repetition(41, 65, 33),
        repetition(1, 3, 20_000),
    ];
    for kernel in kernels {
        kernel.validate().unwrap();
        let (source, destination) = (numbers(1, kernel.source_len), numbers(2, kernel.destination_len));
        let exact = strided_copy(&kernel, &source, &destination);
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &[source.clone(), destination.clone()]);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 0.0, 0.0);
        }
    }
}

#[test]
fn fills_write_every_element() {
    for facts in devices() {
        for len in [1, 41, 257, 200_001] {
            let got = run(&facts, Fill { len, value: -0.75 }, &[vec![f32::NAN; len]]);
            assert!(got[0].iter().all(|y| *y == -0.75), "{len} elements on {}", facts.selector);
        }
    }
}

#[test]
fn copies_beyond_their_tensors_are_refused() {
    let kernel = slice(3, 9, 5, 4);
    assert!(kernel.validate().is_ok());
    assert!(StridedCopy { source_offset: 6, ..kernel.clone() }.validate().is_err());
    assert!(StridedCopy { destination_len: 11, ..kernel.clone() }.validate().is_err());
    assert!(StridedCopy { shape: [1, 0, 3, 4], ..kernel.clone() }.validate().is_err());
    let overlapping = StridedCopy { destination_strides: [0, 0, 3, 1], ..kernel };
    assert!(overlapping.validate().is_err());
}
