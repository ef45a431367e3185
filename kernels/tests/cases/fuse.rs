//! The rules of fusion on plans made for them: what each replaces, that the bits stay, and what it leaves alone.

use parnas_kernels::cpu::{Cpu, Views};
use parnas_kernels::ops::{
    Affine, BatchNormalise, Bias, Binary, BinaryOperation, Conv2d, Conv2dInputGradient, Elastic, Fill, FoldRows,
    Function, Gate, Matmul, MixedCombine, MixedEdge, MixedInputGradient, RowLayout, StridedCopy, Unary, UnaryGradient,
};
use parnas_kernels::{Buffers, Cost, Executor, Fusion, Kernel, Operand, Plan, PlanBuilder, Shader, Slot, Words};

use crate::support::halves::{Stored, prepared, stored};
use crate::support::{devices, numbers};

/// A plan under construction over persistent tensors, the last `results` of which it computes.
struct Case<'a, 'b> {
    plan: &'a mut PlanBuilder<'b>,
    given: &'a [Operand],
}

impl Case<'_, '_> {
    fn tensor(&mut self, len: usize) -> Operand {
        let tensor = self.plan.transient("between", len);
        if stored() != Stored::Full {
            self.plan.allow_halves(tensor);
        }
        tensor
    }

    fn launch(&mut self, kernel: impl Kernel, operands: &[Operand]) {
        self.plan.launch("test", kernel, operands).expect("the launch is valid");
    }

    fn unary(&mut self, function: Function, len: usize, x: Operand, y: Operand) {
        self.launch(Unary { function, len }, &[x, y]);
    }

    fn add(&mut self, len: usize, a: Operand, b: Operand, y: Operand) {
        self.binary(&[len], &[len], a, b, y);
    }

    fn binary(&mut self, a_shape: &[usize], b_shape: &[usize], a: Operand, b: Operand, y: Operand) {
        let (kernel, _) = Binary::new(BinaryOperation::Add, a_shape, b_shape).expect("they broadcast");
        self.launch(kernel, &[a, b, y]);
    }
}

/// Runs what `build` appends to a plan over tensors of `lens` elements, as it is and fused, and compares the bits of all tensors
/// afterwards, on every device. Returns the names of the fused plan's kernels.
fn kernels(lens: &[usize], build: impl Fn(&mut Case<'_, '_>)) -> Vec<&'static str> {
    fused(lens, build).launches.iter().map(|launch| launch.kernel.name()).collect()
}

/// [`kernels`], but returns the fused plan.
fn fused(lens: &[usize], build: impl Fn(&mut Case<'_, '_>)) -> Plan {
    let mut buffers = Buffers::new();
    let ids: Vec<_> = lens.iter().map(|len| buffers.add("given", *len)).collect();
    let given: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
    let plan = |fusion: Fusion| -> Plan {
        let mut plan = PlanBuilder::new("fused", &buffers);
        build(&mut Case { plan: &mut plan, given: &given });
        plan.finish_with(fusion)
    };
    let (apart, fused) = (plan(Fusion::Off), plan(Fusion::On));
    assert_eq!(fused.fused.before.launches, apart.launches.len());
    assert_eq!(fused.fused.after.launches, fused.launches.len());
    let saved: usize = fused.fused.fused.iter().map(|fused| fused.launches).sum();
    assert_eq!(apart.launches.len() - fused.launches.len(), saved, "every launch that is gone was reported");
    assert!(fused.peak_bytes() <= apart.peak_bytes(), "fusion takes no memory");
    // What halves spare of a launch is shared out evenly among its bindings, so that sums are compared where there are none.
    let moved = stored() != Stored::Full || fused.cost().bytes <= apart.cost().bytes;
    assert!(moved, "fusion moves no more");
    for facts in devices() {
        let results = [&apart, &fused].map(|plan| {
            let mut executor = prepared(Executor::new(&facts, None, &buffers).expect("the device opens"));
            for (index, (id, len)) in ids.iter().zip(lens).enumerate() {
                executor.write(*id, &numbers(index as u64, *len)).expect("the buffer is written");
            }
            let prepared = executor.prepare(plan).expect("the plan is prepared");
            // Twice: what persists must go on as it would.
            executor.run(&prepared).expect("the plan runs");
            executor.run(&prepared).expect("the plan runs");
            ids.iter().map(|id| executor.read(*id).expect("the buffer is read")).collect::<Vec<_>>()
        });
        for (index, (apart, fused)) in results[0].iter().zip(&results[1]).enumerate() {
            let differs = apart.iter().zip(fused).position(|(a, b)| a != b);
            assert_eq!(differs, None, "tensor {index} on {}", facts.selector);
        }
    }
    fused
}

