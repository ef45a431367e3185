//! Cross-entropy over a vocabulary, a chunk of rows at a time.

use parnas_kernels::DeviceFacts;
use parnas_kernels::ops::{LinearCrossEntropy, Logits, TableGradient};
use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};

use crate::reference::vocabulary::{gradients, losses};
use crate::support::pushed::run_pushed;
use crate::support::{Exact, assert_close, bits, devices, numbers, run};

/// Architectures, rows, width, classes, chunk.
const SIZES: [[u32; 5]; 7] = [
    [1, 1, 1, 1, 1],
    [2, 6, 3, 33, 4],
    [3, 7, 31, 65, 3],
    [1, 33, 41, 127, 33],
    [2, 3, 65, 300, 1],
    [1, 130, 5, 70, 64],
    [1, 2, 3, 50_304, 1],
];

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

#[derive(Debug, Clone)]
struct Case {
    loss: LinearCrossEntropy,
    h: Vec<f32>,
    table: Vec<f32>,
    labels: Vec<u32>,
    g: Vec<f32>,
}

impl Case {
    fn new([architectures, rows, width, classes, chunk]: [u32; 5], kind: u32) -> Self {
        let label_rows = if kind.is_multiple_of(2) { rows } else { architectures * rows };
        let ignored = (kind % 3 == 1).then_some(2);
        let shared_table = kind.is_multiple_of(2);
        let smoothing = [0.0, 0.1][kind as usize % 2];
        let loss = LinearCrossEntropy {
            architectures,
            rows,
            width,
            classes,
            label_rows,
            ignored,
            smoothing,
            shared_table,
            chunk,
        };
        let tables = if shared_table { 1 } else { architectures };
        Self {
            loss,
            h: numbers(1, (architectures * rows * width) as usize).iter().map(|x| 3.0 * x).collect(),
            table: numbers(2, (tables * classes * width) as usize),
            // The ignored class stands among them, and what is no class.
            labels: (0..label_rows).map(|r| if r % 7 == 3 { u32::MAX - r } else { (r * 11 + 2) % classes }).collect(),
            g: numbers(3, (architectures * rows) as usize),
        }
    }

    fn rows(&self) -> usize {
        self.g.len()
    }

    /// The result in the place `output` of two: loss and normaliser.
    fn forward(&self, facts: &DeviceFacts, output: usize) -> Vec<f32> {
        let inputs = [self.h.clone(), self.table.clone(), bits(&self.labels)];
        let lens = [self.rows(), 2 * self.rows()];
        run_pushed(facts, &inputs, lens[output], |plan, operands| {
            let other = plan.transient("other", lens[1 - output]);
            let outputs = if output == 0 { [operands[3], other] } else { [other, operands[3]] };
            self.loss.push(plan, "loss", [operands[0], operands[1], operands[2]], outputs)
        })
    }

    /// The gradient of `h`, or of the table.
    fn gradient(&self, facts: &DeviceFacts, of_table: bool) -> Vec<f32> {
        let inputs = [self.h.clone(), self.table.clone(), bits(&self.labels), self.forward(facts, 1), self.g.clone()];
        let architectures = self.loss.architectures as usize;
        let len = if of_table { architectures * (self.loss.classes * self.loss.width) as usize } else { self.h.len() };
        run_pushed(facts, &inputs, len, |plan, operands| {
            let inputs = std::array::from_fn(|input| operands[input]);
            let [dh, dtable] = [false, true].map(|table| (table == of_table).then_some(operands[5]));
            self.loss.push_gradient(plan, "gradient", inputs, dh, dtable)
        })
    }
}

#[test]
fn losses_of_a_vocabulary_agree_with_the_reference() {
    for (size, kind) in SIZES.into_iter().zip(0..).flat_map(|(size, kind)| [(size, kind), (size, kind + 1)]) {
        let case = Case::new(size, kind);
        case.loss.validate().unwrap();
        let (h, table, g) = (wide(&case.h), wide(&case.table), wide(&case.g));
        let exact: Vec<Exact> = losses(&case.loss, &h, &table, &case.labels).into_iter().map(Exact::of).collect();
        let (dh, dtable) = gradients(&case.loss, &h, &table, &case.labels, &g);
        for facts in devices() {
            let what = format!("{:?} on {}", case.loss, facts.selector);
            assert_close(&what, &case.forward(&facts, 0), &exact, 2e-6, 6e-6);
            assert_close(&format!("dh of {what}"), &case.gradient(&facts, false), &dh, 1e-5, 1e-6);
            assert_close(&format!("dtable of {what}"), &case.gradient(&facts, true), &dtable, 1e-5, 1e-6);
        }
    }
}

/// Against central differences of the f64 loss, from upstream gradients that are not 1.
#[test]
fn gradients_of_a_vocabulary_are_central_differences() {
    let case = Case::new([2, 6, 3, 33, 4], 1);
    let (h, table, g) = (wide(&case.h), wide(&case.table), wide(&case.g));
    let total = |h: &[f64], table: &[f64]| -> f64 {
        losses(&case.loss, h, table, &case.labels).iter().zip(&g).map(|(loss, g)| loss * g).sum()
    };
    let step = 1e-6;
    let slopes = |values: &[f64], total: &dyn Fn(&[f64]) -> f64| -> Vec<Exact> {
        let mut values = values.to_vec();
        (0..values.len())
            .map(|i| {
                let own = values[i];
                values[i] = own + step;
                let above = total(&values);
                values[i] = own - step;
                let below = total(&values);
                values[i] = own;
                Exact::of((above - below) / (2.0 * step))
            })
            .collect()
    };
    for facts in devices() {
        let of_h = slopes(&h, &|h| total(h, &table));
        assert_close(&format!("h on {}", facts.selector), &case.gradient(&facts, false), &of_h, 1e-5, 1e-5);
        let of_table = slopes(&table, &|table| total(&h, table));
        assert_close(&format!("table on {}", facts.selector), &case.gradient(&facts, true), &of_table, 1e-5, 1e-5);
    }
}

