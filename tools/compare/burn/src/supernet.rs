//! NAS-Bench-201 (Dong and Yang, 2020) as a relaxed supernet: every operation on every edge, weighted by a softmax.

use burn::tensor::activation::{log_softmax, relu, softmax};
use burn::tensor::module::{avg_pool2d, batch_norm_train};
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Distribution, Gradients, Tensor, TensorData};

use crate::Sides;
use crate::kernels::{EPSILON, average_pool, convolution, variable};
use crate::timing::Case;

const EDGES: [(usize, usize); 6] = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)];
const CHOICES: usize = 5;
const BATCH: usize = 64;
const CHANNELS: usize = 16;
const SIDE: usize = 32;
const CLASSES: usize = 10;
const LEARNING_RATE: f64 = 1e-4;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 5e-4;

/// A trained tensor with the momentum of SGD.
struct Parameter<const D: usize> {
    value: Tensor<D>,
    momentum: Option<Tensor<D>>,
}

impl<const D: usize> Parameter<D> {
    fn new(shape: [usize; D], deviation: f64, device: &Device) -> Self {
        Self { value: variable(shape, deviation, device), momentum: None }
    }

    fn get(&self) -> Tensor<D> {
        self.value.clone()
    }

    fn step(&mut self, gradients: &mut Gradients) {
        let gradient = self.value.grad_remove(gradients).expect("every parameter has a gradient");
        let value = self.value.clone().without_autodiff();
        let gradient = gradient + value.clone() * WEIGHT_DECAY;
        let momentum = match self.momentum.take() {
            Some(before) => before * MOMENTUM + gradient,
            None => gradient,
        };
        self.value = (value - momentum.clone() * LEARNING_RATE).autodiff().require_grad();
        self.momentum = Some(momentum);
    }
}

/// Normalisation by the statistics of the batch, with scale and shift.
struct BatchNorm {
    scale: Parameter<1>,
    shift: Parameter<1>,
}

