//! Several elementwise operations in one launch: a short program that runs for every element.
//!
//! Made by the rules of [`crate::fuse`] out of the launches of a plan; the results have the bits of the separate launches.

use rayon::prelude::*;

use super::binary::reach;
use super::check::{countable, positive};
use super::require::require;
use super::unary::for_each_function;
use super::{BinaryOperation, Function};
use crate::Result;
use crate::cpu::{Cpu, Views};
use crate::launch::{Cost, Kernel, Shader, Slot, Words, linear_grid};

/// Inputs that a chain may have: one more buffer is its result.
pub const INPUTS: usize = 6;
/// Steps that a chain may have.
pub const STEPS: usize = 8;

/// Elements of one task of the CPU kernel.
const TASK: usize = 8192;
/// Elements that pass through all steps before the next: few enough that every intermediate value stays in the first cache.
const BLOCK: usize = 512;

/// What a step computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// A number, the same everywhere.
    Constant(f32),
    /// A function of `a`.
    Unary(Function),
    /// The derivative of a function at `a`, times `b`.
    Derivative(Function),
    /// An operation on `a` and `b`.
    Binary(BinaryOperation),
}

impl Operation {
    /// Its number in `elementwise/chain.wgsl`; `None` for functions that have none there.
    fn code(self) -> Option<u32> {
        match self {
            Self::Binary(operation) => Some(1 + operation as u32),
            Self::Constant(_) => Some(8),
            Self::Unary(function) => function_code(function).map(|code| 32 + code),
            Self::Derivative(function) => function_code(function).map(|code| 96 + code),
        }
    }

    fn scalars(self) -> (f32, f32) {
        match self {
            Self::Constant(value) => (value, 0.0),
            Self::Unary(Function::Affine { scale, shift }) | Self::Derivative(Function::Affine { scale, shift }) => {
                (scale, shift)
            }
            _ => (0.0, 0.0),
        }
    }

    /// How many of `a` and `b` it takes.
    pub fn operands(self) -> usize {
        match self {
            Self::Constant(_) => 0,
            Self::Unary(_) => 1,
            Self::Derivative(_) | Self::Binary(_) => 2,
        }
    }
}

/// A function's number in the shader of chains.
fn function_code(function: Function) -> Option<u32> {
    let code = function.code();
    (code <= Function::HardSigmoid.code()).then_some(code)
}

/// An operand of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The input of this number.
    Input(usize),
    /// The value of an earlier step.
    Step(usize),
}

impl Value {
    fn code(self) -> u32 {
        match self {
            Self::Input(index) => index as u32,
            Self::Step(index) => (INPUTS + index) as u32,
        }
    }
}

/// One step of a chain; operands that the operation does not take are ignored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The operation.
    pub operation: Operation,
    /// Its first operand.
    pub a: Value,
    /// Its second operand.
    pub b: Value,
}

impl Step {
    fn code(self) -> Option<u32> {
        Some(self.operation.code()? | self.a.code() << 8 | self.b.code() << 12)
    }
}

/// How a chain reads one input: element `offset + c . strides` for the coordinate `c`; a stride of 0 repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainInput {
    /// Elements between neighbours along each axis.
    pub strides: [u32; 4],
    /// The first element.
    pub offset: u32,
}

/// How an input lies, as the shader's `LAYOUTS` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Contiguous,
    One,
    Strided,
}

/// `y = program(inputs)`, element by element: slots `x0`, …, `y`, which is contiguous over `shape`.
///
/// The value of the last step is the result; without steps it is the first input, so that a chain may be a strided copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The extents of `y`.
    pub shape: [u32; 4],
    /// At most [`INPUTS`].
    pub inputs: Vec<ChainInput>,
    /// At most [`STEPS`].
    pub steps: Vec<Step>,
}

/// The strides of a contiguous tensor.
pub(crate) fn contiguous_strides(shape: [u32; 4]) -> [u32; 4] {
    let mut strides = [1; 4];
    for axis in (0..3).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    strides
}

impl Chain {
    /// A chain of one step on contiguous inputs of `len` elements.
    pub(crate) fn flat(len: usize, inputs: usize, operation: Operation) -> Option<Self> {
        let shape = [1, 1, 1, u32::try_from(len).ok()?];
        let input = ChainInput { strides: contiguous_strides(shape), offset: 0 };
        let step = Step { operation, a: Value::Input(0), b: Value::Input(1) };
        let chain = Self { shape, inputs: vec![input; inputs], steps: vec![step] };
        chain.validate().is_ok().then_some(chain)
    }