fn rows(shape: [u32; 2], source: [u32; 2], destination: [u32; 2], lens: [usize; 2]) -> StridedCopy {
    StridedCopy {
        shape: [1, 1, shape[0], shape[1]],
        source_strides: [0, 0, source[1], 1],
        source_offset: source[0],
        destination_strides: [0, 0, destination[1], 1],
        destination_offset: destination[0],
        source_len: lens[0],
        destination_len: lens[1],
    }
}

const N: usize = 3 * 41;

#[test]
fn elementwise_launches_become_a_chain() {
    let all = kernels(&[N, N, 41, N], |case| {
        let [x, z, row, y] = <[Operand; 4]>::try_from(case.given).unwrap();
        let [a, b, c] = [0; 3].map(|_| case.tensor(N));
        case.unary(Function::Affine { scale: 0.5, shift: 0.1 }, N, x, a);
        case.binary(&[3, 41], &[41], a, row, b);
        case.unary(Function::Tanh, N, b, c);
        case.add(N, c, z, y);
    });
    assert_eq!(all, ["chain"]);
}

#[test]
fn chains_read_slices_repetitions_and_constants() {
    let all = kernels(&[3, 200, N], |case| {
        let [column, wide, y] = <[Operand; 3]>::try_from(case.given).unwrap();
        let [scaled, ones] = [case.tensor(3), case.tensor(N)];
        let [repeated, cut, sum] = [0; 3].map(|_| case.tensor(N));
        case.unary(Function::Affine { scale: 2.0, shift: 0.0 }, 3, column, scaled);
        let repeat = StridedCopy { source_strides: [0, 0, 1, 0], ..rows([3, 41], [0, 0], [0, 41], [3, N]) };
        case.launch(repeat, &[scaled, repeated]);
        case.launch(rows([3, 41], [7, 50], [0, 41], [200, N]), &[wide, cut]);
        case.add(N, repeated, cut, sum);
        case.launch(Fill { len: N, value: 0.25 }, &[ones]);
        case.add(N, ones, sum, y);
    });
    assert_eq!(all, ["chain"]);
}

#[test]
fn what_something_else_reads_stays() {
    let all = kernels(&[N, N, N], |case| {
        let [x, y, other] = <[Operand; 3]>::try_from(case.given).unwrap();
        let [a, b] = [0; 2].map(|_| case.tensor(N));
        case.unary(Function::Tanh, N, x, a);
        case.unary(Function::Square, N, a, b);
        case.add(N, a, b, y);
        case.launch(Squares(N), &[a, other]);
    });
    // The square goes into the sum; the tangent is read by a kernel that no rule knows.
    assert_eq!(all, ["unary", "chain", "squares"]);
}

#[test]
fn what_is_overwritten_in_between_is_read_in_time() {
    let all = kernels(&[N, N], |case| {
        let [x, y] = <[Operand; 2]>::try_from(case.given).unwrap();
        let [a, b] = [0; 2].map(|_| case.tensor(N));
        case.unary(Function::Tanh, N, x, a);
        case.launch(Fill { len: N, value: 0.0 }, &[x]);
        case.unary(Function::Square, N, a, b);
        case.add(N, b, b, y);
    });
    assert_eq!(all, ["unary", "fill", "chain"]);
}

#[test]
fn nothing_moves_past_a_write_of_what_it_reads() {
    let whole = || rows([1, N as u32], [0, 0], [0, 0], [N, N]);
    // The copy is what its source was before something else was written there.
    let all = kernels(&[N, N, N], |case| {
        let [x, other, y] = <[Operand; 3]>::try_from(case.given).unwrap();
        let copied = case.tensor(N);
        case.launch(whole(), &[x, copied]);
        case.launch(Squares(N), &[other, x]);
        case.launch(Squares(N), &[copied, y]);
    });
    assert_eq!(all, ["strided_copy", "squares", "squares"]);
    // The result of ReLU is gone when the gradient wants to know where it was positive.
    let all = kernels(&[N, N, N, N], |case| {
        let [given, other, y, dx] = <[Operand; 4]>::try_from(case.given).unwrap();
        let [shifted, x] = [0; 2].map(|_| case.tensor(N));
        case.launch(Squares(N), &[given, shifted]);
        case.unary(Function::Affine { scale: 1.0, shift: -0.3 }, N, shifted, x);
        case.unary(Function::Relu, N, x, y);
        case.launch(Squares(N), &[other, y]);
        case.launch(UnaryGradient { function: Function::Relu, len: N }, &[x, given, dx]);
    });
    assert_eq!(all.iter().filter(|kernel| **kernel == "squares").count(), 2);
    // The first piece's source changes before the second piece is copied.
    let all = kernels(&[3, 3, 3, 6], |case| {
        let [a, b, other, y] = <[Operand; 4]>::try_from(case.given).unwrap();
        case.launch(rows([1, 3], [0, 3], [0, 3], [3, 6]), &[a, y]);
        case.launch(Squares(3), &[other, a]);
        case.launch(rows([1, 3], [0, 3], [3, 3], [3, 6]), &[b, y]);
    });
    assert_eq!(all, ["strided_copy", "squares", "strided_copy"]);
}

