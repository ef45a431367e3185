//! Attention: forward, gradients, weights of heads and of choices.

use parnas_kernels::ops::{
    Attention, AttentionForward, AttentionKeyValueGradient, AttentionMix, AttentionQueryGradient, AttentionRows,
    AttentionWeightGradient, Gate, HeadGate,
};
use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};
use parnas_kernels::{DeviceFacts, Executor, Kernel};

use crate::reference::attention::{Operands, Results};
use crate::support::variants::run_by;
use crate::support::{Exact, assert_close, bits, devices, numbers, run};

const UNTOUCHED: f32 = 1234.5;

/// Attention with its operands in f32.
#[derive(Debug, Clone)]
struct Case {
    attention: Attention,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dy: Vec<f32>,
    lengths: Vec<u32>,
    weights: Vec<f32>,
    evaluate_all: bool,
    /// The variant of the forward pass.
    variant: usize,
}

/// What the kernels compute.
#[derive(Debug)]
struct Got {
    o: Vec<f32>,
    lse: Vec<f32>,
    rows: Vec<f32>,
    y: Vec<f32>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
    dw: Vec<f32>,
}

impl Case {
    /// `[A, N, H, Tq, Tk, D]`.
    fn new([architectures, batch, heads, queries, keys, head_size]: [u32; 6], causal: bool) -> Self {
        let attention = Attention {
            architectures,
            batch,
            heads,
            queries,
            keys,
            head_size,
            scale: 1.5 / (head_size as f32).sqrt(),
            causal,
            lengths: false,
            gate: HeadGate::None,
        };
        let (of_queries, of_keys) =
            [queries, keys].map(|tokens| (architectures * batch * tokens * heads * head_size) as usize).into();
        let [q, k, v] = [(1, of_queries), (2, of_keys), (3, of_keys)].map(|(seed, len)| numbers(seed, len));
        let dy = numbers(4, of_queries);
        let (lengths, weights, evaluate_all) = (Vec::new(), Vec::new(), false);
        Self { attention, q, k, v, dy, lengths, weights, evaluate_all, variant: 0 }
    }

    fn with_lengths(mut self, lengths: &[u32]) -> Self {
        self.attention.lengths = true;
        self.lengths = lengths.iter().copied().cycle().take(self.attention.batch as usize).collect();
        self
    }

    fn gated(mut self, gate: HeadGate, weights: &[f32], evaluate_all: bool) -> Self {
        self.attention.gate = gate;
        self.weights = weights.to_vec();
        self.evaluate_all = evaluate_all;
        self
    }

    fn reference(&self) -> Operands {
        let [q, k, v, weights] =
            [&self.q, &self.k, &self.v, &self.weights].map(|x| x.iter().map(|x| f64::from(*x)).collect());
        Operands { attention: self.attention, q, k, v, lengths: self.lengths.clone(), weights }
    }

    fn upstream(&self) -> Vec<f64> {
        self.dy.iter().map(|x| f64::from(*x)).collect()
    }

    /// `first`, then lengths and weights where `attention` has them, then the buffers that are written.
    fn inputs(&self, attention: &Attention, first: &[&Vec<f32>], gate: bool, written: &[usize]) -> Vec<Vec<f32>> {
        let mut inputs: Vec<Vec<f32>> = first.iter().map(|x| (*x).clone()).collect();
        inputs.extend(attention.lengths.then(|| bits(&self.lengths)));
        inputs.extend((gate && attention.gate != HeadGate::None).then(|| self.weights.clone()));
        inputs.extend(written.iter().map(|len| vec![UNTOUCHED; *len]));
        inputs
    }

