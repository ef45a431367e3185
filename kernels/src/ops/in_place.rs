//! Sums in place: kernels that add to what a tensor holds, bound once, in the place of one that is read and one that is written.

use std::sync::Arc;

use crate::cpu::{Cpu, View, Views};
use crate::launch::{Access, Cost, Kernel, Shader, Slot, Tuning, Variant, Words, bytes_of};

/// The name of the slot that a sum starts from.
const ADDEND: &str = "known";
/// The constant of the shaders: 0 for no addend, 1 for one in a slot, 2 for that which the result holds.
const CONSTANT: &str = "ACCUMULATE";

/// What a sum starts from on the CPU.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'a> {
    /// Zero.
    Nothing,
    /// A tensor.
    Slot(&'a [f32]),
    /// What the result holds.
    Result,
}

impl<'a> Known<'a> {
    /// Of the next view where there is a slot.
    pub(super) fn next(accumulate: bool, in_place: bool, views: &mut impl Iterator<Item = View<'a>>) -> Self {
        match (accumulate && !in_place).then(|| views.next()).flatten() {
            Some(view) => Self::Slot(view.read()),
            None if in_place => Self::Result,
            None => Self::Nothing,
        }
    }

    /// The part from `first` on, `len` elements.
    #[inline(always)]
    pub(super) fn part(self, first: usize, len: usize) -> Self {
        match self {
            Self::Slot(known) => Self::Slot(&known[first..][..len]),
            other => other,
        }
    }

    /// Makes `result` what the sum starts from.
    #[inline(always)]
    pub(super) fn start(self, result: &mut [f32]) {
        match self {
            Self::Nothing => result.fill(0.0),
            Self::Slot(known) => result.copy_from_slice(known),
            Self::Result => {}
        }
    }
}

/// A kernel with a slot [`ADDEND`] before its result, the last slot, of the same length.
pub(super) trait Accumulating: Kernel + Clone {
    /// Computes it with the views that [`InPlace`] has.
    fn run_in_place(&self, cpu: &Cpu, views: Views<'_>);
}

/// The kernel without the slot of the addend: the sum starts from what its result holds. Where nothing is added, nothing is moved.
#[derive(Debug, Clone)]
pub(super) struct InPlace<K>(K);

impl<K: Accumulating> InPlace<K> {
    pub(super) fn of(kernel: &K) -> Option<Arc<dyn Kernel>> {
        addend_of(kernel).map(|_| Arc::new(Self(kernel.clone())) as Arc<dyn Kernel>)
    }
}

fn in_place(mut shader: Shader) -> Shader {
    for (name, value) in &mut shader.constants {
        if *name == CONSTANT {
            *value = 2;
        }
    }
    shader
}

impl<K: Accumulating> Kernel for InPlace<K> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn slots(&self) -> Vec<Slot> {
        self.0.slots().into_iter().filter(|slot| slot.name != ADDEND).collect()
    }

    fn shader(&self) -> Shader {
        in_place(self.0.shader())
    }

    fn parameters(&self) -> Words {
        self.0.parameters()
    }

    fn grid(&self) -> [u32; 3] {
        self.0.grid()
    }

    fn variants(&self) -> Vec<Variant> {
        let variants = self.0.variants().into_iter();
        variants.map(|variant| Variant { shader: in_place(variant.shader), ..variant }).collect()
    }

    fn tuning(&self) -> Option<Tuning> {
        // Timed with the addend apart: repeated in place, the sums would grow.
        self.0.tuning()
    }

    fn cost(&self) -> Cost {
        let slots = self.slots();
        let results = slots.iter().filter(|slot| slot.access == Access::Write).cloned().collect::<Vec<_>>();
        Cost { bytes: bytes_of(&slots) + bytes_of(&results), ..self.0.cost() }
    }

    fn scratch(&self) -> usize {
        self.0.scratch()
    }

    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.0.run_in_place(cpu, views);
    }
}

/// The place of the slot that a kernel's sum starts from.
pub(crate) fn addend_of(kernel: &dyn Kernel) -> Option<usize> {
    kernel.slots().iter().position(|slot| slot.name == ADDEND)
}