#[test]
fn a_chain_does_not_write_what_it_reads() {
    // y = tanh(x), x = y^2: joined it would bind x for both.
    let all = kernels(&[N], |case| {
        let x = case.given[0];
        let y = case.tensor(N);
        case.unary(Function::Tanh, N, x, y);
        case.unary(Function::Square, N, y, x);
    });
    assert_eq!(all, ["unary", "unary"]);
}

#[test]
fn copies_of_whole_tensors_disappear() {
    let all = kernels(&[N, N, N, N], |case| {
        let [x, y, kept, late] = <[Operand; 4]>::try_from(case.given).unwrap();
        let [copied, result] = [0; 2].map(|_| case.tensor(N));
        let whole = || rows([1, N as u32], [0, 0], [0, 0], [N, N]);
        case.launch(whole(), &[x, copied]);
        case.launch(Squares(N), &[copied, result]);
        case.launch(whole(), &[result, kept]);
        case.launch(Squares(N), &[result, y]);
        // This one has to stay: its destination is read between its source's origin and itself.
        let other = case.tensor(N);
        case.launch(Squares(N), &[late, other]);
        case.launch(whole(), &[other, late]);
    });
    assert_eq!(all, ["squares", "squares", "squares", "strided_copy"]);
}

#[test]
fn bias_and_relu_go_into_the_product() {
    let (batch, m, n, k) = (2, 3, 33, 41);
    let matmul = Matmul {
        batch,
        m,
        n,
        k,
        transpose_a: false,
        transpose_b: false,
        broadcast_a: false,
        broadcast_b: false,
        bias: Bias::None,
        relu: false,
    };
    let [batch, m, n, k] = [batch, m, n, k].map(|extent| extent as usize);
    let len = batch * m * n;
    for bias in [vec![n], vec![batch, 1, n], vec![m, 1], vec![1]] {
        let lens = [batch * m * k, batch * k * n, bias.iter().product(), len, len];
        let all = kernels(&lens, |case| {
            let [a, b, added, g, y] = <[Operand; 5]>::try_from(case.given).unwrap();
            let [product, sum, relu] = [0; 3].map(|_| case.tensor(len));
            case.launch(matmul.clone(), &[a, b, product]);
            case.binary(&bias, &[batch, m, n], added, product, sum);
            case.unary(Function::Relu, len, sum, relu);
            case.launch(UnaryGradient { function: Function::Relu, len }, &[sum, g, y]);
            case.launch(Squares(len), &[relu, g]);
        });
        // Added along rows, or to everything, it is no bias.
        let expected: &[&str] = match bias.last() {
            Some(last) if *last == n => &["matmul", "unary_gradient", "squares"],
            _ => &["matmul", "chain", "unary_gradient", "squares"],
        };
        assert_eq!(all, expected, "{bias:?}");
    }
}

#[test]
fn relu_and_a_summand_go_into_the_normalisation() {
    let (architectures, batch, channels, spatial) = (2, 3, 5, 33);
    let normalise = BatchNormalise {
        architectures,
        batch,
        channels,
        spatial,
        epsilon: 1e-5,
        affine: Affine::Shared,
        relu: false,
        summand: false,
    };
    let len = (architectures * batch * channels * spatial) as usize;
    let lens = [len, 2 * (architectures * channels) as usize, channels as usize, channels as usize, len, len];
    let all = kernels(&lens, |case| {
        let [x, statistics, scale, shift, other, y] = <[Operand; 6]>::try_from(case.given).unwrap();
        let [variances, normalised, relu] = [case.tensor(lens[1]), case.tensor(len), case.tensor(len)];
        case.launch(Squares(lens[1]), &[statistics, variances]);
        case.launch(normalise.clone(), &[x, variances, scale, shift, normalised]);
        case.unary(Function::Relu, len, normalised, relu);
        case.add(len, other, relu, y);
    });
    assert_eq!(all, ["squares", "batch_normalise"]);
}

