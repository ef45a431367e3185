//! Single operations and the mixed edge, at the sizes of `pytorch.py`.

use burn::tensor::activation::softmax;
use burn::tensor::module::{attention, avg_pool2d, batch_norm_train, conv2d, layer_norm};
use burn::tensor::ops::{AttentionModuleOptions, AvgPoolOptions, ConvOptions};
use burn::tensor::{Device, Distribution, Tensor};

use crate::Sides;
use crate::supernet::MixedEdge;
use crate::timing::Case;

pub const EPSILON: f64 = 1e-5;

/// Normal numbers, whose gradient is wanted on a device with gradients.
pub fn variable<const D: usize>(shape: [usize; D], deviation: f64, device: &Device) -> Tensor<D> {
    let tensor = Tensor::random(shape, Distribution::Normal(0.0, deviation), device);
    if device.is_autodiff() { tensor.require_grad() } else { tensor }
}

/// A square convolution that keeps the size of a map at stride 1.
pub fn convolution(x: Tensor<4>, w: Tensor<4>, stride: usize, groups: usize) -> Tensor<4> {
    let padding = w.dims()[2] / 2;
    conv2d(x, w, None, ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups))
}

/// 3x3 at stride 1, what is beyond the border not counted.
pub fn average_pool(x: Tensor<4>) -> Tensor<4> {
    let options = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
    avg_pool2d(x, options.with_count_include_pad(false))
}

/// An operation forward, and forward and backward with an upstream gradient of ones.
fn both<T: 'static, const D: usize>(
    sides: &Sides,
    name: &'static str,
    inputs: impl Fn(&Device) -> T,
    operation: impl Fn(&T) -> Tensor<D> + Clone + 'static,
) -> [Case; 2] {
    let (plain, tracked, forward) = (inputs(&sides.plain), inputs(&sides.autodiff), operation.clone());
    [
        Case::new(name, "forward", move || drop(forward(&plain))),
        Case::new(name, "forward+backward", move || drop(operation(&tracked).backward())),
    ]
}

fn matmul<const D: usize>(sides: &Sides, name: &'static str, a: [usize; D], b: [usize; D]) -> [Case; 2] {
    let inputs = move |device: &Device| (variable(a, 1.0, device), variable(b, 1.0, device));
    both(sides, name, inputs, |(a, b): &(Tensor<D>, Tensor<D>)| a.clone().matmul(b.clone()))
}

/// `[N, C, side, side]` by as many filters as channels.
fn conv(sides: &Sides, name: &'static str, kernel: usize, [n, c, side]: [usize; 3], groups: usize) -> [Case; 2] {
    let inputs = move |device: &Device| {
        (variable([n, c, side, side], 1.0, device), variable([c, c / groups, kernel, kernel], 0.1, device))
    };
    both(sides, name, inputs, move |(x, w)| convolution(x.clone(), w.clone(), 1, groups))
}

pub fn cases(sides: &Sides) -> impl Iterator<Item = Case> {
    let map = |device: &Device| variable([64, 16, 32, 32], 1.0, device);
    let affine = |width| move |device: &Device| (variable([width], 1.0, device), variable([width], 1.0, device));
    let heads = |device: &Device| [(); 3].map(|()| variable([8, 6, 256, 64], 1.0, device));
    let causal = AttentionModuleOptions { is_causal: true, ..Default::default() };
    [
        matmul(sides, "matmul 512^3", [512; 2], [512; 2]),
        matmul(sides, "matmul 1024^3", [1024; 2], [1024; 2]),
        matmul(sides, "matmul 32x[256x64][64x256]", [32, 256, 64], [32, 64, 256]),
        conv(sides, "conv 3x3 N64 C16 32x32", 3, [64, 16, 32], 1),
        conv(sides, "conv 3x3 N64 C64 8x8", 3, [64, 64, 8], 1),
        conv(sides, "conv 1x1 N64 C16 32x32", 1, [64, 16, 32], 1),
        conv(sides, "depthwise 5x5 N32 C96 28x28", 5, [32, 96, 28], 96),
        both(sides, "average pool 3x3 N64 C16 32x32", map, |x| average_pool(x.clone())),
        both(
            sides,
            "batch norm N64 C16 32x32",
            move |device| (map(device), affine(16)(device)),
            |(x, (scale, shift))| batch_norm_train(x.clone(), scale.clone(), shift.clone(), EPSILON).output,
        ),
        both(
            sides,
            "layer norm 2048x384",
            move |device| (variable([2048, 384], 1.0, device), affine(384)(device)),
            |(x, (scale, shift))| layer_norm(x.clone(), scale.clone(), Some(shift.clone()), EPSILON),
        ),
        both(
            sides,
            "softmax 2048x1000",
            |device| variable([2048, 1000], 1.0, device),
            |x: &Tensor<2>| softmax(x.clone(), 1),
        ),
        both(sides, "attention causal B8 H6 T256 D64", heads, move |[q, k, v]| {
            attention(q.clone(), k.clone(), v.clone(), None, None, causal.clone())
        }),
        both(
            sides,
            "mixed edge N64 C16 32x32",
            move |device| (MixedEdge::new(16, device), map(device), variable([5], 1.0, device)),
            |(edge, x, logits)| edge.forward(x, &softmax(logits.clone(), 0)),
        ),
    ]
    .into_iter()
    .flatten()
}
