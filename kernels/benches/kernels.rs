//! How long each kernel takes at sizes of a search step: `cargo bench -p parnas-kernels -- matmul`.
//!
//! On the CPU executor, or on the device that `--device NAME` or the variable `PARNAS_BENCH_DEVICE` names
//! (`--device vulkan:0`). A benchmark runs a prepared plan of one launch and waits for the device. The throughput is the
//! kernel's cost a second: operations of matrix products and convolutions, bytes of all others.

mod bench;
mod launch;

use std::process::ExitCode;

use parnas_kernels::ops::{
    Activation, Adam, Affine, Attention, AttentionForward, AttentionKeyValueGradient, AttentionQueryGradient,
    AttentionRows, BatchNormalise, BatchNormaliseGradient, BatchNormaliseSums, BatchStatistics, Bias, ChannelMask,
    ChannelMaskGradient, Conv2d, Conv2dForward, Conv2dInputGradient, Conv2dWeightGradient, Coverage, CoverageGradient,
    CrossEntropy, CrossEntropyGradient, Elastic, ElasticLinear, ElasticLinearForward, ElasticLinearInputGradient,
    ElasticLinearWeightGradient, ElasticOutput, ElasticWidth, FoldRows, Function, GatherGradient, HeadGate,
    KernelTransform, KernelTransformChoiceGradient, KernelTransformMatrixGradient, KernelTransformWeightGradient,
    LayerNorm, LayerNormForward, LayerNormGradient, LayerNormSums, LinearCrossEntropy, Matmul, MixedCombine, MixedEdge,
    MixedInputGradient, MixedNormaliseGradient, MixedStatistics, MixedSums, MixedWeightGradient, Pool2d, Pool2dForward,
    Pool2dGradient, PoolKind, Reduce, ReduceKind, Rotary, RowAffine, RowLayout, Schedule, Softmax, SoftmaxGradient,
    StridedCopy, Unary, UnaryGradient, Unselected,
};

use bench::Bench;
use launch::{measure, measure_vocabulary, measure_weight_gradient};

fn matmul(bench: &mut Bench) {
    let sizes = [
        ("square 256", 1, 256, 256, 256),
        ("square 1024", 1, 1024, 1024, 1024),
        ("tall 4096x64", 1, 4096, 64, 64),
        ("batch 13 of 256", 13, 256, 64, 64),
        ("row 13 of 1000", 13, 1, 1000, 100),
    ];
    for (size, batch, m, n, k) in sizes {
        let kernel = Matmul {
            batch,
            m,
            n,
            k,
            transpose_a: false,
            transpose_b: false,
            broadcast_a: false,
            broadcast_b: true,
            bias: Bias::None,
            relu: false,
        };
        if size == "square 1024" {
            measure(bench, "transposed 1024", Matmul { transpose_b: true, ..kernel.clone() });
        }
        measure(bench, size, kernel);
    }
}

fn elementwise(bench: &mut Bench) {
    let len = 1 << 20;
    for function in [
        Function::Relu,
        Function::Exp,
        Function::Sigmoid,
        Function::Tanh,
        Function::Softplus,
        Function::Gelu,
        Function::GeluTanh,
        Function::Silu,
        Function::HardSwish,
        Function::HardSigmoid,
    ] {
        measure(bench, &format!("{function:?} 1M"), Unary { function, len });
    }
    for function in [Function::Sigmoid, Function::Gelu, Function::Silu, Function::HardSwish] {
        measure(bench, &format!("{function:?} 1M"), UnaryGradient { function, len });
    }
}

fn reduce(bench: &mut Bench) {
    for (size, outer, axis, inner) in
        [("all of 1M", 1, 1 << 20, 1), ("rows 4096x256", 4096, 256, 1), ("columns 4096x256", 1, 4096, 256)]
    {
        measure(bench, size, Reduce { kind: ReduceKind::Sum, outer, axis, inner, scale: 1.0 });
    }
    let (len, layout) = (1 << 18, RowLayout::rows_of(1 << 18));
    measure(bench, "13x256k", FoldRows { rows: 13, len, scale: 1.0, initial: false, second: false, layout });
}

fn softmax(bench: &mut Bench) {
    for (size, rows, width) in [("26000x5", 26_000, 5), ("4096x256", 4096, 256), ("64x30000", 64, 30_000)] {
        measure(bench, size, Softmax { rows, width, logarithm: false });
        measure(bench, size, SoftmaxGradient { rows, width, logarithm: false });
    }
    for (size, rows, classes) in [("3328x10", 3328, 10), ("512x1000", 512, 1000)] {
        measure(bench, size, CrossEntropy { rows, classes, label_rows: 256, smoothing: 0.1 });
        measure(bench, size, CrossEntropyGradient { rows, classes, label_rows: 256, smoothing: 0.1 });
    }
}

