//! Two elementwise programs, one of which reads the other's result, as one.

use crate::ops::{Chain, ChainInput, Operation, Step, Value, contiguous_strides};
use crate::plan::Operand;

/// Strides along `dims` for a tensor that has `strides` along `shape`, both having the same number of elements; 0 where an extent
/// is 1. `None` where an axis of `shape` is no product of neighbouring `dims`, nor lies within them.
pub(super) fn strides_within(shape: &[u32], strides: &[u32], dims: &[u32]) -> Option<Vec<u32>> {
    let mut along = vec![0; dims.len()];
    let mut rest = dims.len();
    for (extent, stride) in shape.iter().zip(strides).rev().filter(|(extent, _)| **extent > 1) {
        let (mut done, mut step) = (1, *stride);
        while done < *extent {
            rest = rest.checked_sub(1)?;
            if dims[rest] > 1 {
                along[rest] = step;
                step = step.checked_mul(dims[rest])?;
                done *= dims[rest];
            }
        }
        if done != *extent {
            return None;
        }
    }
    dims[..rest].iter().all(|extent| *extent == 1).then_some(along)
}

/// [`strides_within`] four axes.
pub(super) fn strides_along(shape: [u32; 4], strides: [u32; 4], dims: [u32; 4]) -> Option<[u32; 4]> {
    // Axes that are contiguous within `shape` may be cut in another way in `dims`.
    let refined = refine(&shape, &dims)?;
    let fine = strides_within(&shape, &strides, &refined)?;
    let mut along = [0; 4];
    let mut rest = refined.len();
    for axis in (0..4).rev().filter(|axis| dims[*axis] > 1) {
        let (mut done, mut step) = (1, None);
        while done < dims[axis] {
            rest = rest.checked_sub(1)?;
            let expected = *step.get_or_insert(fine[rest]);
            if fine[rest] != expected {
                return None;
            }
            step = Some(expected.checked_mul(refined[rest])?);
            if done == 1 {
                along[axis] = fine[rest];
            }
            done *= refined[rest];
        }
    }
    Some(along)
}

/// Extents of which the axes of both shapes are products, without ones.
fn refine(a: &[u32], b: &[u32]) -> Option<Vec<u32>> {
    let axes = |shape: &[u32]| shape.iter().copied().filter(|extent| *extent > 1).collect::<Vec<u32>>();
    let (mut a, mut b) = (axes(a), axes(b));
    let mut refined = Vec::new();
    while let (Some(last_a), Some(last_b)) = (a.pop(), b.pop()) {
        let (small, large) = (last_a.min(last_b), last_a.max(last_b));
        if large % small != 0 {
            return None;
        }
        refined.push(small);
        if large > small {
            if last_a > last_b { a.push(large / small) } else { b.push(large / small) }
        }
    }
    refined.reverse();
    (a.is_empty() && b.is_empty()).then_some(refined)
}

/// A program under construction, over axes that may be more than four.
struct Builder {
    dims: Vec<u32>,
    inputs: Vec<(Operand, Vec<u32>, u32)>,
    steps: Vec<Step>,
}

impl Builder {
    fn input(&mut self, operand: Operand, strides: Vec<u32>, offset: u32) -> Value {
        let input = (operand, strides, offset);
        let known = self.inputs.iter().position(|other| *other == input);
        Value::Input(known.unwrap_or_else(|| {
            self.inputs.push(input);
            self.inputs.len() - 1
        }))
    }

    fn step(&mut self, step: Step) -> Value {
        let known = self.steps.iter().position(|other| *other == step);
        Value::Step(known.unwrap_or_else(|| {
            self.steps.push(step);
            self.steps.len() - 1
        }))
    }

    /// Appends the steps of a program whose inputs have become `inputs`, and returns the result's value.
    fn program(&mut self, steps: &[Step], inputs: &[Value]) -> Option<Value> {
        let mut values: Vec<Value> = Vec::with_capacity(steps.len());
        for step in steps {
            let of = |value: Value, taken: bool| match value {
                _ if !taken => Some(Value::Input(0)),
                Value::Input(index) => inputs.get(index).copied(),
                Value::Step(index) => values.get(index).copied(),
            };
            let operands = step.operation.operands();
            let (a, b) = (of(step.a, operands > 0)?, of(step.b, operands > 1)?);
            values.push(self.step(Step { operation: step.operation, a, b }));
        }
        values.last().or(inputs.first()).copied()
    }

    /// The chain, its axes merged where all inputs allow it.
    fn finish(mut self, result: Value) -> Option<(Chain, Vec<Operand>)> {
        // The last step is the result of a chain; without steps its first input.
        let last = self.steps.len().checked_sub(1).map_or(Value::Input(0), Value::Step);
        if result != last {
            return None;
        }
        let mut axis = self.dims.len().saturating_sub(1);
        while axis > 0 {
            let (outer, extent) = (axis - 1, self.dims[axis]);
            if self.inputs.iter().all(|(_, strides, _)| strides[outer] == strides[axis] * extent) {
                self.dims[outer] *= extent;
                self.dims.remove(axis);
                for (_, strides, _) in &mut self.inputs {
                    strides[outer] = strides[axis];
                    strides.remove(axis);
                }
            }
            axis -= 1;
        }
        let missing = 4usize.checked_sub(self.dims.len())?;
        let four = |values: &[u32], pad: u32| -> [u32; 4] {
            std::array::from_fn(|axis| axis.checked_sub(missing).map_or(pad, |axis| values[axis]))
        };
        let inputs = self.inputs.iter();
        let inputs =
            inputs.map(|(_, strides, offset)| ChainInput { strides: four(strides, 0), offset: *offset }).collect();
        let chain = Chain { shape: four(&self.dims, 1), inputs, steps: self.steps };
        let operands = self.inputs.into_iter().map(|(operand, ..)| operand).collect();
        chain.validate().is_ok().then_some((chain, operands))
    }
}

