//! How much of a convolution each architecture takes, read on the device.

use super::Conv2d;
use crate::Result;
use crate::cpu::View;
use crate::launch::Slot;
use crate::ops::require::require;

/// Which bounds of a convolution differ between architectures. Each is a slot of its own, u32 `[A]`, in this order, behind the gate.
///
/// What lies beyond is skipped: it is not read, and where it is a result it is 0 (in the gradient of the input, what is already known).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Elastic {
    /// `input_extents`: channels of the input, from 0 on, that are read. Of one group only.
    pub input: bool,
    /// `output_extents`: channels of the output, from 0 on, that are computed. Of one group, or of a depthwise convolution of
    /// kernel 7 at most.
    pub output: bool,
    /// `reach`: how far from the kernel's centre taps are taken. Of a depthwise convolution of kernel 7 at
    /// most, padded by half its kernel at least.
    pub reach: bool,
}

impl Elastic {
    /// All of the convolution, for every architecture.
    pub const FULL: Self = Self { input: false, output: false, reach: false };

    /// The slots.
    pub(super) fn slots(self, architectures: u32) -> impl Iterator<Item = Slot> {
        let all = [("input_extents", self.input), ("output_extents", self.output), ("reach", self.reach)];
        let present = all.into_iter().filter(|(_, present)| *present);
        present.map(move |(slot, _)| Slot::read(slot, architectures as usize))
    }

    /// Refuses bounds that a convolution cannot have.
    pub(super) fn validate(self, convolution: &Conv2d) -> Result<()> {
        const NAME: &str = "conv2d";
        let Conv2d { groups, kernel, padding, dilation, .. } = *convolution;
        require(!self.input || groups == 1, NAME, "only the input of one group has extents")?;
        let bounded = !self.output || groups == 1 || convolution.depthwise_weights();
        require(bounded, NAME, "outputs of one group, or of one channel each, have extents")?;
        let reaches = convolution.depthwise_weights() && padding >= dilation * (kernel / 2);
        require(
            !self.reach || reaches,
            NAME,
            "a depthwise convolution of kernel 7 at most, padded by half of it, has a reach",
        )
    }
}

/// The bounds of all architectures, on the CPU.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds<'a> {
    input: Option<&'a [u32]>,
    output: Option<&'a [u32]>,
    reach: Option<&'a [u32]>,
}

impl<'a> Bounds<'a> {
    /// Takes the slots that are present.
    pub(super) fn take(elastic: Elastic, views: &mut impl Iterator<Item = View<'a>>) -> Self {
        let mut next = |present: bool| present.then(|| views.next()).flatten().map(View::read_u32);
        Self { input: next(elastic.input), output: next(elastic.output), reach: next(elastic.reach) }
    }
}

/// What one architecture takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    /// The convolution by the taps that are taken.
    pub convolution: Conv2d,
    /// Groups.
    pub groups: usize,
    /// Channels of the input of a group.
    pub inputs: usize,
    /// Channels of the output of a group.
    pub outputs: usize,
}

impl Live {
    pub(super) fn of(convolution: &Conv2d, bounds: &Bounds<'_>, architecture: usize) -> Self {
        let within =
            |bound: Option<&[u32]>, all: usize| bound.map_or(all, |bound| all.min(bound[architecture] as usize));
        let groups = convolution.groups as usize;
        let (inputs, outputs) = (convolution.group_inputs(), convolution.group_outputs());
        let mut taken = *convolution;
        if let Some(reach) = bounds.reach {
            let left_out = convolution.kernel / 2 - reach[architecture].min(convolution.kernel / 2);
            taken.kernel -= 2 * left_out;
            taken.padding -= left_out * convolution.dilation;
        }
        Self {
            convolution: taken,
            groups: if groups > 1 { within(bounds.output, groups) } else { 1 },
            inputs: within(bounds.input, inputs),
            outputs: if groups > 1 { outputs } else { within(bounds.output, outputs) },
        }
    }

    /// The place in the stored kernel of a tap that is taken.
    #[inline(always)]
    pub(super) fn stored_tap(&self, whole: &Conv2d, tap: usize) -> usize {
        if self.convolution.kernel == whole.kernel {
            return whole.centre() + tap;
        }
        let (kernel, stored) = (self.convolution.kernel as usize, whole.kernel as usize);
        let margin = (stored - kernel) / 2;
        (tap / kernel + margin) * stored + tap % kernel + margin
    }
}
