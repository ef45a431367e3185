//! What the kernels of layer norm and RMS norm share: the parameters, and the widths of an architecture.

use crate::Result;
use crate::launch::{Form, Kernel, Shader, Slot, Tuning, Variant, Words, linear_grid};
use crate::ops::check::{at_most, countable, positive};
use crate::ops::require::require;
use crate::ops::rows::{WIDEST_APART, row_tuning};

/// The most widths of a choice: as many as the uniform of `shared/layer_norm.wgsl` holds.
pub(super) const CHOICES: usize = 8;
/// The widest row: the passes of a workgroup over it stay below the rounds of loops that every driver grants.
const WIDEST: u64 = 1 << 22;
/// Elements of a task of the CPU kernels.
const TASK: usize = 16_384;

/// What follows a normalisation along rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowAffine {
    /// Nothing.
    None,
    /// A factor for each channel.
    Scale,
    /// A factor and a summand for each channel.
    ScaleAndShift,
}

/// A choice between widths: width `w` covers the channels `c < w`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ElasticWidth {
    /// The widths, ascending; at most 8.
    pub widths: Vec<u32>,
    /// Whether widths of weight 0 are evaluated too, for the exact gradient of their weights.
    pub evaluate_all: bool,
}

/// Layer norm, or RMS norm, of each row of `[A, rows, width]`:
/// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift`, without the mean where it is not centred.
///
/// With an elastic width the result is the sum over the widths `w_k`, weighted by `width_weights` `[A, K]`, of the row normalised by the
/// statistics of its first `w_k` channels, scale and shift included; from `w_k` on such a summand is 0. A weight of 0 costs
/// nothing: a one-hot reads and computes the channels of its width alone, and the others are 0.
///
/// Ba, Kiros and Hinton, 2016 (arXiv 1607.06450); Zhang and Sennrich, NeurIPS 2019 (arXiv 1910.07467).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    /// Architectures, `A`.
    pub architectures: u32,
    /// Rows of an architecture.
    pub rows: u32,
    /// Channels: entries of a row.
    pub width: u32,
    /// Added to the variance, or to the mean square.
    pub epsilon: f32,
    /// Whether the mean is subtracted: layer norm, else RMS norm.
    pub centred: bool,
    /// What follows.
    pub affine: RowAffine,
    /// Whether scale and shift are `[width]`, of all architectures, else `[A, width]`.
    pub shared_affine: bool,
    /// The widths to choose from, or the whole row always.
    pub elastic: Option<ElasticWidth>,
}

impl LayerNorm {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Where an extent is 0, there are more elements than an index or a loop of the shader counts, epsilon is negative, or
    /// the widths are not 1 to 8 ascending numbers within the row.
    pub fn validate(&self) -> Result<()> {
        let [a, rows, width] = [self.architectures, self.rows, self.width].map(u64::from);
        positive("layer_norm", &[("architectures", a), ("rows", rows), ("width", width)])?;
        countable("layer_norm", "x", &[a, rows, width])?;
        countable("layer_norm", "the statistics", &[a, rows, 2 * self.choices() as u64])?;
        at_most("layer_norm", "width", width, WIDEST)?;
        require(self.epsilon >= 0.0 && self.epsilon.is_finite(), "layer_norm", "epsilon is finite and not negative")?;
        let widths = self.widths();
        let ascending = widths.first().is_some_and(|first| *first > 0)
            && widths.windows(2).all(|pair| pair[0] < pair[1])
            && widths.last().is_some_and(|last| *last <= self.width);
        require(
            ascending && widths.len() <= CHOICES,
            "layer_norm",
            "the widths are 1 to 8 ascending numbers from 1 to the row's width",
        )
    }

    /// The widths to choose from.
    pub(super) fn widths(&self) -> &[u32] {
        match &self.elastic {
            Some(elastic) => &elastic.widths,
            None => std::slice::from_ref(&self.width),
        }
    }

    pub(super) fn choices(&self) -> usize {
        self.widths().len()
    }

    pub(super) fn all_rows(&self) -> usize {
        self.architectures as usize * self.rows as usize
    }

    pub(super) fn len(&self) -> usize {
        self.all_rows() * self.width as usize
    }

    pub(super) fn statistics(&self) -> usize {
        2 * self.all_rows() * self.choices()
    }

    /// Rows that one task of the CPU kernels takes.
    pub(super) fn few_rows(&self) -> usize {
        (TASK / self.width as usize).max(1)
    }