fn layer_norm(bench: &mut Bench) {
    let elastic = || Some(ElasticWidth { widths: vec![128, 256, 384], evaluate_all: false });
    for (size, architectures, rows, width, elastic) in [
        ("2048x384", 1, 2048, 384, None),
        ("13x256x64", 13, 256, 64, None),
        ("512x1280", 1, 512, 1280, None),
        ("2048x384 of 3 widths", 1, 2048, 384, elastic()),
    ] {
        let (affine, shared_affine) = (RowAffine::ScaleAndShift, true);
        let norm =
            LayerNorm { architectures, rows, width, epsilon: 1e-5, centred: true, affine, shared_affine, elastic };
        measure(bench, size, LayerNormForward(norm.clone()));
        measure(bench, size, LayerNormGradient { norm: norm.clone(), of_weights: norm.elastic.is_some() });
        measure(bench, size, LayerNormSums(norm.clone()));
        let root_mean_square = LayerNorm { centred: false, affine: RowAffine::Scale, ..norm };
        measure(bench, &format!("root mean square {size}"), LayerNormForward(root_mean_square));
    }
}

fn rotary(bench: &mut Bench) {
    let [rows, length, heads, head, half, positions] = [8, 256, 6, 64, 32, 256];
    let (start, read_start, inverse) = (0, false, false);
    let kernel = Rotary { rows, length, heads, head, half, positions, start, read_start, inverse };
    measure(bench, "8x256x6x64", kernel);
}

fn vocabulary(bench: &mut Bench) {
    for (size, architectures, rows, width, classes) in
        [("512x384 of 50304", 1, 512, 384, 50_304), ("6x64x64 of 1000", 6, 64, 64, 1000)]
    {
        let chunk = LinearCrossEntropy::default_chunk(rows, classes, 16 << 20);
        let (label_rows, ignored, smoothing, shared_table) = (rows, None, 0.1, true);
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
        measure_vocabulary(bench, size, loss);
    }
}

fn memory(bench: &mut Bench) {
    let side = 1024;
    let transposition = StridedCopy {
        shape: [1, 1, side, side],
        source_strides: [0, 0, 1, side],
        source_offset: 0,
        destination_strides: [0, 0, side, 1],
        destination_offset: 0,
        source_len: (side * side) as usize,
        destination_len: (side * side) as usize,
    };
    measure(bench, "transposition 1024", transposition);
    measure(bench, "4096 of 8000x256", GatherGradient { rows: 4096, width: 256, table_rows: 8000, apart: false });
}

fn optimise(bench: &mut Bench) {
    let adam = Adam {
        len: 1 << 20,
        schedule: Schedule::constant(1e-3),
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
    };
    measure(bench, "1M", adam);
}

/// Sizes of the cells' tensors, `[A, N, C, H = W]`: the three stages of a step of the main job, and one of CIFAR-10.
const PLANES: [(&str, [u32; 4]); 4] = [
    ("6x64x8x8x8", [6, 64, 8, 8]),
    ("6x64x16x4x4", [6, 64, 16, 4]),
    ("6x64x32x2x2", [6, 64, 32, 2]),
    ("1x64x16x32x32", [1, 64, 16, 32]),
];

fn convolution(bench: &mut Bench) {
    for (size, [architectures, batch, channels, side]) in PLANES {
        for kernel in [1, 3] {
            let convolution = Conv2d {
                architectures,
                batch,
                in_channels: channels,
                out_channels: channels,
                height: side,
                width: side,
                kernel,
                stride: 1,
                padding: kernel / 2,
                dilation: 1,
                groups: 1,
                shared_weight: true,
                relu_input: true,
                gate: None,
                centre_of: 0,
                elastic: Elastic::FULL,
            };
            let size = format!("{kernel}x{kernel} on {size}");
            measure(bench, &size, Conv2dForward(convolution));
            measure(bench, &size, Conv2dInputGradient { convolution, accumulate: false });
            measure_weight_gradient(bench, &size, Conv2dWeightGradient { convolution });
        }
    }
}

fn normalisation(bench: &mut Bench) {
    for (size, [architectures, batch, channels, side]) in PLANES {
        let (spatial, epsilon, affine, relu) = (side * side, 1e-5, Affine::Shared, true);
        measure(bench, size, BatchStatistics { architectures, batch, channels, spatial });
        measure(
            bench,
            size,
            BatchNormalise { architectures, batch, channels, spatial, epsilon, affine, relu, summand: false },
        );
        measure(bench, size, BatchNormaliseSums { architectures, batch, channels, spatial, epsilon, affine, relu });
        let fixed_statistics = false;
        let gradient =
            BatchNormaliseGradient { architectures, batch, channels, spatial, epsilon, affine, relu, fixed_statistics };
        measure(bench, size, gradient);
    }
}

fn mixed_edge(bench: &mut Bench) {
    for (size, [architectures, batch, channels, side]) in PLANES {
        let edge =
            MixedEdge { architectures, batch, channels, height: side, width: side, epsilon: 1e-5, evaluate_all: false };
        measure(bench, size, MixedStatistics(edge));
        measure(bench, size, MixedCombine { edge, accumulate: true });
        measure(bench, size, MixedSums(edge));
        measure(bench, size, MixedNormaliseGradient(edge));
        measure(bench, size, MixedInputGradient { edge, accumulate: true });
        measure(bench, size, MixedWeightGradient { edge, unselected: Unselected::Published });
    }
}

