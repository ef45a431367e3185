//! How long each kernel takes at sizes of a search step: `cargo bench -p parnas-kernels -- matmul`.
//!
//! On the CPU executor, or on the device that `--device NAME` or the variable `PARNAS_BENCH_DEVICE` names
//! (`--device vulkan:0`). A benchmark runs a prepared plan of one launch and waits for the device. The throughput is the
//! kernel's cost a second: operations of matrix products, bytes of all others.

mod bench;

use std::process::ExitCode;

use parnas_kernels::ops::{
    Adam, Bias, CrossEntropy, CrossEntropyGradient, FoldRows, Function, GatherGradient, Matmul, Reduce, ReduceKind,
    Schedule, Softmax, SoftmaxGradient, StridedCopy, Unary, UnaryGradient,
};

use bench::Bench;

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
            bench.kernel("transposed 1024", Matmul { transpose_b: true, ..kernel.clone() });
        }
        bench.kernel(size, kernel);
    }
}

fn elementwise(bench: &mut Bench) {
    let len = 1 << 20;
    for function in [Function::Relu, Function::Exp, Function::Sigmoid] {
        bench.kernel(&format!("{function:?} 1M"), Unary { function, len });
    }
    bench.kernel("Sigmoid 1M", UnaryGradient { function: Function::Sigmoid, len });
}

fn reduce(bench: &mut Bench) {
    for (size, outer, axis, inner) in
        [("all of 1M", 1, 1 << 20, 1), ("rows 4096x256", 4096, 256, 1), ("columns 4096x256", 1, 4096, 256)]
    {
        bench.kernel(size, Reduce { kind: ReduceKind::Sum, outer, axis, inner, scale: 1.0 });
    }
    bench.kernel("13x256k", FoldRows { rows: 13, len: 1 << 18, scale: 1.0, initial: false });
}

fn softmax(bench: &mut Bench) {
    for (size, rows, width) in [("26000x5", 26_000, 5), ("4096x256", 4096, 256), ("64x30000", 64, 30_000)] {
        bench.kernel(size, Softmax { rows, width, logarithm: false });
        bench.kernel(size, SoftmaxGradient { rows, width, logarithm: false });
    }
    for (size, rows, classes) in [("3328x10", 3328, 10), ("512x1000", 512, 1000)] {
        bench.kernel(size, CrossEntropy { rows, classes, label_rows: 256, smoothing: 0.1 });
        bench.kernel(size, CrossEntropyGradient { rows, classes, label_rows: 256, smoothing: 0.1 });
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
    bench.kernel("transposition 1024", transposition);
    bench.kernel("4096 of 8000x256", GatherGradient { rows: 4096, width: 256, table_rows: 8000, apart: false });
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
    bench.kernel("1M", adam);
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
    bench.finish();
    ExitCode::SUCCESS
}