/// An architecture's bits do not depend on those beside it.
#[test]
fn losses_of_a_vocabulary_stand_alone() {
    let whole = Case::new([3, 7, 31, 65, 3], 3);
    for facts in devices() {
        let [loss, dh, dtable] =
            [whole.forward(&facts, 0), whole.gradient(&facts, false), whole.gradient(&facts, true)];
        for a in 0..3 {
            let own = |x: &[f32]| x[a * x.len() / 3..(a + 1) * x.len() / 3].to_vec();
            let alone = Case {
                loss: LinearCrossEntropy { architectures: 1, label_rows: 7, ..whole.loss },
                h: own(&whole.h),
                table: own(&whole.table),
                labels: whole.labels[7 * a..7 * (a + 1)].to_vec(),
                g: own(&whole.g),
            };
            assert_eq!(alone.forward(&facts, 0), own(&loss), "loss of {a} on {}", facts.selector);
            assert_eq!(alone.gradient(&facts, false), own(&dh), "dh of {a} on {}", facts.selector);
            assert_eq!(alone.gradient(&facts, true), own(&dtable), "dtable of {a} on {}", facts.selector);
        }
    }
}

/// Of a large vocabulary, memory holds the logits of a chunk, not all.
#[test]
fn logits_of_a_vocabulary_are_not_stored() {
    let (rows, width, classes, chunk) = (512u32, 8u32, 50_304u32, 32u32);
    let loss = LinearCrossEntropy { rows, width, classes, label_rows: rows, chunk, ..Case::new([1; 5], 0).loss };
    let mut buffers = Buffers::new();
    let lens = [rows * width, classes * width, rows, 2 * rows, rows, rows * width, classes * width, rows];
    let ids: Vec<Operand> = lens.iter().map(|len| Operand::Persistent(buffers.add("tensor", *len as usize))).collect();
    let mut plan = PlanBuilder::new("loss", &buffers);
    loss.push(&mut plan, "loss", [ids[0], ids[1], ids[2]], [ids[7], ids[3]]).unwrap();
    let inputs = std::array::from_fn(|input| ids[input]);
    loss.push_gradient(&mut plan, "gradient", inputs, Some(ids[5]), Some(ids[6])).unwrap();
    let bytes = plan.finish().peak_bytes();
    let expected = 4 * u64::from(chunk * (classes + 2 * width));
    assert!(bytes <= expected, "{bytes} bytes beside the tensors, {expected} for a chunk");
}

#[test]
fn table_gradients_add_to_what_stands_there() {
    for (architectures, chunk, classes, width) in [(1, 1, 1, 1), (2, 33, 65, 41), (1, 3, 127, 65), (3, 31, 3, 130)] {
        let kernel = TableGradient { architectures, chunk, classes, width };
        kernel.validate().unwrap();
        let [a, m, n, d] = [architectures, chunk, classes, width].map(|extent| extent as usize);
        let (dlogits, h, before) = (numbers(1, a * m * n), numbers(2, a * m * d), numbers(3, a * n * d));
        let exact: Vec<Exact> = (0..a * n * d)
            .map(|at| {
                let (own, v, column) = (at / d / n, at / d % n, at % d);
                let mut sum = Exact::of(f64::from(before[at]));
                for i in 0..m {
                    sum.add(f64::from(dlogits[(own * m + i) * n + v]) * f64::from(h[(own * m + i) * d + column]));
                }
                sum
            })
            .collect();
        for facts in devices() {
            let got = run(&facts, kernel, &[dlogits.clone(), h.clone(), before.clone()]);
            assert_close(&format!("{kernel:?} on {}", facts.selector), &got[0], &exact, 2e-6, 1e-6);
        }
    }
}

#[test]
fn impossible_vocabularies_are_refused() {
    let good = Case::new([2, 6, 3, 33, 4], 0).loss;
    assert!(good.validate().is_ok());
    assert!(LinearCrossEntropy { chunk: 0, ..good }.validate().is_err());
    assert!(LinearCrossEntropy { chunk: 7, ..good }.validate().is_ok(), "the last chunk may be shorter than a chunk");
    assert!(LinearCrossEntropy { label_rows: 5, ..good }.validate().is_err());
    assert!(LinearCrossEntropy { smoothing: -0.1, ..good }.validate().is_err());
    assert!(LinearCrossEntropy { classes: 1 << 23, ..good }.validate().is_err());
    let logits = Logits {
        architectures: 1,
        rows: 6,
        first: 4,
        chunk: 3,
        classes: 5,
        label_rows: 6,
        ignored: None,
        smoothing: 0.0,
    };
    assert!(logits.validate().is_err());
    assert!(TableGradient { architectures: 1, chunk: 50_000, classes: 1, width: 1 }.validate().is_err());
}