/// Layers of shared weights at their largest: a feed-forward layer of a transformer, and a block of MobileNetV3.
fn elastic(bench: &mut Bench) {
    let (architectures, rows) = (6, 512);
    for (inputs, outputs) in [(384, 1536), (1536, 384)] {
        let layer = ElasticLinear {
            architectures,
            rows,
            inputs,
            outputs,
            bias: true,
            elastic_input: true,
            output: ElasticOutput::Mask,
            activation: Activation::Relu,
        };
        let size = format!("6x512 of {inputs} to {outputs}");
        measure(bench, &size, ElasticLinearForward(layer));
        measure(bench, &size, ElasticLinearInputGradient(layer));
        measure(bench, &size, ElasticLinearWeightGradient(layer));
        let mask = ChannelMask { architectures, outer: 1, channels: outputs, inner: inputs };
        measure(bench, &size, ChannelMaskGradient { mask, shared: true, accumulate: false, quotient: false });
    }
    let coverage = Coverage { architectures, widths: vec![512, 1024, 1536], gate: None, evaluate_all: false };
    measure(bench, "6 of 1536", coverage.clone());
    measure(bench, "6 of 1536", CoverageGradient(coverage));

    let (batch, channels, side, size) = (16, 144, 14, "6x16x144x14x14");
    let mask = ChannelMask { architectures, outer: batch, channels, inner: side * side };
    measure(bench, size, mask);
    measure(bench, size, ChannelMaskGradient { mask, shared: false, accumulate: false, quotient: false });
    let transform = KernelTransform { architectures, channels, evaluate_all: false };
    measure(bench, "6x144", transform);
    measure(bench, "6x144", KernelTransformWeightGradient(transform));
    measure(bench, "6x144", KernelTransformMatrixGradient(transform));
    measure(bench, "6x144", KernelTransformChoiceGradient(transform));
    let depthwise = Conv2d {
        architectures,
        batch,
        in_channels: channels,
        out_channels: channels,
        height: side,
        width: side,
        kernel: 7,
        stride: 1,
        padding: 3,
        dilation: 1,
        groups: channels,
        shared_weight: false,
        relu_input: false,
        gate: None,
        centre_of: 0,
        elastic: Elastic { input: false, output: true, reach: true },
    };
    let size = format!("depthwise 7x7 on {size}");
    measure(bench, &size, Conv2dForward(depthwise));
    measure(bench, &size, Conv2dInputGradient { convolution: depthwise, accumulate: false });
    let convolution = Conv2d { elastic: Elastic::FULL, ..depthwise };
    measure_weight_gradient(bench, &size, Conv2dWeightGradient { convolution });
}

fn pooling(bench: &mut Bench) {
    for (size, [architectures, batch, channels, side]) in PLANES {
        let kind = PoolKind::Average { count_include_padding: false };
        let planes = architectures * batch * channels;
        let pool = Pool2d { kind, planes, height: side, width: side, kernel: 3, stride: 1, padding: 1 };
        measure(bench, size, Pool2dForward(pool));
        measure(bench, size, Pool2dGradient(pool));
    }
}

fn attention(bench: &mut Bench) {
    for (size, batch, heads, tokens, head_size, causal) in [
        ("causal B8 H6 T256 D64", 8, 6, 256, 64, true),
        ("B8 H6 T256 D64", 8, 6, 256, 64, false),
        ("B32 H8 T41 D64", 32, 8, 41, 64, false),
        ("causal B1 H4 T1024 D128", 1, 4, 1024, 128, true),
    ] {
        let attention = Attention {
            architectures: 1,
            batch,
            heads,
            queries: tokens,
            keys: tokens,
            head_size,
            scale: 1.0 / (head_size as f32).sqrt(),
            causal,
            lengths: false,
            gate: HeadGate::None,
        };
        measure(bench, size, AttentionForward(attention));
        measure(bench, size, AttentionRows { attention, evaluate_all: false });
        measure(bench, size, AttentionQueryGradient { attention, accumulate: false });
        measure(bench, size, AttentionKeyValueGradient { attention, accumulate: false });
    }
}

fn main() -> ExitCode {
    let mut bench = match Bench::from_arguments(std::env::args().skip(1)) {
        Ok(bench) => bench,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    matmul(&mut bench);
    elementwise(&mut bench);
    reduce(&mut bench);
    softmax(&mut bench);
    memory(&mut bench);
    optimise(&mut bench);
    convolution(&mut bench);
    normalisation(&mut bench);
    mixed_edge(&mut bench);
    elastic(&mut bench);
    pooling(&mut bench);
    layer_norm(&mut bench);
    rotary(&mut bench);
    vocabulary(&mut bench);
    attention(&mut bench);
    bench.finish();
    ExitCode::SUCCESS
}
