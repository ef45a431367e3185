//! Elementwise programs, and copies of several rows.

use parnas_kernels::Kernel;
use parnas_kernels::ops::{
    BinaryOperation, Chain, ChainInput, CopyRows, Direction, Function, Operation, RowCopy, Step, Value,
};

use crate::reference::chain::chain;
use crate::support::{ODD, assert_close, devices, numbers, run};

fn step(operation: Operation, a: Value, b: Value) -> Step {
    Step { operation, a, b }
}

fn input(strides: [u32; 4], offset: u32) -> ChainInput {
    ChainInput { strides, offset }
}

/// Programs over `[rows, columns]`: one of every kind of input, with as many inputs and steps as there may be.
fn programs(rows: u32, columns: u32) -> Vec<Chain> {
    use BinaryOperation::{Add, Divide, GreaterThan, Maximum, Minimum, Multiply, Subtract};
    use Operation::{Binary, Constant, Derivative, Unary};
    use Value::{Input, Step};
    let shape = [1, 1, rows, columns];
    let flat = input([0, 0, columns, 1], 0);
    let all = vec![
        flat,
        input([0, 0, 0, 1], 2),
        input([0, 0, 1, 0], 1),
        input([0; 4], 3),
        input([0, 0, 1, rows], 0),
        input([0, 0, columns, 1], 5),
    ];
    let affine = Function::Affine { scale: 1.5, shift: -0.25 };
    vec![
        Chain {
            shape,
            inputs: all,
            steps: vec![
                step(Binary(Add), Input(0), Input(1)),
                step(Unary(affine), Step(0), Input(0)),
                step(Derivative(Function::Tanh), Step(1), Input(2)),
                step(Binary(Multiply), Step(2), Input(3)),
                step(Binary(Maximum), Input(4), Step(3)),
                step(Unary(Function::Sigmoid), Step(4), Input(0)),
                step(Binary(Subtract), Step(5), Step(0)),
                step(Binary(Divide), Input(5), Step(5)),
            ],
        },
        Chain {
            shape,
            inputs: vec![input([0, 0, 0, 0], 0), flat],
            steps: vec![
                step(Constant(0.5), Input(0), Input(0)),
                step(Binary(Minimum), Step(0), Input(1)),
                step(Binary(GreaterThan), Input(1), Input(0)),
                step(Binary(Add), Step(1), Step(2)),
            ],
        },
        Chain { shape, inputs: vec![flat, flat], steps: vec![step(Derivative(affine), Input(0), Input(1))] },
        Chain { shape, inputs: Vec::new(), steps: vec![step(Constant(-2.5), Input(0), Input(0))] },
        // A transposition.
        Chain { shape, inputs: vec![input([0, 0, 1, rows], 0)], steps: Vec::new() },
    ]
}

#[test]
pub(super) fn chains_agree_with_the_reference() {
    let sizes = ODD.map(|columns| (3, columns as u32)).into_iter().chain([(1, 1), (41, 300), (200, 127)]);
    for kernel in sizes.flat_map(|(rows, columns)| programs(rows, columns)) {
        kernel.validate().unwrap();
        let slots = kernel.slots();
        let inputs: Vec<Vec<f32>> = slots.iter().enumerate().map(|(i, slot)| numbers(i as u64, slot.len)).collect();
        let exact = chain(&kernel, &inputs);
        let mut bindings = inputs;
        *bindings.last_mut().unwrap() = vec![f32::NAN; exact.len()];
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &bindings);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 4e-6, 2e-6);
        }
    }
}

#[test]
fn every_function_of_a_chain_is_that_of_its_own_kernel() {
    use parnas_kernels::ops::{Unary, UnaryGradient};
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
        Function::Gelu,
        Function::GeluTanh,
        Function::Silu,
        Function::HardSwish,
        Function::HardSigmoid,
    ];
    let len = 1000;
    let x: Vec<f32> = numbers(1, len).iter().map(|x| if x.abs() < 0.1 { 0.1 } else { 3.0 * x.abs() }).collect();
    let (g, y) = (numbers(2, len), vec![f32::NAN; len]);
    for facts in devices() {
        for function in functions {
            let alone = Unary { function, len };
            let chained = alone.elementwise().expect("it is elementwise");
            let inputs = [x.clone(), y.clone()];
            assert_eq!(
                run(&facts, alone, &inputs),
                run(&facts, chained, &inputs),
                "{function:?} on {}",
                facts.selector
            );
            let alone = UnaryGradient { function, len };
            let chained = alone.elementwise().expect("it is elementwise");
            let inputs = [x.clone(), g.clone(), y.clone()];
            assert_eq!(
                run(&facts, alone, &inputs),
                run(&facts, chained, &inputs),
                "{function:?}' on {}",
                facts.selector
            );
        }
    }
}