#[test]
fn sums_and_slices_go_into_the_fold() {
    let (count, len) = (13, 41);
    let fold = FoldRows { rows: count, len, scale: 0.5, initial: true, second: false, layout: RowLayout::rows_of(len) };
    let all_rows = count as usize * len;
    let all = kernels(&[all_rows, all_rows, 3 * all_rows, len, len, len], |case| {
        let [a, b, wide, initial, y, z] = <[Operand; 6]>::try_from(case.given).unwrap();
        let [sum, cut] = [0; 2].map(|_| case.tensor(all_rows));
        case.add(all_rows, a, b, sum);
        case.launch(fold.clone(), &[initial, sum, y]);
        // Every third element.
        let slice = StridedCopy {
            shape: [1, count, len as u32, 1],
            source_strides: [0, 3 * len as u32, 3, 1],
            source_offset: 2,
            destination_strides: [0, len as u32, 1, 1],
            destination_offset: 0,
            source_len: 3 * all_rows,
            destination_len: all_rows,
        };
        case.launch(slice, &[wide, cut]);
        case.launch(fold.clone(), &[initial, cut, z]);
    });
    assert_eq!(all, ["fold_rows", "fold_rows"]);
}

#[test]
fn gradients_of_slices_lie_side_by_side_and_copies_join() {
    let all = kernels(&[9, 9, 3 * 8, 6], |case| {
        let [a, b, y, other] = <[Operand; 4]>::try_from(case.given).unwrap();
        let [first, second, sum] = [0; 3].map(|_| case.tensor(3 * 8));
        case.launch(Fill { len: 24, value: 0.0 }, &[first]);
        case.launch(rows([3, 3], [0, 3], [0, 8], [9, 24]), &[a, first]);
        case.launch(Fill { len: 24, value: 0.0 }, &[second]);
        case.launch(rows([3, 3], [0, 3], [4, 8], [9, 24]), &[b, second]);
        case.add(24, first, second, sum);
        case.launch(Squares(24), &[sum, y]);
        // Two slices of what was computed.
        let [left, right] = [0; 2].map(|_| case.tensor(3));
        case.launch(rows([3, 1], [2, 8], [0, 1], [24, 3]), &[y, left]);
        case.launch(rows([3, 1], [5, 8], [0, 1], [24, 3]), &[y, right]);
        case.launch(rows([1, 3], [0, 3], [0, 3], [3, 6]), &[left, other]);
        case.launch(rows([1, 3], [0, 3], [3, 3], [3, 6]), &[right, other]);
    });
    // Columns 3 and 7 belong to neither part: the zeros stay.
    assert_eq!(all, ["fill", "copy_rows", "squares", "copy_rows", "copy_rows"]);
}