    /// The slots of the weights of the widths.
    pub(super) fn weight_slots(&self) -> Vec<Slot> {
        let len = self.architectures as usize * self.choices();
        self.elastic.iter().map(|_| Slot::read("width_weights", len)).collect()
    }

    /// The slots of scale and, where `shift`, of shift.
    pub(super) fn affine_slots(&self, shift: bool) -> Vec<Slot> {
        let len = self.width as usize * if self.shared_affine { 1 } else { self.architectures as usize };
        let names: &[&'static str] = match self.affine {
            RowAffine::None => &[],
            RowAffine::ScaleAndShift if shift => &["scale", "shift"],
            RowAffine::Scale | RowAffine::ScaleAndShift => &["scale"],
        };
        names.iter().map(|name| Slot::read(name, len)).collect()
    }

    /// An architecture's part of a scale or a shift.
    #[inline(always)]
    pub(super) fn affine_of<'a>(&self, values: Option<&'a [f32]>, architecture: usize) -> Option<&'a [f32]> {
        let width = self.width as usize;
        let start = if self.shared_affine { 0 } else { architecture * width };
        values.map(|values| &values[start..start + width])
    }

    /// `LANES` of the shaders that own a row.
    pub(super) fn lanes(&self) -> u32 {
        match self.width {
            ..=32 => 1,
            33..=2048 => 32,
            _ => 256,
        }
    }

    /// The grid of the shaders that own a row.
    pub(super) fn row_grid(&self) -> [u32; 3] {
        self.lane_grid(self.lanes())
    }

    fn lane_grid(&self, lanes: u32) -> [u32; 3] {
        linear_grid(self.architectures as usize * self.rows.div_ceil(256 / lanes) as usize)
    }

    /// The variants of a shader that owns a row, by its constant `LANES`: a row may be an invocation's, which then needs no barrier.
    pub(super) fn variants(&self, shader: impl Fn(u32) -> Shader) -> Vec<Variant> {
        let plain = Variant::plain(shader(self.lanes()), self.row_grid());
        if self.lanes() == 1 || self.width > WIDEST_APART {
            return vec![plain];
        }
        vec![plain, Variant { name: "apart", shader: shader(1), grid: self.lane_grid(1), form: Form::Apart }]
    }

    /// The class of a kernel that owns rows, with a sample of one architecture.
    pub(super) fn tuning<K: Kernel>(&self, name: &str, kernel: impl FnOnce(Self) -> K) -> Tuning {
        row_tuning(name, self.width, |rows| kernel(Self { architectures: 1, rows, ..self.clone() }))
    }

    /// The uniform of `shared/layer_norm.wgsl`.
    pub(super) fn parameters(&self) -> Words {
        let step = if self.shared_affine { 0 } else { self.width };
        let all = self.elastic.as_ref().is_some_and(|elastic| elastic.evaluate_all);
        let words = Words::new().u32(self.architectures).u32(self.rows).u32(self.width).u32(self.choices() as u32);
        let words = words.u32(step).u32(u32::from(all)).f32(self.epsilon).u32(0);
        (0..CHOICES).fold(words, |words, choice| words.u32(self.widths().get(choice).copied().unwrap_or(0)))
    }

    /// The live widths of an architecture.
    #[inline(always)]
    pub(super) fn live(&self, weights: Option<&[f32]>, architecture: usize) -> Live {
        let mut live = Live::default();
        let all = self.elastic.as_ref().is_none_or(|elastic| elastic.evaluate_all);
        for (choice, width) in self.widths().iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[architecture * self.choices() + choice]);
            if all || weight != 0.0 {
                live.widths[live.count] = LiveWidth { choice, width: *width as usize, weight };
                live.count += 1;
            }
        }
        live
    }
}

/// A width that an architecture evaluates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LiveWidth {
    pub choice: usize,
    pub width: usize,
    pub weight: f32,
}

/// The widths that an architecture evaluates, ascending.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Live {
    widths: [LiveWidth; CHOICES],
    count: usize,
}

impl Live {
    #[inline(always)]
    pub(super) fn widths(&self) -> &[LiveWidth] {
        &self.widths[..self.count]
    }

    /// Channels from here on are 0.
    #[inline(always)]
    pub(super) fn widest(&self) -> usize {
        self.widths().last().map_or(0, |live| live.width)
    }
}