/// How an input lies within a program that reads it.
fn lies(chain: &Chain, input: &ChainInput, wanted: [u32; 4]) -> bool {
    (0..4).all(|axis| chain.shape[axis] == 1 || input.strides[axis] == wanted[axis])
}

/// `consumer`, which reads the tensor `between`, with `producer`, which computes that tensor, in its place; the operands are those
/// of the inputs. `None` where that makes no chain: too many inputs or steps, or strides that do not compose.
pub(super) fn absorb(
    (consumer, operands): (&Chain, &[Operand]),
    between: Operand,
    (producer, producer_operands): (&Chain, &[Operand]),
) -> Option<(Chain, Vec<Operand>)> {
    let whole = |input: &ChainInput| {
        input.offset == 0
            && consumer.len() == producer.len()
            && lies(consumer, input, contiguous_strides(consumer.shape))
    };
    let plain = |input: &ChainInput| lies(producer, input, contiguous_strides(producer.shape));
    let one = |input: &ChainInput| lies(producer, input, [0; 4]);
    // The address of such inputs is that of `between`, or none: they can be read through any view of it.
    let simple = producer.inputs.iter().all(|input| plain(input) || one(input));
    let dims = refine(&consumer.shape, if simple { &consumer.shape } else { &producer.shape })?;
    let mut builder = Builder { dims, inputs: Vec::new(), steps: Vec::new() };
    let mut values = Vec::new();
    for (input, operand) in consumer.inputs.iter().zip(operands) {
        let seen = strides_within(&consumer.shape, &input.strides, &builder.dims)?;
        if *operand != between {
            values.push(builder.input(*operand, seen, input.offset));
            continue;
        }
        let mut composed = Vec::new();
        for (inner, operand) in producer.inputs.iter().zip(producer_operands) {
            composed.push(if simple && plain(inner) {
                builder.input(*operand, seen.clone(), input.offset.checked_add(inner.offset)?)
            } else if simple {
                builder.input(*operand, vec![0; builder.dims.len()], inner.offset)
            } else if whole(input) {
                let strides = strides_within(&producer.shape, &inner.strides, &builder.dims)?;
                builder.input(*operand, strides, inner.offset)
            } else {
                return None;
            });
        }
        values.push(builder.program(&producer.steps, &composed)?);
    }
    let result = builder.program(&consumer.steps, &values)?;
    builder.finish(result)
}

/// Whether computing `producer` anew for every element of `consumer` costs little.
pub(super) fn cheap_within(consumer: &Chain, producer: &Chain) -> bool {
    let plain = |step: &Step| !matches!(step.operation, Operation::Unary(_) | Operation::Derivative(_));
    consumer.len() <= producer.len() || producer.steps.len() <= 1 || producer.steps.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Binary, BinaryOperation, Function};

    #[test]
    fn strides_are_cut_and_joined() {
        // [6, 4] contiguous, seen as [2, 3, 4] and as [24].
        assert_eq!(strides_along([1, 1, 6, 4], [0, 0, 4, 1], [1, 2, 3, 4]), Some([0, 12, 4, 1]));
        assert_eq!(strides_along([1, 1, 6, 4], [0, 0, 4, 1], [1, 1, 1, 24]), Some([0, 0, 0, 1]));
        // A row repeated is no run of 24, nor are 5 rows cut out of 6.
        assert_eq!(strides_along([1, 1, 6, 4], [0, 0, 0, 1], [1, 1, 1, 24]), None);
        assert_eq!(strides_along([1, 1, 6, 4], [0, 0, 0, 1], [1, 2, 3, 4]), Some([0, 0, 0, 1]));
        assert_eq!(strides_along([1, 1, 6, 4], [0, 0, 4, 1], [1, 1, 5, 4]), None);
        assert_eq!(strides_along([1, 1, 6, 4], [0, 0, 4, 1], [1, 1, 8, 3]), None);
    }

    #[test]
    fn programs_compose_through_broadcasts() {
        let [x, row, t, z] = [0, 1, 2, 3].map(Operand::Transient);
        // t = x + row over [5, 4]; y = t * z over [20]: axes of both.
        let (producer, _) = Binary::new(BinaryOperation::Add, &[5, 4], &[4]).unwrap();
        let producer = crate::Kernel::elementwise(&producer).unwrap();
        let (consumer, _) = Binary::new(BinaryOperation::Multiply, &[20], &[20]).unwrap();
        let consumer = crate::Kernel::elementwise(&consumer).unwrap();
        let (chain, operands) = absorb((&consumer, &[t, z]), t, (&producer, &[x, row])).unwrap();
        assert_eq!(operands, [x, row, z]);
        assert_eq!(chain.shape, [1, 1, 5, 4]);
        assert_eq!(
            chain.inputs.iter().map(|input| input.strides[2..].to_vec()).collect::<Vec<_>>(),
            [[4, 1], [0, 1], [4, 1]]
        );
        assert_eq!(chain.steps[1].a, Value::Step(0));
        // A square of t twice over is one step, used twice.
        let (twice, _) = Binary::new(BinaryOperation::Add, &[20], &[20]).unwrap();
        let square = Chain::flat(20, 1, Operation::Unary(Function::Square)).unwrap();
        let (chain, operands) =
            absorb((&crate::Kernel::elementwise(&twice).unwrap(), &[t, t]), t, (&square, &[x])).unwrap();
        assert_eq!((chain.steps.len(), operands.len()), (2, 1));
        assert_eq!((chain.steps[1].a, chain.steps[1].b), (Value::Step(0), Value::Step(0)));
    }
}