/// A chain of sums whose addends nothing else reads: of an input's gradients with the gate of one architecture closed, at a stride
/// of 1 and of 2, of all channels in one group and of one each, of one tap, and of the edge's own.
#[test]
pub(super) fn sums_go_where_their_addends_are() {
    // Where two halves share a word, rows are even.
    let widths: &[u32] = if stored() == Stored::Full { &[11, 12] } else { &[12] };
    let kinds = [
        (16, 3, 1, 1, false),
        (16, 3, 1, 1, true),
        (16, 3, 2, 1, true),
        (16, 3, 1, 16, true),
        (16, 3, 2, 16, false),
        (8, 1, 1, 1, false),
    ];
    for ((channels, kernel, stride, groups, relu_input), width) in
        kinds.into_iter().flat_map(|kind| widths.iter().map(move |width| (kind, *width)))
    {
        let convolution = Conv2d {
            architectures: 3,
            batch: 2,
            in_channels: channels,
            out_channels: channels,
            height: 9,
            width,
            kernel,
            stride,
            padding: kernel / 2,
            groups,
            relu_input,
            dilation: 1,
            shared_weight: true,
            gate: Some(Gate { width: 5, choice: 2 }),
            centre_of: 0,
            elastic: Elastic::FULL,
        };
        let edge =
            MixedEdge { architectures: 3, batch: 2, channels, height: 9, width, epsilon: 1e-5, evaluate_all: false };
        let channels = channels as usize;
        let len = 3 * 2 * channels * 9 * width as usize;
        let outputs = 3 * 2 * channels * 9u32.div_ceil(stride) as usize * width.div_ceil(stride) as usize;
        let statistics = 4 * 3 * channels;
        let weights = channels * channels / groups as usize * (kernel * kernel) as usize;
        let lens = [outputs, weights, len, 3 * 5, statistics, statistics, len];
        let plan = fused(&lens, |case| {
            let [dy, w, x, numbers, given, squares, y] = <[Operand; 7]>::try_from(case.given).unwrap();
            let (weights, doubled) = (case.tensor(3 * 5), case.tensor(len));
            // Some weights are 0: what belongs to them is skipped.
            case.unary(Function::Relu, 3 * 5, numbers, weights);
            case.launch(Squares(statistics), &[given, squares]);
            case.unary(Function::Square, len, x, doubled);
            let mut known = doubled;
            for step in 0..4 {
                let sum = if step == 3 { y } else { case.tensor(len) };
                if step == 0 {
                    let kernel = MixedInputGradient { edge, accumulate: true };
                    case.launch(kernel, &[x, weights, known, sum]);
                } else if step == 1 {
                    let kernel = MixedCombine { edge, accumulate: true };
                    case.launch(kernel, &[x, x, x, squares, weights, known, sum]);
                } else {
                    let kernel = Conv2dInputGradient { convolution, accumulate: true };
                    let mask = relu_input.then_some(x);
                    let operands = [dy, w].into_iter().chain(mask).chain([weights, known, sum]);
                    case.launch(kernel, &operands.collect::<Vec<_>>());
                }
                known = sum;
            }
        });
        // The last sum is a tensor that persists: it stays apart.
        assert_eq!(
            plan.fused.by_rule().iter().map(|(rule, times, ..)| (*rule, *times)).collect::<Vec<_>>(),
            [("sum in place", 3)]
        );
        let mut bound = plan.launches.iter().flat_map(|launch| &launch.operands);
        assert_eq!(bound.any(|operand| plan.is_half(*operand)), stored() != Stored::Full, "the sums share a tensor");
    }
}

#[test]
fn slices_that_overlap_are_added() {
    let all = kernels(&[9, 9, 24], |case| {
        let [a, b, y] = <[Operand; 3]>::try_from(case.given).unwrap();
        let [first, second] = [0; 2].map(|_| case.tensor(24));
        case.launch(Fill { len: 24, value: 0.0 }, &[first]);
        case.launch(rows([3, 3], [0, 3], [0, 8], [9, 24]), &[a, first]);
        case.launch(Fill { len: 24, value: 0.0 }, &[second]);
        case.launch(rows([3, 3], [0, 3], [2, 8], [9, 24]), &[b, second]);
        case.add(24, first, second, y);
    });
    assert_eq!(all, ["fill", "strided_copy", "fill", "strided_copy", "binary"]);
}

#[test]
fn a_report_tells_what_was_saved() {
    let buffers = Buffers::new();
    let mut plan = PlanBuilder::new("told", &buffers);
    let [a, b, c] = [0; 3].map(|_| plan.transient("between", 256));
    plan.launch("first", Fill { len: 256, value: 1.0 }, &[a]).unwrap();
    plan.launch("second", Unary { function: Function::Exp, len: 256 }, &[a, b]).unwrap();
    plan.launch("third", Squares(256), &[b, c]).unwrap();
    let plan = plan.finish_with(Fusion::On);
    let report = &plan.fused;
    assert_eq!((report.before.launches, report.after.launches), (3, 2));
    // What the fill wrote and the exponential read.
    assert_eq!(report.before.bytes - report.after.bytes, 2 * 4 * 256);
    assert_eq!(report.by_rule(), [("elementwise chain", 1, 1, 2048)]);
    let text = report.to_string();
    for part in ["2 instead of 3", "elementwise chain", "-2.0 KiB", "second: fill + unary"] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

/// A kernel that no rule knows: squares, under another type.
#[derive(Debug)]
struct Squares(usize);

impl Kernel for Squares {
    fn name(&self) -> &'static str {
        "squares"
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::read("x", self.0), Slot::write("y", self.0)]
    }

    fn shader(&self) -> Shader {
        self.inner().shader()
    }

    fn parameters(&self) -> Words {
        self.inner().parameters()
    }

    fn grid(&self) -> [u32; 3] {
        self.inner().grid()
    }

    fn cost(&self) -> Cost {
        self.inner().cost()
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.inner().run(cpu, views);
    }
}

impl Squares {
    fn inner(&self) -> Unary {
        Unary { function: Function::Square, len: self.0 }
    }
}
