//! The ways of computing a convolution on a GPU.

use std::sync::Arc;

use super::{Conv2d, Elastic, tile};
use crate::launch::{Form, Kernel, Shader, Tuning, Variant, linear_grid};
use crate::ops::check::ITERATIONS;

/// Operations of the convolutions that are timed, at most, where one image does not take more.
const SAMPLE: u64 = 1 << 27;
/// Channels of the output in a group below which a workgroup owns one weight.
const FEW: usize = 4;

/// What every shader of a convolution declares.
fn common(convolution: &Conv2d) -> Vec<(&'static str, u32)> {
    vec![
        ("RELU", convolution.relu_input.into()),
        ("GATE", convolution.gate.is_some().into()),
        ("ELASTIC_OUTPUT", convolution.elastic.output.into()),
    ]
}

/// The variants of a pass whose result has `rows` channels in a group, of `height` x `width`; with `constants` beside what every
/// pass declares.
pub(super) fn pass(
    convolution: &Conv2d,
    rows: usize,
    [height, width]: [u32; 2],
    constants: [(&'static str, u32); 2],
) -> Vec<Variant> {
    let mut all = common(convolution);
    all.extend(constants);
    if convolution.depthwise() {
        let slide = convolution.stride == 1 && convolution.dilation == 1;
        all.extend([("SLIDE", slide.into()), ("ELASTIC_REACH", convolution.elastic.reach.into())]);
        let channels = convolution.images() * convolution.groups as usize;
        let grid = linear_grid((channels * height as usize * width.div_ceil(8) as usize).div_ceil(64));
        return vec![Variant::plain(Shader { file: "conv/depthwise", constants: all }, grid)];
    }
    all.push(("ELASTIC_INPUT", convolution.elastic.input.into()));
    let shader = |file, size| Shader { file, constants: all.iter().copied().chain([size]).collect() };
    let pixels = convolution.batch as usize * height as usize * width as usize;
    let sections = convolution.architectures as usize * convolution.groups as usize;
    let (name, groups) = match tile(rows) {
        0 => ("element", (sections * rows * pixels).div_ceil(256)),
        1 => ("16x64", sections * rows.div_ceil(16) * pixels.div_ceil(64)),
        _ => ("64x64", sections * rows.div_ceil(64) * pixels.div_ceil(64)),
    };
    let plain = Variant {
        name,
        shader: shader("conv/conv2d", ("TILE", tile(rows))),
        grid: linear_grid(groups),
        form: Form::Ordinary,
    };
    if tile(rows) == 0 {
        return vec![plain];
    }
    let subgroup = Variant {
        name: "subgroup 8x2",
        shader: Shader { file: "conv/conv2d_subgroup", constants: all },
        grid: linear_grid(sections * rows.div_ceil(8) * pixels.div_ceil(128)),
        form: Form::Subgroup(8),
    };
    vec![plain, subgroup]
}

/// The variants of the gradient of the weights, of some images each.
pub(super) fn weight_gradient(convolution: &Conv2d) -> Vec<Variant> {
    let sections = convolution.architectures as usize * convolution.parts() as usize * convolution.groups as usize;
    let (rows, columns) = (convolution.group_outputs(), convolution.group_inputs() * convolution.taps());
    let mut all = common(convolution);
    if convolution.depthwise_weights() {
        all.extend([
            ("SLIDE", (convolution.dilation == 1).into()),
            ("ELASTIC_REACH", convolution.elastic.reach.into()),
        ]);
        let shader = Shader { file: "conv/depthwise_weight_gradient", constants: all };
        return vec![Variant::plain(shader, linear_grid(sections))];
    }
    all.push(("ELASTIC_INPUT", convolution.elastic.input.into()));
    let tiled = rows >= FEW;
    let tiles = sections * rows.div_ceil(16) * columns.div_ceil(64);
    let constants = all.iter().copied().chain([("TILE", u32::from(tiled))]).collect();
    let plain = Variant {
        name: if tiled { "16x64" } else { "weight" },
        shader: Shader { file: "conv/conv2d_weight_gradient", constants },
        grid: linear_grid(if tiled { tiles } else { sections * rows * columns }),
        form: Form::Ordinary,
    };
    // As the shader's header counts.
    let [height, width] = [convolution.output_height(), convolution.output_width()].map(u64::from);
    let image = 1 + height * (1 + width.div_ceil(8));
    let rounds = u64::from(convolution.part_images()) * image + 16 * convolution.weight_taps() as u64;
    if !tiled || rounds > ITERATIONS {
        return vec![plain];
    }
    let subgroup = Variant {
        name: "subgroup 16x1",
        shader: Shader { file: "conv/conv2d_weight_gradient_subgroup", constants: all },
        grid: linear_grid(tiles),
        form: Form::Subgroup(8),
    };
    vec![plain, subgroup]
}

/// The class of a pass of a convolution, with a sample of one architecture and not too many images.
pub(super) fn tuning<K: Kernel>(pass: &str, convolution: &Conv2d, kernel: impl FnOnce(Conv2d) -> K) -> Tuning {
    let Conv2d { in_channels, out_channels, height, width, kernel: extent, stride, dilation, groups, .. } =
        *convolution;
    let class = format!(
        "{pass} {extent}x{extent} {in_channels}->{out_channels} groups {groups} stride {stride} dilation {dilation} {height}x{width}"
    );
    let one = convolution.operations() / convolution.images().max(1) as u64;
    let images = (SAMPLE / one.max(1)).clamp(1, convolution.batch.into()) as u32;
    // The sample takes all that any architecture takes: no gate, no extents.
    let sample = Conv2d { architectures: 1, batch: images, gate: None, elastic: Elastic::FULL, ..*convolution };
    Tuning { class, sample: Arc::new(kernel(sample)) }
}
