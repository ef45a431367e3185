//! Every kernel that takes halves, with its tensors stored so: the tests of each family again, on the CPU, on the adapter as it has
//! halves, and packed. Both forms are among the adapters that the tests of this project run on.

use half::f16;
use parnas_kernels::ops::{Function, Unary};

use super::{batch_norm, chain, conv2d, elastic_conv2d, elementwise, fuse, matmul, mixed_edge, pool2d, reduce, shape};
use crate::support::halves::{Stored, stored_as};
use crate::support::{ODD, devices, numbers, run};

macro_rules! with_halves {
    ($($name:ident: $($test:path),+;)+) => {
        $(#[test]
        fn $name() {
            for stored in [Stored::Halves, Stored::Packed] {
                $(stored_as(stored, $test);)+
            }
        })+
    };
}

with_halves! {
    elementwise_with_halves: elementwise::unary_functions_agree_with_the_reference, elementwise::derivatives_agree_with_the_reference, elementwise::binary_operations_agree_with_the_reference;
    chain_with_halves: chain::chains_agree_with_the_reference, chain::joined_copies_are_those_copies;
    conv2d_with_halves: conv2d::forward_agrees_with_the_reference, conv2d::input_gradients_agree_with_the_reference, conv2d::weight_gradients_agree_with_the_reference, conv2d::convolutions_of_any_extents_agree_with_the_reference;
    elastic_conv2d_with_halves: elastic_conv2d::forward_agrees_with_the_reference, elastic_conv2d::input_gradients_agree_with_the_reference, elastic_conv2d::weight_gradients_agree_with_the_reference;
    sums_in_place_with_halves: fuse::sums_go_where_their_addends_are;
    pool2d_with_halves: pool2d::pooling_and_its_gradient_agree_with_the_reference;
    reduce_with_halves: reduce::reductions_agree_with_the_reference, reduce::inner_products_agree_with_the_reference, reduce::folds_read_slices_and_sums;
    shape_with_halves: shape::copies_agree_with_the_reference;
    batch_norm_with_halves: batch_norm::batch_statistics_agree_with_the_reference, batch_norm::batch_norm_adds_a_summand_after_the_relu, batch_norm::batch_norm_agrees_with_the_reference, batch_norm::batch_norm_gradients_are_central_differences;
    mixed_edge_with_halves: mixed_edge::mixed_edges_agree_with_the_reference, mixed_edge::mixed_edge_gradients_are_central_differences;
    matmul_with_halves: matmul::products_agree_with_the_reference, matmul::products_of_any_extents_agree_with_the_reference;
}

/// What is stored is the nearest half, ties to even, and infinity from 65,520 on; on every executor and in both forms alike.
#[test]
fn stored_numbers_are_the_nearest_halves() {
    let mut x: Vec<f32> = (0..=u16::MAX).map(|bits| f16::from_bits(bits).to_f32()).filter(|x| x.is_finite()).collect();
    // Ties between neighbours, and what lies next to a tie.
    let ties: Vec<f32> = (0..0x7c00u16)
        .flat_map(|bits| {
            let tie = |above: f32| 0.5 * (f16::from_bits(bits).to_f32() + above);
            let tie = if bits == 0x7bff { 65_520.0 } else { tie(f16::from_bits(bits + 1).to_f32()) };
            [tie, tie.next_down(), tie.next_up(), -tie, -tie.next_down(), -tie.next_up()]
        })
        .collect();
    x.extend(ties);
    x.extend([1e-30, -1e-30, 7e4, -7e4, 1e30, -1e30, f32::MAX]);
    let expected: Vec<f32> = x.iter().map(|x| f16::from_f32(*x).to_f32()).collect();
    for stored in [Stored::Halves, Stored::Packed] {
        stored_as(stored, || {
            for facts in devices() {
                let kernel = Unary { function: Function::Affine { scale: 1.0, shift: 0.0 }, len: x.len() };
                let got = run(&facts, kernel, &[x.clone(), vec![f32::NAN; x.len()]]).remove(0);
                let off = got.iter().zip(&expected).position(|(got, expected)| got != expected);
                let at = off.map(|at| (x[at], got[at], expected[at]));
                assert_eq!(at, None, "number, stored, expected ({stored:?} on {})", facts.selector);
                let got = run(
                    &facts,
                    Unary { function: Function::Relu, len: 3 },
                    &[vec![2.0, f32::INFINITY, 0.0], vec![0.0; 3]],
                );
                assert_eq!(got[0], [2.0, f32::INFINITY, 0.0], "{stored:?} on {}", facts.selector);
            }
        });
    }
}

/// The last word of a tensor of an odd length holds one half.
#[test]
fn tensors_of_odd_lengths_end_with_half_a_word() {
    for len in ODD {
        for stored in [Stored::Halves, Stored::Packed] {
            stored_as(stored, || {
                let x = numbers(1, len);
                let exact: Vec<f32> = x.iter().map(|x| f16::from_f32(-2.0 * x).to_f32()).collect();
                for facts in devices() {
                    let kernel = Unary { function: Function::Affine { scale: -2.0, shift: 0.0 }, len };
                    let got = run(&facts, kernel, &[x.clone(), vec![f32::NAN; len]]).remove(0);
                    assert_eq!(got, exact, "{len} as {stored:?} on {}", facts.selector);
                }
            });
        }
    }
}