    fn run(&self, facts: &DeviceFacts) -> Got {
        let attention = self.attention;
        let gated = attention.gate != HeadGate::None;
        // Where all heads are computed, the forward pass has no gate.
        let forward = match self.evaluate_all {
            true => Attention { gate: HeadGate::None, ..attention },
            false => attention,
        };
        let pairs = (attention.architectures * attention.batch * attention.heads) as usize;
        let queries = attention.queries as usize;
        let kernel = AttentionForward(forward);
        kernel.validate().unwrap();
        let written = [self.q.len(), pairs * queries];
        let inputs = self.inputs(&forward, &[&self.q, &self.k, &self.v], true, &written);
        let [o, lse] = run_by(self.variant, facts, kernel, &inputs).try_into().unwrap();
        let y = match gated {
            true => {
                let mix = |accumulate| {
                    let inputs = [o.clone(), self.weights.clone(), vec![UNTOUCHED; o.len()]];
                    run(facts, AttentionMix { attention, accumulate }, &inputs).remove(0)
                };
                let y = mix(false);
                for (i, (y, sum)) in y.iter().zip(mix(true)).enumerate() {
                    assert!((UNTOUCHED + y - sum).abs() < 5e-4, "sum[{i}] on {}", facts.selector);
                }
                y
            }
            false => o.clone(),
        };
        let without_lengths = Attention { lengths: false, ..attention };
        let inputs = self.inputs(&without_lengths, &[&o, &self.dy, &lse], true, &[pairs * (1 + 2 * queries)]);
        let kernel = AttentionRows { attention, evaluate_all: self.evaluate_all };
        let rows = run(facts, kernel, &inputs).remove(0);
        let first = [&self.q, &self.k, &self.v, &self.dy, &rows];
        let queries_gradient = |accumulate| {
            let kernel = AttentionQueryGradient { attention, accumulate };
            run(facts, kernel, &self.inputs(&attention, &first, false, &[self.q.len()])).remove(0)
        };
        let others_gradient = |accumulate| -> [Vec<f32>; 2] {
            let kernel = AttentionKeyValueGradient { attention, accumulate };
            let inputs = self.inputs(&attention, &first, false, &[self.k.len(); 2]);
            run(facts, kernel, &inputs).try_into().unwrap()
        };
        let (dq, [dk, dv]) = (queries_gradient(false), others_gradient(false));
        let [sum_k, sum_v] = others_gradient(true);
        for (gradient, sum) in [(&dq, queries_gradient(true)), (&dk, sum_k), (&dv, sum_v)] {
            for (i, (gradient, sum)) in gradient.iter().zip(sum).enumerate() {
                assert!((UNTOUCHED + gradient - sum).abs() < 5e-4, "accumulated[{i}] on {}", facts.selector);
            }
        }
        let kernel = AttentionWeightGradient { attention, evaluate_all: self.evaluate_all };
        let dw = match gated {
            true => run(facts, kernel, &[rows.clone(), vec![UNTOUCHED; self.weights.len()]]).remove(0),
            false => Vec::new(),
        };
        Got { o, lse, rows, y, dq, dk, dv, dw }
    }

    /// Runs the kernels and compares them with the reference.
    fn check(&self, facts: &DeviceFacts, reference: &Operands, exact: &Results) -> Got {
        let got = self.run(facts);
        let what = |name: &str| format!("{name} of {:?} on {}", self.attention, facts.selector);
        let Attention { batch, heads, queries, head_size, .. } = self.attention;
        let [batch, heads, queries, depth] = [batch, heads, queries, head_size].map(|extent| extent as usize);
        for (pair, lse) in got.lse.chunks(queries).enumerate() {
            let (sequence, h) = (pair / heads, pair % heads);
            let weight = reference.weight(sequence / batch, h);
            let skipped = weight == 0.0 && !self.evaluate_all;
            let rows = &got.rows[pair * (1 + 2 * queries)..][..1 + 2 * queries];
            assert_eq!(f64::from(rows[0]), weight, "{}", what("weight"));
            for i in 0..queries {
                let row = pair * queries + i;
                let at = ((sequence * queries + i) * heads + h) * depth;
                let (o, y) = (&got.o[at..][..depth], &got.y[at..][..depth]);
                if skipped {
                    assert!(lse[i] == UNTOUCHED && o.iter().all(|o| *o == UNTOUCHED), "{}", what("skipped"));
                    assert!(y.iter().all(|y| *y == 0.0), "{}", what("y of a skipped head"));
                    continue;
                }
                if exact.lse[row].value == f64::NEG_INFINITY {
                    assert!(lse[i] == f32::MAX && o.iter().all(|o| *o == 0.0), "{}", what("unseeing"));
                } else {
                    assert_close(&what("lse"), &lse[i..=i], &exact.lse[row..=row], 2e-6, 2e-6);
                }
                assert_close(&what("o"), o, &exact.o[at..][..depth], 4e-6, 1e-6);
                let scaled: Vec<Exact> = exact.o[at..][..depth].iter().map(|o| scaled(*o, weight)).collect();
                assert_close(&what("y"), y, &scaled, 4e-6, 1e-6);
                let product = &exact.products[row..=row];
                assert_close(&what("product"), &rows[1 + queries + i..][..1], product, 4e-6, 1e-6);
            }
        }
        for (name, got, exact) in [("dq", &got.dq, &exact.dq), ("dk", &got.dk, &exact.dk), ("dv", &got.dv, &exact.dv)] {
            assert_close(&what(name), got, exact, 6e-6, 1e-6);
        }
        let mut dw = vec![None; self.weights.len()];
        for (row, product) in exact.products.iter().enumerate() {
            let (pair, _) = (row / queries, row % queries);
            let (a, h) = (pair / heads / batch, pair % heads);
            let entry = match self.attention.gate {
                HeadGate::None => continue,
                HeadGate::PerHead => a * heads + h,
                HeadGate::Choice(gate) => a * gate.width as usize + gate.choice as usize,
            };
            let sum: &mut Exact = dw[entry].get_or_insert_default();
            if reference.weight(a, h) != 0.0 || self.evaluate_all {
                sum.value += product.value;
                sum.magnitude += product.magnitude;
            }
        }
        let untouched = Exact::of(UNTOUCHED.into());
        let dw: Vec<Exact> = dw.into_iter().map(|dw| dw.unwrap_or(untouched)).collect();
        assert_close(&what("dw"), &got.dw, &dw, 4e-6, 1e-6);
        got
    }
}

