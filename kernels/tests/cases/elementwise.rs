//! Functions of one number.

use parnas_kernels::ops::{Function, Unary};

use crate::reference::unary::unary;
use crate::support::{ODD, assert_close, devices, numbers, run};

#[test]
fn unary_functions_agree_with_the_reference() {
    let functions = [
        Function::Affine { scale: 1.5, shift: -0.25 },
        Function::Relu,
        Function::Exp,
        Function::Log,
        Function::Sqrt,
        Function::Square,
        Function::Reciprocal,
        Function::Sin,
        Function::Tanh,
        Function::Sigmoid,
        Function::Abs,
        Function::Softplus,
    ];
    for facts in devices() {
        for function in functions {
            for len in ODD {
                let mut x = numbers(len as u64, len);
                if matches!(function, Function::Log | Function::Sqrt | Function::Reciprocal) {
                    x.iter_mut().for_each(|x| *x = x.abs() + 0.1);
                }
                let got = run(&facts, Unary { function, len }, &[x.clone(), vec![f32::NAN; len]]);
                // WGSL grants functions such as exp and sin an absolute error, most drivers far less.
                assert_close(
                    &format!("{function:?} of {len} on {}", facts.selector),
                    &got[0],
                    &unary(function, &x),
                    2e-6,
                    2e-6,
                );
            }
        }
    }
}

#[test]
fn grids_beyond_one_dimension_reach_every_element() {
    let len = 256 * 65_535 + 300;
    let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
    for facts in devices() {
        let kernel = Unary { function: Function::Affine { scale: 1.0, shift: 1.0 }, len };
        let got = run(&facts, kernel, &[x.clone(), vec![0.0; len]]);
        let wrong = got[0].iter().zip(&x).position(|(y, x)| *y != x + 1.0);
        assert_eq!(wrong, None, "on {}", facts.selector);
    }
}
