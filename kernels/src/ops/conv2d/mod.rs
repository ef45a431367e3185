//! Two-dimensional convolution for several architectures at once: forward, gradient of the input, gradient of the weights.

mod components;
mod correlate;
mod elastic;
mod forward;
mod input_gradient;
mod pass;
mod place;
mod planes;
mod rows;
mod variants;
mod weight_gradient;
mod weight_sums;

pub use elastic::Elastic;
pub use forward::Conv2dForward;
pub use input_gradient::Conv2dInputGradient;
pub use weight_gradient::Conv2dWeightGradient;

use crate::Result;
use crate::launch::{Slot, Words};
use crate::ops::Gate;
use crate::ops::check::{ITERATIONS, at_most, countable, positive};
use crate::ops::require::require;

/// The largest extent of a kernel.
const LARGEST_KERNEL: u32 = 31;

/// The largest kernel whose rows of taps `depthwise_weight_gradient.wgsl` keeps in registers.
const LARGEST_DEPTHWISE: u32 = 7;

/// The geometry of a convolution: `x` `[A, N, Ci, H, W]`, `w` `[Co, Ci / groups, k, k]` shared by the architectures or one for
/// each, `y` `[A, N, Co, Ho, Wo]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2d {
    /// Architectures A.
    pub architectures: u32,
    /// Images N of each.
    pub batch: u32,
    /// Channels of the input.
    pub in_channels: u32,
    /// Channels of the output.
    pub out_channels: u32,
    /// Height of the input.
    pub height: u32,
    /// Width of the input.
    pub width: u32,
    /// Extent of the kernel, odd.
    pub kernel: u32,
    /// Steps between outputs.
    pub stride: u32,
    /// Zeros around the input.
    pub padding: u32,
    /// Steps between taps.
    pub dilation: u32,
    /// Groups of channels; as many as channels make a depthwise convolution.
    pub groups: u32,
    /// Whether the architectures share the weights. Their gradient is `[A, ..]` in either case.
    pub shared_weight: bool,
    /// Whether the input passes through ReLU first.
    pub relu_input: bool,
    /// Which architectures run.
    pub gate: Option<Gate>,
    /// The extent of the stored kernel of which this, 1x1, is the centre tap; 0 where it is stored by itself.
    pub centre_of: u32,
    /// Which channels and taps each architecture takes.
    pub elastic: Elastic,
}

impl Conv2d {
    /// Checks the extents.
    ///
    /// # Errors
    /// Where an extent is 0, the groups do not divide the channels, the kernel is even or larger than the padded input, or there
    /// are more elements than an index or a loop of the shader counts.
    pub fn validate(&self) -> Result<()> {
        const NAME: &str = "conv2d";
        let extents = [
            ("architectures", self.architectures),
            ("batch", self.batch),
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("height", self.height),
            ("width", self.width),
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("dilation", self.dilation),
            ("groups", self.groups),
        ];
        positive(NAME, &extents.map(|(name, extent)| (name, extent.into())))?;
        require(self.kernel % 2 == 1, NAME, "the kernel's extent is odd")?;
        at_most(NAME, "kernel", self.kernel.max(self.centre_of).into(), LARGEST_KERNEL.into())?;
        let divided = self.in_channels.is_multiple_of(self.groups) && self.out_channels.is_multiple_of(self.groups);
        require(divided, NAME, "the groups divide the channels")?;
        let reach = u64::from(self.dilation) * u64::from(self.kernel - 1) + 1;
        let padded = |extent: u32| u64::from(extent) + 2 * u64::from(self.padding);
        let fits = padded(self.height) >= reach && padded(self.width) >= reach;
        require(fits, NAME, "the kernel is not larger than the padded input")?;
        let centre = self.centre_of == 0 || self.centre_of % 2 == 1 && self.kernel == 1;
        require(centre, NAME, "only a 1x1 kernel is the centre tap of a larger, odd one")?;
        at_most(NAME, "the padded extent", padded(self.height.max(self.width)), 1 << 16)?;
        self.elastic.validate(self)?;
        let [a, n] = [self.architectures, self.batch].map(u64::from);
        countable(NAME, "x", &[a, n, self.in_channels.into(), self.height.into(), self.width.into()])?;
        countable(
            NAME,
            "y",
            &[a, n, self.out_channels.into(), self.output_height().into(), self.output_width().into()],
        )?;
        let weights = self.weights() as u64;
        countable(NAME, "the weights' gradient", &[a, u64::from(self.parts()), weights])?;
        // As the shaders' headers count.
        let taps = self.taps() as u64;
        let [inputs, outputs] = [self.group_inputs(), self.group_outputs()];
        for (rows, depth) in [(outputs, inputs), (inputs, outputs)] {
            let rounds = match tile(rows) {
                0 => self.rounds_of_element(depth),
                _ => 14 * (depth as u64 * taps).div_ceil(16) + 16,
            };
            at_most(NAME, "the rounds through the taps of a group", rounds, ITERATIONS)?;
        }
        let pixels = u64::from(self.part_images()) * self.out_plane() as u64;
        let rounds = 14 * pixels.div_ceil(16) + 16 * self.weight_taps() as u64;
        at_most(NAME, "the rounds through the pixels of an image", rounds, ITERATIONS)?;
        if !self.depthwise_weights() {
            return Ok(());
        }
        let [width, stride] = [self.output_width(), self.stride].map(u64::from);
        let rows = u64::from(self.part_images()) * u64::from(self.output_height());
        let rounds = rows.div_ceil((64 / self.kernel).into()) * (1 + width * (1 + stride)) + 64;
        at_most(NAME, "the rounds through the rows of an image", rounds, ITERATIONS)
    }

