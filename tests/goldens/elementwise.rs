//! Functions of one number, and broadcasting functions of two.

use parnas_kernels::ops::{BinaryOperation, Function};

use crate::common::{Golden, check};

#[test]
fn functions_of_one_number() {
    let golden = Golden::family("elementwise");
    for (name, function) in [
        ("affine", Function::Affine { scale: 1.7, shift: -0.3 }),
        ("relu", Function::Relu),
        ("exp", Function::Exp),
        ("log", Function::Log),
        ("sqrt", Function::Sqrt),
        ("square", Function::Square),
        ("reciprocal", Function::Reciprocal),
        ("sin", Function::Sin),
        ("tanh", Function::Tanh),
        ("sigmoid", Function::Sigmoid),
        ("abs", Function::Abs),
        ("softplus", Function::Softplus),
        ("gelu", Function::Gelu),
        ("gelu_tanh", Function::GeluTanh),
        ("silu", Function::Silu),
        ("hard_swish", Function::HardSwish),
        ("hard_sigmoid", Function::HardSigmoid),
    ] {
        check(&golden, name, |case| {
            let x = case.input("x");
            let y = case.graph.unary(function, x).expect("any shape fits");
            case.expect_with_gradients(y, &[("x", x)]);
        });
    }
}

#[test]
fn functions_of_two_numbers_broadcast() {
    let golden = Golden::family("elementwise");
    for (name, operation) in [
        ("add", BinaryOperation::Add),
        ("subtract", BinaryOperation::Subtract),
        ("multiply", BinaryOperation::Multiply),
        ("divide", BinaryOperation::Divide),
        ("maximum", BinaryOperation::Maximum),
        ("minimum", BinaryOperation::Minimum),
    ] {
        for shapes in ["same", "row", "column", "both"] {
            check(&golden, &format!("{name}_{shapes}"), |case| {
                let (a, b) = (case.input("a"), case.input("b"));
                let y = case.graph.binary(operation, a, b).expect("the shapes broadcast");
                case.expect_with_gradients(y, &[("a", a), ("b", b)]);
            });
        }
    }
}
