//! Functions of one number and of two.

use parnas_kernels::Kernel;
use parnas_kernels::ops::{Binary, BinaryOperation, Function, Unary, UnaryGradient};

use crate::reference::binary::binary;
use crate::reference::unary::{unary, value};
use crate::reference::unary_gradient::unary_gradient;
use crate::support::halves::rounded;
use crate::support::{Exact, ODD, assert_close, devices, numbers, run};

const FUNCTIONS: [Function; 17] = [
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
    Function::Gelu,
    Function::GeluTanh,
    Function::Silu,
    Function::HardSwish,
    Function::HardSigmoid,
];

fn is_gate(function: Function) -> bool {
    matches!(
        function,
        Function::Gelu | Function::GeluTanh | Function::Silu | Function::HardSwish | Function::HardSigmoid
    )
}

/// Arguments at which the function is defined and not steep.
fn arguments(function: Function, len: usize) -> Vec<f32> {
    let mut x = numbers(len as u64, len);
    if matches!(function, Function::Log | Function::Sqrt | Function::Reciprocal) {
        x.iter_mut().for_each(|x| *x = x.abs() + 0.1);
    }
    if is_gate(function) {
        // On both sides of the bends, and far out.
        x.iter_mut().for_each(|x| *x *= 8.0);
        [3.0, -3.0, 0.0, -30.0, 30.0, -1e4, 1e4].iter().zip(x.iter_mut()).for_each(|(far, x)| *x = *far);
    }
    x.into_iter().map(rounded).collect()
}

#[test]
pub(super) fn unary_functions_agree_with_the_reference() {
    for facts in devices() {
        for function in FUNCTIONS {
            for len in ODD {
                let x = arguments(function, len);
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
pub(super) fn derivatives_agree_with_the_reference() {
    for facts in devices() {
        for function in FUNCTIONS {
            for len in [1, 41, 300] {
                let (x, g) = (arguments(function, len), numbers(9, len));
                let kernel = UnaryGradient { function, len };
                let got = run(&facts, kernel, &[x.clone(), g.clone(), vec![f32::NAN; len]]);
                let exact = unary_gradient(function, &x, &g);
                assert_close(&format!("{function:?}' of {len} on {}", facts.selector), &got[0], &exact, 4e-6, 2e-6);
            }
        }
    }
}

/// Against central differences of the f64 reference, away from the bends of the hard functions.
#[test]
fn derivatives_are_central_differences() {
    let step = 1e-6;
    for function in FUNCTIONS.into_iter().filter(|function| is_gate(*function)) {
        let x: Vec<f32> = numbers(3, 127).iter().map(|x| 5.0 * x).filter(|x| (x.abs() - 3.0).abs() > 1e-3).collect();
        let g = numbers(4, x.len());
        let slope = |x: f64| (value(function, x + step) - value(function, x - step)) / (2.0 * step);
        let exact: Vec<Exact> =
            x.iter().zip(&g).map(|(x, g)| Exact::of(f64::from(*g) * slope(f64::from(*x)))).collect();
        for facts in devices() {
            let kernel = UnaryGradient { function, len: x.len() };
            let got = run(&facts, kernel, &[x.clone(), g.clone(), vec![f32::NAN; x.len()]]);
            assert_close(&format!("{function:?}' on {}", facts.selector), &got[0], &exact, 2e-6, 2e-6);
        }
    }
}

#[test]
pub(super) fn binary_operations_agree_with_the_reference() {
    let operations = [
        BinaryOperation::Add,
        BinaryOperation::Subtract,
        BinaryOperation::Multiply,
        BinaryOperation::Divide,
        BinaryOperation::Maximum,
        BinaryOperation::Minimum,
        BinaryOperation::GreaterThan,
    ];
    let shapes: [(&[usize], &[usize]); 7] = [
        (&[127], &[127]),
        (&[3, 41], &[1]),
        (&[31, 33], &[33]),
        (&[33, 1], &[31]),
        (&[2, 3, 5, 7], &[2, 1, 5, 1]),
        (&[2, 1, 5, 1], &[3, 1, 65]),
        (&[9, 1], &[9, 1000]),
    ];
    for (operation, (a_shape, b_shape)) in operations.into_iter().flat_map(|o| shapes.map(|shapes| (o, shapes))) {
        let (kernel, shape) = Binary::new(operation, a_shape, b_shape).unwrap();
        let [a, b, y] = <[_; 3]>::try_from(kernel.slots()).unwrap();
        assert_eq!(y.len, shape.iter().product::<usize>());
        let a = numbers(1, a.len);
        let mut b = numbers(2, b.len);
        if operation == BinaryOperation::Divide {
            b.iter_mut().for_each(|b| *b += b.signum() * 0.5);
        }
        if a.len() > 1 && b.len() > 1 {
            b[1] = a[1];
        }
        let exact = binary(&kernel, &a, &b);
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &[a.clone(), b.clone(), vec![f32::NAN; y.len]]);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 4e-7, 0.0);
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