fn scaled(x: Exact, factor: f64) -> Exact {
    Exact { value: factor * x.value, magnitude: factor.abs() * x.magnitude }
}

fn check(case: &Case) {
    let reference = case.reference();
    let exact = reference.results(&case.upstream());
    for facts in devices() {
        for variant in 0..2 {
            Case { variant, ..case.clone() }.check(&facts, &reference, &exact);
        }
    }
}

#[test]
fn attention_agrees_with_the_reference() {
    for causal in [false, true] {
        for (queries, keys) in [(1, 1), (3, 3), (31, 31), (33, 33), (41, 41), (65, 65), (127, 127)] {
            check(&Case::new([1, 2, 2, queries, keys, 16], causal));
        }
        for (queries, keys) in [(1, 127), (3, 65), (31, 33), (41, 3), (65, 41), (127, 31), (33, 1)] {
            check(&Case::new([2, 1, 3, queries, keys, 16], causal));
        }
    }
}

#[test]
fn heads_of_all_sizes_agree_with_the_reference() {
    for head_size in [4, 8, 12, 16, 20, 32, 36, 48, 64, 80, 96, 112, 128] {
        check(&Case::new([1, 1, 2, 41, 65, head_size], head_size % 32 == 0));
    }
}

#[test]
fn padded_keys_are_not_seen() {
    for causal in [false, true] {
        check(&Case::new([2, 4, 2, 41, 41, 16], causal).with_lengths(&[41, 0, 1, 33]));
        check(&Case::new([1, 4, 1, 33, 65, 32], causal).with_lengths(&[64, 0, 31, 100]));
        check(&Case::new([1, 3, 1, 127, 31, 64], causal).with_lengths(&[3, 30, 0]));
    }
}

#[test]
fn heads_of_weight_zero_are_skipped() {
    let weights = [1.0, 0.75, 0.0, 1.0, 0.0, 0.0, -0.5, 0.0, 0.25];
    for evaluate_all in [false, true] {
        let case = Case::new([3, 2, 3, 33, 41, 16], true).gated(HeadGate::PerHead, &weights, evaluate_all);
        check(&case);
        check(&case.with_lengths(&[41, 7]));
    }
}

#[test]
fn choices_of_weight_zero_are_skipped() {
    let weights = [0.0, 0.25, 1.0, 0.0, 0.0, -0.5];
    for (choice, evaluate_all) in [(0, false), (1, false), (1, true)] {
        let gate = HeadGate::Choice(Gate { width: 2, choice });
        check(&Case::new([3, 2, 2, 31, 33, 32], false).gated(gate, &weights, evaluate_all));
    }
}

/// Scores far from 0: an exponential without the shift would overflow.
#[test]
fn large_scores_do_not_overflow() {
    let mut case = Case::new([1, 1, 2, 65, 127, 16], false);
    case.attention.scale = 40.0;
    let exact = case.reference().results(&case.upstream());
    for facts in devices() {
        let got = case.run(&facts);
        // The probabilities of such scores are as wrong as the scores, whose error is relative.
        assert_close("o", &got.o, &exact.o, 2e-4, 1e-5);
        assert_close("lse", &got.lse, &exact.lse, 2e-6, 2e-6);
        assert!([&got.dq, &got.dk, &got.dv].iter().all(|x| x.iter().all(|x| x.is_finite())));
    }
}

/// One of the operands.
type Part = fn(&mut Operands) -> &mut Vec<f64>;

/// The gradients of `sum(dy * y)`, `dy` being any numbers, by central differences of the f64 forward pass.
#[test]
fn attention_gradients_are_central_differences() {
    let weights = [0.5, -1.25, 0.75, 1.0];
    let mut case = Case::new([2, 2, 2, 5, 7, 8], true).with_lengths(&[7, 4]);
    case = case.gated(HeadGate::PerHead, &weights, false);
    let reference = case.reference();
    let dy = case.upstream();
    let difference = |of: Part, i: usize| {
        let mut moved = reference.clone();
        let step = 1e-5;
        of(&mut moved)[i] += step;
        let above = moved.loss(&dy);
        of(&mut moved)[i] -= 2.0 * step;
        (above - moved.loss(&dy)) / (2.0 * step)
    };
    for facts in devices() {
        let got = case.run(&facts);
        let gradients: [(&str, &[f32], Part); 4] = [
            ("dq", &got.dq, |operands| &mut operands.q),
            ("dk", &got.dk, |operands| &mut operands.k),
            ("dv", &got.dv, |operands| &mut operands.v),
            ("dw", &got.dw, |operands| &mut operands.weights),
        ];
        for (name, gradient, of) in gradients {
            for (i, gradient) in gradient.iter().enumerate() {
                let slope = difference(of, i);
                let error = (f64::from(*gradient) - slope).abs();
                assert!(error < 5e-6, "{name}[{i}] is {gradient}, by differences {slope}, on {}", facts.selector);
            }
        }
    }
}