    /// Height of the output.
    pub fn output_height(&self) -> u32 {
        (self.height + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) / self.stride + 1
    }

    /// Width of the output.
    pub fn output_width(&self) -> u32 {
        (self.width + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) / self.stride + 1
    }

    fn plane(&self) -> usize {
        self.height as usize * self.width as usize
    }

    fn out_plane(&self) -> usize {
        self.output_height() as usize * self.output_width() as usize
    }

    fn images(&self) -> usize {
        self.architectures as usize * self.batch as usize
    }

    fn inputs(&self) -> usize {
        self.images() * self.in_channels as usize * self.plane()
    }

    fn outputs(&self) -> usize {
        self.images() * self.out_channels as usize * self.out_plane()
    }

    /// Whether every channel is convolved by itself, by shaders of their own.
    fn depthwise(&self) -> bool {
        let channels = self.groups == self.in_channels && self.groups == self.out_channels;
        channels && self.centre_of == 0 && !self.elastic.input
    }

    /// Whether the gradient of the weights has a shader for depthwise convolutions: one for kernels of at most 7.
    fn depthwise_weights(&self) -> bool {
        self.depthwise() && self.kernel <= LARGEST_DEPTHWISE
    }

    /// Channels of the input in a group.
    fn group_inputs(&self) -> usize {
        (self.in_channels / self.groups) as usize
    }

    /// Channels of the output in a group.
    fn group_outputs(&self) -> usize {
        (self.out_channels / self.groups) as usize
    }

    /// Taps of the kernel.
    fn taps(&self) -> usize {
        (self.kernel * self.kernel) as usize
    }

    /// Taps of the stored kernel.
    fn weight_taps(&self) -> usize {
        let stored = self.kernel.max(self.centre_of) as usize;
        stored * stored
    }

    /// Where the kernel begins within the stored one.
    fn centre(&self) -> usize {
        if self.centre_of == 0 { 0 } else { self.weight_taps() / 2 }
    }

    /// Stored weights of one architecture.
    fn weights(&self) -> usize {
        self.out_channels as usize * self.group_inputs() * self.weight_taps()
    }

    /// Weights from one architecture's to the next one's.
    fn weight_stride(&self) -> usize {
        if self.shared_weight { 0 } else { self.weights() }
    }

    fn weights_of_all(&self) -> usize {
        if self.shared_weight { self.weights() } else { self.architectures as usize * self.weights() }
    }

    /// Images whose weight gradients are summed by one task: some thousand pixels, and at most 32 parts.
    fn part_images(&self) -> u32 {
        let pixels = (1024 / self.out_plane() as u32).max(1);
        pixels.max(self.batch.div_ceil(32)).min(self.batch)
    }

    /// Parts in which the images of an architecture are summed.
    fn parts(&self) -> u32 {
        self.batch.div_ceil(self.part_images())
    }

    /// Multiply-adds of one pass, both operations counted.
    fn operations(&self) -> u64 {
        2 * self.outputs() as u64 * (self.group_inputs() * self.taps()) as u64
    }

    /// The rounds through the loops of an invocation that owns an element and sums over so many channels.
    fn rounds_of_element(&self, depth: usize) -> u64 {
        depth as u64 * (1 + u64::from(self.kernel) + self.taps() as u64)
    }

    /// Whether the shaders store two neighbours of a pass's result by one invocation, those of a plane, or of a row: where each is
    /// computed for itself, in twice the rounds.
    fn stores_pairs(&self, gradient: bool) -> bool {
        let (inputs, outputs) = (self.group_inputs(), self.group_outputs());
        let ([height, width], [depth, rows]) = if gradient {
            ([self.height, self.width], [outputs, inputs])
        } else {
            ([self.output_height(), self.output_width()], [inputs, outputs])
        };
        let few = self.depthwise() || tile(rows) != 0 || 2 * self.rounds_of_element(depth) <= ITERATIONS;
        few && (width.is_multiple_of(2) || height.is_multiple_of(2) && !self.depthwise())
    }

    /// What decides on the device how much is done.
    fn bound_slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let gate = self.gate.map(|gate| Slot::read("gate", self.architectures as usize * gate.width as usize));
        gate.into_iter().chain(self.elastic.slots(self.architectures))
    }

    /// The rest of the parameters of `conv2d.wgsl`.
    fn shared_words(&self, words: Words) -> Words {
        let words = words
            .u32(self.kernel)
            .u32(self.stride)
            .u32(self.padding)
            .u32(self.dilation)
            .u32(self.weight_taps() as u32)
            .u32(self.centre() as u32)
            .u32(self.weight_stride() as u32);
        self.gate_words(words)
    }

    fn gate_words(&self, words: Words) -> Words {
        let (width, choice) = self.gate.map_or((0, 0), |gate| (gate.width, gate.choice));
        words.u32(width).u32(choice)
    }
}

/// The tile of `conv2d.wgsl` for groups of `rows` channels of the result.
fn tile(rows: usize) -> u32 {
    match rows {
        0..4 => 0,
        4..48 => 1,
        _ => 2,
    }
}