    /// Checks the program.
    ///
    /// # Errors
    /// Where there are too many inputs or steps, a step has an operation that chains do not know or reads a later one, an
    /// extent is 0, or a tensor has more elements than an index counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "chain";
        let shape = self.shape.map(u64::from);
        for extent in shape {
            positive(NAME, &[("an extent", extent)])?;
        }
        countable(NAME, "y", &shape)?;
        for input in &self.inputs {
            countable(NAME, "an input", &[input.offset as u64 + reach(self.shape, input.strides) as u64])?;
        }
        require(self.inputs.len() <= INPUTS, NAME, "there are at most six inputs")?;
        require(self.steps.len() <= STEPS, NAME, "there are at most eight steps")?;
        require(!self.steps.is_empty() || !self.inputs.is_empty(), NAME, "there is a step or an input")?;
        for (index, step) in self.steps.iter().enumerate() {
            require(step.operation.code().is_some(), NAME, "chains know the operation")?;
            let known = [step.a, step.b].into_iter().take(step.operation.operands()).all(|value| match value {
                Value::Input(input) => input < self.inputs.len(),
                Value::Step(earlier) => earlier < index,
            });
            require(known, NAME, "a step takes inputs and earlier steps")?;
        }
        Ok(())
    }

    /// Elements of `y`.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().map(|extent| *extent as usize).product()
    }

    fn layout(&self, input: &ChainInput) -> Layout {
        let expected = contiguous_strides(self.shape);
        let along = |wanted: [u32; 4]| (0..4).all(|i| self.shape[i] == 1 || input.strides[i] == wanted[i]);
        if along(expected) {
            Layout::Contiguous
        } else if along([0; 4]) {
            Layout::One
        } else {
            Layout::Strided
        }
    }

    /// Elements that an input touches, each counted once.
    fn touched(&self, input: &ChainInput) -> u64 {
        (0..4).filter(|axis| input.strides[*axis] != 0).map(|axis| u64::from(self.shape[axis])).product()
    }

    /// Copies what `input` shows of `x` for the elements from `start` on, run by run along the last axis.
    #[inline(always)]
    fn gather(&self, input: &ChainInput, x: &[f32], start: usize, values: &mut [f32]) {
        let [_, n1, n2, n3] = self.shape.map(|extent| extent as usize);
        let strides = input.strides.map(|stride| stride as usize);
        let mut done = 0;
        while done < values.len() {
            let at = start + done;
            let (row, i3) = (at / n3, at % n3);
            let (plane, i2) = (row / n2, row % n2);
            let (i0, i1) = (plane / n1, plane % n1);
            let first = input.offset as usize + i0 * strides[0] + i1 * strides[1] + i2 * strides[2] + i3 * strides[3];
            let run = (n3 - i3).min(values.len() - done);
            let (values, x) = (&mut values[done..done + run], &x[first..]);
            match strides[3] {
                0 => values.fill(x[0]),
                1 => values.copy_from_slice(&x[..run]),
                stride => values.iter_mut().zip(x.iter().step_by(stride)).for_each(|(value, x)| *value = *x),
            }
            done += run;
        }
    }

    /// Computes `y`, a block of the whole from the element `start` on. `scratch` holds a block for each input and each step.
    #[inline(always)]
    fn block(&self, inputs: &[&[f32]; INPUTS], start: usize, scratch: &mut [f32], y: &mut [f32]) {
        let len = y.len();
        let mut in_place = [false; INPUTS];
        for (index, input) in self.inputs.iter().enumerate() {
            if self.layout(input) == Layout::Contiguous {
                in_place[index] = true;
            } else {
                self.gather(input, inputs[index], start, &mut scratch[index * BLOCK..][..len]);
            }
        }
        let place = |index: usize| self.inputs[index].offset as usize + start;
        if self.steps.is_empty() {
            y.copy_from_slice(if in_place[0] { &inputs[0][place(0)..][..len] } else { &scratch[..len] });
            return;
        }
        for (index, step) in self.steps.iter().enumerate() {
            let (before, own) = scratch.split_at_mut((INPUTS + index) * BLOCK);
            let of = |value: Value| match value {
                Value::Input(input) if in_place[input] => &inputs[input][place(input)..][..len],
                _ => &before[value.code() as usize * BLOCK..][..len],
            };
            let result = if index + 1 == self.steps.len() { &mut *y } else { &mut own[..len] };
            match step.operation {
                Operation::Constant(value) => result.fill(value),
                Operation::Unary(function) => {
                    let a = of(step.a);
                    for_each_function!(function, |function| map(result, a, |a| function.apply(a)));
                }
                Operation::Derivative(function) => {
                    let (a, b) = (of(step.a), of(step.b));
                    for_each_function!(function, |function| zip(result, a, b, |a, b| b * function.derivative(a)));
                }
                Operation::Binary(operation) => {
                    let (a, b) = (of(step.a), of(step.b));
                    // One loop an operation: the choice must not be made element by element.
                    macro_rules! each {
                        ($($operation:ident),*) => {
                            match operation {
                                $(BinaryOperation::$operation => {
                                    zip(result, a, b, |a, b| BinaryOperation::$operation.apply(a, b));
                                })*
                            }
                        };
                    }
                    each!(Add, Subtract, Multiply, Divide, Maximum, Minimum, GreaterThan);
                }
            }
        }
    }
}