impl BatchNorm {
    fn new(channels: usize, device: &Device) -> Self {
        Self { scale: Parameter::new([channels], 1.0, device), shift: Parameter::new([channels], 1.0, device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        batch_norm_train(x, self.scale.get(), self.shift.get(), EPSILON).output
    }

    fn step(&mut self, gradients: &mut Gradients) {
        self.scale.step(gradients);
        self.shift.step(gradients);
    }
}

/// The weighted sum of none, skip, convolution 1x1, convolution 3x3 and average pooling 3x3.
pub struct MixedEdge {
    one: Parameter<4>,
    three: Parameter<4>,
    /// Scale and shift, which burn's normalisation asks for: constants here.
    affine: [Tensor<1>; 2],
}

impl MixedEdge {
    pub fn new(channels: usize, device: &Device) -> Self {
        let kernel = |size| Parameter::new([channels, channels, size, size], 0.1, device);
        let affine = [Tensor::ones([channels], device), Tensor::zeros([channels], device)];
        Self { one: kernel(1), three: kernel(3), affine }
    }

    /// `weights` of shape `[5]`.
    pub fn forward(&self, x: &Tensor<4>, weights: &Tensor<1>) -> Tensor<4> {
        let weight = |choice: usize| weights.clone().narrow(0, choice, 1).reshape([1, 1, 1, 1]);
        let through = |w: &Parameter<4>| {
            let [scale, shift] = self.affine.clone();
            batch_norm_train(convolution(relu(x.clone()), w.get(), 1, 1), scale, shift, EPSILON).output
        };
        // The operation "none" is 0 whatever its weight, so it is left out.
        weight(1) * x.clone()
            + weight(2) * through(&self.one)
            + weight(3) * through(&self.three)
            + weight(4) * average_pool(x.clone())
    }
}

/// The block between stages: it halves the resolution and doubles the channels.
struct Residual {
    first: Parameter<4>,
    second: Parameter<4>,
    shortcut: Parameter<4>,
    norms: [BatchNorm; 2],
}

impl Residual {
    fn new(channels: usize, device: &Device) -> Self {
        let to = 2 * channels;
        Self {
            first: Parameter::new([to, channels, 3, 3], 0.1, device),
            second: Parameter::new([to, to, 3, 3], 0.1, device),
            shortcut: Parameter::new([to, channels, 1, 1], 0.1, device),
            norms: [(); 2].map(|()| BatchNorm::new(to, device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let z = self.norms[0].forward(convolution(relu(x.clone()), self.first.get(), 2, 1));
        let z = self.norms[1].forward(convolution(relu(z), self.second.get(), 1, 1));
        let halved = avg_pool2d(x, AvgPoolOptions::new([2, 2]));
        z + convolution(halved, self.shortcut.get(), 1, 1)
    }
}

/// Stem, three stages of one cell of mixed edges, a residual block between two, classifier.
struct Supernet {
    stem: Parameter<4>,
    stem_norm: BatchNorm,
    cells: [[MixedEdge; 6]; 3],
    residuals: [Residual; 2],
    norm: BatchNorm,
    linear: Parameter<2>,
    bias: Parameter<2>,
    logits: Parameter<2>,
}

impl Supernet {
    fn new(device: &Device) -> Self {
        let edges = |channels: usize| EDGES.map(|_| MixedEdge::new(channels, device));
        Self {
            stem: Parameter::new([CHANNELS, 3, 3, 3], 0.1, device),
            stem_norm: BatchNorm::new(CHANNELS, device),
            cells: [0, 1, 2].map(|stage| edges(CHANNELS << stage)),
            residuals: [0, 1].map(|stage| Residual::new(CHANNELS << stage, device)),
            norm: BatchNorm::new(4 * CHANNELS, device),
            linear: Parameter::new([4 * CHANNELS, CLASSES], 0.1, device),
            bias: Parameter::new([1, CLASSES], 0.1, device),
            logits: Parameter::new([EDGES.len(), CHOICES], 1e-3, device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let weights = softmax(self.logits.get(), 1);
        let mut x = self.stem_norm.forward(convolution(images, self.stem.get(), 1, 1));
        for (stage, cell) in self.cells.iter().enumerate() {
            if stage > 0 {
                x = self.residuals[stage - 1].forward(x);
            }
            let mut nodes: [Option<Tensor<4>>; 4] = [Some(x), None, None, None];
            for (edge, (mixed, (to, from))) in cell.iter().zip(EDGES).enumerate() {
                let origin = nodes[from].as_ref().expect("edges are in the order of their nodes");
                let y = mixed.forward(origin, &weights.clone().narrow(0, edge, 1).reshape([CHOICES]));
                nodes[to] = Some(match nodes[to].take() {
                    Some(sum) => sum + y,
                    None => y,
                });
            }
            let [.., last] = nodes;
            x = last.expect("edges lead to the last node");
        }
        let x = relu(self.norm.forward(x));
        let pooled = x.mean_dim(3).mean_dim(2).reshape([BATCH, 4 * CHANNELS]);
        pooled.matmul(self.linear.get()) + self.bias.get()
    }

    /// Forward, backward to the weights and to the architecture's logits, and a step of SGD for all of them.
    fn step(&mut self, images: Tensor<4>, truth: Tensor<2>) {
        let logits = self.forward(images);
        let loss = -(log_softmax(logits, 1) * truth).sum() / BATCH as f64;
        let gradients = &mut loss.backward();
        self.stem.step(gradients);
        self.stem_norm.step(gradients);
        for edge in self.cells.iter_mut().flatten() {
            edge.one.step(gradients);
            edge.three.step(gradients);
        }
        for block in &mut self.residuals {
            block.first.step(gradients);
            block.second.step(gradients);
            block.shortcut.step(gradients);
            block.norms.iter_mut().for_each(|norm| norm.step(gradients));
        }
        self.norm.step(gradients);
        self.linear.step(gradients);
        self.bias.step(gradients);
        self.logits.step(gradients);
    }
}

pub fn cases(sides: &Sides) -> impl Iterator<Item = Case> {
    let device = &sides.autodiff;
    let mut supernet = Supernet::new(device);
    let images = Tensor::random([BATCH, 3, SIDE, SIDE], Distribution::Normal(0.0, 1.0), device);
    let rows = (0..BATCH).map(|image| (0..CLASSES).map(move |class| f32::from(u8::from(image * 7 % CLASSES == class))));
    let truth = TensorData::new(rows.flatten().collect::<Vec<f32>>(), [BATCH, CLASSES]);
    let truth = Tensor::from_data(truth, device);
    let step = move || supernet.step(images.clone(), truth.clone());
    [Case::new("supernet step", "forward+backward", step)].into_iter()
}