#[test]
fn programs_that_cannot_run_are_refused() {
    let good = programs(3, 41).remove(0);
    assert!(good.validate().is_ok());
    let mut later = good.clone();
    later.steps[1].a = Value::Step(1);
    assert!(later.validate().is_err(), "a step reads itself");
    let mut missing = good.clone();
    missing.steps[0].b = Value::Input(6);
    assert!(missing.validate().is_err(), "an input that is not there");
    let mut many = good.clone();
    many.steps.push(many.steps[0]);
    assert!(many.validate().is_err(), "nine steps");
    let mut wide = good.clone();
    wide.inputs.push(wide.inputs[0]);
    assert!(wide.validate().is_err(), "seven inputs");
    assert!(Chain { shape: [1, 0, 3, 4], ..good.clone() }.validate().is_err());
    assert!(Chain { shape: [1 << 16, 1, 1, 1 << 16], ..good }.validate().is_err());
}

/// Pieces of different heights and widths, side by side and one below the other, with a gap that stays as it was; all lengths along a
/// row are multiples of `unit`.
fn pieces(count: usize, direction: Direction, unit: u32) -> CopyRows {
    let mut offset = 0;
    let pieces = (0..count as u32).map(|index| {
        let (rows, columns) = (1 + 7 * (index % 3), unit * [1, 33, 41][index as usize % 3]);
        let (inside, packed) = (columns + 2 * unit, columns);
        let start = offset;
        offset += rows * inside + unit;
        match direction {
            Direction::Join => RowCopy {
                rows,
                columns,
                source_stride: packed,
                source_offset: index * unit,
                destination_stride: inside,
                destination_offset: start,
            },
            Direction::Split => RowCopy {
                rows,
                columns,
                source_stride: inside,
                source_offset: start,
                destination_stride: packed,
                destination_offset: index * unit,
            },
        }
    });
    let pieces = pieces.collect();
    CopyRows { direction, shared: offset as usize, pieces }
}

#[test]
pub(super) fn joined_copies_are_those_copies() {
    let directions =
        [Direction::Join, Direction::Split].into_iter().flat_map(|direction| [(direction, 1), (direction, 2)]);
    for (count, (direction, unit)) in (1..=7).flat_map(|count| directions.clone().map(move |kind| (count, kind))) {
        let kernel = pieces(count, direction, unit);
        kernel.validate().unwrap();
        let bindings: Vec<Vec<f32>> =
            kernel.slots().iter().enumerate().map(|(i, slot)| numbers(i as u64, slot.len)).collect();
        let mut expected = bindings.clone();
        for (index, piece) in kernel.pieces.iter().enumerate() {
            let (source, destination) = match direction {
                Direction::Join => (index, count),
                Direction::Split => (0, index + 1),
            };
            for (row, column) in (0..piece.rows).flat_map(|row| (0..piece.columns).map(move |column| (row, column))) {
                let read = piece.source_offset + row * piece.source_stride + column;
                let write = piece.destination_offset + row * piece.destination_stride + column;
                expected[destination][write as usize] = bindings[source][read as usize];
            }
        }
        let written = if direction == Direction::Join { &expected[count..] } else { &expected[1..] };
        for facts in devices() {
            let got = run(&facts, kernel.clone(), &bindings);
            assert!(got == written, "{count} pieces of {unit}, {direction:?} on {}", facts.selector);
        }
        let beyond = CopyRows { shared: kernel.shared - 4 * unit as usize, ..kernel };
        assert!(beyond.validate().is_err());
    }
    assert!(CopyRows { pieces: Vec::new(), ..pieces(1, Direction::Join, 1) }.validate().is_err());
}