#[inline(always)]
fn map(result: &mut [f32], a: &[f32], f: impl Fn(f32) -> f32) {
    for (result, a) in result.iter_mut().zip(a) {
        *result = f(*a);
    }
}

#[inline(always)]
fn zip(result: &mut [f32], a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) {
    for ((result, a), b) in result.iter_mut().zip(a).zip(b) {
        *result = f(*a, *b);
    }
}

impl Kernel for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn slots(&self) -> Vec<Slot> {
        let names = ["x0", "x1", "x2", "x3", "x4", "x5"];
        let inputs = self.inputs.iter().zip(names);
        let mut slots: Vec<Slot> = inputs
            .map(|(input, name)| Slot::read(name, input.offset as usize + reach(self.shape, input.strides)).or_half())
            .collect();
        slots.push(Slot::write("y", self.len()).or_half());
        slots
    }

    fn shader(&self) -> Shader {
        let layouts = self.inputs.iter().enumerate().map(|(index, input)| (self.layout(input) as u32) << (2 * index));
        let mut constants = vec![("INPUTS", self.inputs.len() as u32), ("LAYOUTS", layouts.sum())];
        let names = ["STEP_0", "STEP_1", "STEP_2", "STEP_3", "STEP_4", "STEP_5", "STEP_6", "STEP_7"];
        constants.extend(names.into_iter().enumerate().map(|(index, name)| {
            let code = self.steps.get(index).and_then(|step| step.code());
            (name, code.unwrap_or(0))
        }));
        Shader { file: "elementwise/chain", constants }
    }

    fn parameters(&self) -> Words {
        let [_, n1, n2, n3] = self.shape;
        let mut words = Words::new().u32(self.len() as u32).u32(n1).u32(n2).u32(n3);
        let input = |index: usize| self.inputs.get(index).copied().unwrap_or(ChainInput { strides: [0; 4], offset: 0 });
        for index in 0..INPUTS {
            words = input(index).strides.into_iter().fold(words, Words::u32);
        }
        for index in 0..8 {
            words = words.u32(input(index).offset);
        }
        for index in 0..STEPS {
            let (scale, shift) = self.steps.get(index).map_or((0.0, 0.0), |step| step.operation.scalars());
            words = words.f32(scale).f32(shift);
        }
        words
    }

    fn grid(&self) -> [u32; 3] {
        linear_grid(self.len().div_ceil(256))
    }

    fn cost(&self) -> Cost {
        let each = |step: &Step| match step.operation {
            Operation::Constant(_) => 0,
            Operation::Derivative(_) => 2,
            _ => 1,
        };
        let operations = self.steps.iter().map(each).sum::<u64>() * self.len() as u64;
        let read: u64 = self.inputs.iter().map(|input| self.touched(input)).sum();
        Cost { operations, bytes: 4 * (read + self.len() as u64) }
    }

    fn scratch(&self) -> usize {
        (INPUTS + self.steps.len()) * BLOCK
    }

    fn elementwise(&self) -> Option<Chain> {
        Some(self.clone())
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        let mut inputs: [&[f32]; INPUTS] = [&[]; INPUTS];
        let mut y: &mut [f32] = &mut [];
        for (index, view) in views.each().enumerate() {
            match inputs[..self.inputs.len()].get_mut(index) {
                Some(input) => *input = view.read(),
                None => y = view.write(),
            }
        }
        y[..self.len()].par_chunks_mut(TASK).enumerate().for_each(|(task, y)| {
            cpu.with_scratch(self.scratch(), |scratch| {
                for (block, y) in y.chunks_mut(BLOCK).enumerate() {
                    cpu.vectorised(
                        #[inline(always)]
                        || self.block(&inputs, task * TASK + block * BLOCK, scratch, y),
                    );
                }
            });
        });
    }
}