/// The bits of an architecture do not depend on those beside it.
#[test]
fn attention_of_an_architecture_stands_alone() {
    let whole = Case::new([3, 2, 2, 65, 33, 16], true);
    let part = |x: &[f32], a: usize| x[a * x.len() / 3..(a + 1) * x.len() / 3].to_vec();
    for facts in devices() {
        let together = whole.run(&facts);
        for a in 0..3 {
            let mut alone = Case::new([1, 2, 2, 65, 33, 16], true);
            for (alone, whole) in [
                (&mut alone.q, &whole.q),
                (&mut alone.k, &whole.k),
                (&mut alone.v, &whole.v),
                (&mut alone.dy, &whole.dy),
            ] {
                *alone = part(whole, a);
            }
            let got = alone.run(&facts);
            let pairs = [
                (&got.o, &together.o),
                (&got.lse, &together.lse),
                (&got.dq, &together.dq),
                (&got.dk, &together.dk),
                (&got.dv, &together.dv),
            ];
            for (got, together) in pairs {
                assert_eq!(*got, part(together, a), "architecture {a} on {}", facts.selector);
            }
        }
    }
}

/// Runs a kernel on the CPU with so many threads.
fn run_with_threads(threads: usize, kernel: impl Kernel, inputs: &[Vec<f32>]) -> Vec<f32> {
    let mut buffers = Buffers::new();
    let ids: Vec<_> = inputs.iter().map(|data| buffers.add("tensor", data.len())).collect();
    let mut executor = Executor::new(&DeviceFacts::cpu(), Some(threads), &buffers).unwrap();
    let mut plan = PlanBuilder::new("threads", &buffers);
    let operands: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
    plan.launch("test", kernel, &operands).unwrap();
    for (id, data) in ids.iter().zip(inputs) {
        executor.write(*id, data).unwrap();
    }
    let plan = executor.prepare(&plan.finish()).unwrap();
    executor.run(&plan).unwrap();
    ids.iter().flat_map(|id| executor.read(*id).unwrap()).collect()
}

#[test]
fn attention_has_the_same_bits_on_any_number_of_threads() {
    let case = Case::new([1, 2, 3, 127, 127, 32], true);
    let rows = case.run(&DeviceFacts::cpu()).rows;
    let attention = case.attention;
    let forward = case.inputs(&attention, &[&case.q, &case.k, &case.v], true, &[case.q.len(), 6 * 127]);
    let first = [&case.q, &case.k, &case.v, &case.dy, &rows];
    let backward = case.inputs(&attention, &first, false, &[case.k.len(); 2]);
    let of_queries = &backward[..6];
    let results = |threads| {
        [
            run_with_threads(threads, AttentionForward(attention), &forward),
            run_with_threads(threads, AttentionQueryGradient { attention, accumulate: false }, of_queries),
            run_with_threads(threads, AttentionKeyValueGradient { attention, accumulate: false }, &backward),
        ]
    };
    let one = results(1);
    assert!([2, 3].into_iter().all(|threads| results(threads) == one));
}

#[test]
fn impossible_attention_is_refused() {
    let attention = Case::new([1, 1, 1, 3, 3, 16], true).attention;
    assert!(attention.validate().is_ok());
    assert!(Attention { batch: 0, ..attention }.validate().is_err());
    assert!(Attention { keys: 0, ..attention }.validate().is_err());
    assert!(Attention { head_size: 18, ..attention }.validate().is_err());
    assert!(Attention { head_size: 132, ..attention }.validate().is_err());
    assert!(Attention { keys: 8193, ..attention }.validate().is_err());
    assert!(Attention { queries: 8193, ..attention }.validate().is_err());
    assert!(Attention { batch: 1 << 16, heads: 1 << 12, ..attention }.validate().is_err());
    assert!(Attention { scale: f32::NAN, ..attention }.validate().is_err());
    let gate = HeadGate::Choice(Gate { width: 2, choice: 2 });
    assert!(AttentionForward(Attention { gate, ..attention }).validate().is_err());
    assert!(AttentionMix { attention, accumulate: false }.validate().is_err());
    assert!(AttentionWeightGradient { attention, evaluate_all: true }.validate().is_err());
}
