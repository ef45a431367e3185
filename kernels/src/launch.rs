//! A kernel as data: typed parameters, and what both executors need to know of them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::cpu::{Cpu, Views};
use crate::ops::Chain;

/// The largest number of workgroups in one dimension of a dispatch that every adapter grants.
pub const WORKGROUPS: u32 = 65_535;

/// How a kernel uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Only reads.
    Read,
    /// Writes, and may read what was there.
    Write,
}

/// One binding of a kernel: its name in the shader, its use, and the elements (4 bytes each) that it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The name of the variable in the shader.
    pub name: &'static str,
    /// Read or write.
    pub access: Access,
    /// Elements.
    pub len: usize,
    /// Whether the elements may be stored as halves ([`crate::halves`]).
    pub halves: bool,
}

impl Slot {
    /// A binding that is only read.
    pub fn read(name: &'static str, len: usize) -> Self {
        Self { name, access: Access::Read, len, halves: false }
    }

    /// A binding that is written.
    pub fn write(name: &'static str, len: usize) -> Self {
        Self { name, access: Access::Write, len, halves: false }
    }

    /// The binding may be halves too: the headers of all shaders of the kernel list it as such, or those of its plain one.
    #[must_use]
    pub fn or_half(self) -> Self {
        self.or_half_where(true)
    }

    /// [`Slot::or_half`] where the extents allow it: an invocation that stores an element of an even place stores the one behind it
    /// too, because two halves share a word.
    #[must_use]
    pub fn or_half_where(self, pairs: bool) -> Self {
        Self { halves: pairs, ..self }
    }
}

/// Which WGSL file a kernel runs, with which constants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shader {
    /// The file's name in `parnas-shaders`.
    pub file: &'static str,
    /// Its constants, all that the header declares.
    pub constants: Vec<(&'static str, u32)>,
}

/// One of the ways of computing a kernel on a GPU: a shader and its grid. All variants of a kernel have the same slots and the
/// same uniform parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// What it is called in a record of choices, unique within its kernel: `64x64`, `subgroup 16x1`.
    pub name: &'static str,
    /// The WGSL permutation.
    pub shader: Shader,
    /// Workgroups in x, y, z; each at most [`WORKGROUPS`].
    pub grid: [u32; 3],
    /// Where it can run, and where it is taken unmeasured.
    pub form: Form,
}

/// What the invocations of a variant share, and with that where it can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Within the limits of any adapter, for GPUs: tiles in workgroup memory, trees of 256 invocations.
    Ordinary,
    /// Within the limits of any adapter; the invocations share nothing, as a processor that plays a GPU likes it: a barrier
    /// there is a loop over the workgroup, and workgroup memory is memory like any other.
    Apart,
    /// The invocations of a subgroup of exactly this many exchange registers.
    Subgroup(u32),
}

impl Variant {
    /// The plain variant of a kernel that has no other.
    pub fn plain(shader: Shader, grid: [u32; 3]) -> Self {
        Self { name: "plain", shader, grid, form: Form::Ordinary }
    }
}

/// The kernels among which one choice of a variant holds. See [`Kernel::tuning`].
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The name of the class: the kernel's name and whatever decides which of its variants is the fastest. Never the number of
    /// architectures: a variant may sum in another order, and a step that is cut into chunks must keep its bits.
    pub class: String,
    /// A member of the class whose tensors are small enough to be kept beside those of the plan: variants are timed with it.
    pub sample: Arc<dyn Kernel>,
}

/// What one launch costs: floating-point operations and bytes moved to and from memory (each tensor once).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Floating-point operations; a multiply-add counts two.
    pub operations: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

/// The words of a kernel's uniform parameters, in the order of the shader's `struct Parameters`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(Vec<u32>);

impl Words {
    /// No words yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an unsigned number.
    #[must_use]
    pub fn u32(mut self, value: u32) -> Self {
        self.0.push(value);
        self
    }

    /// Appends a float.
    #[must_use]
    pub fn f32(self, value: f32) -> Self {
        self.u32(value.to_bits())
    }

    /// The words.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

/// Typed parameters of an operation: what a launch runs, on either executor.
///
/// Binding 0 of the shader is the uniform of [`Kernel::parameters`]; bindings 1, 2, … are the storage buffers of
/// [`Kernel::slots`], in order. All elements are 4 bytes: `f32`, or `u32` where the operation says so.
///
/// A kernel must give the same bits whatever the number of threads, and must not allocate in [`Kernel::run`].
pub trait Kernel: Any + fmt::Debug + Send + Sync + 'static {
    /// The operation's name, the same on every floor.
    fn name(&self) -> &'static str;
    /// The storage bindings.
    fn slots(&self) -> Vec<Slot>;
    /// The WGSL permutation.
    fn shader(&self) -> Shader;
    /// The uniform parameters.
    fn parameters(&self) -> Words;
    /// Workgroups in x, y, z; each at most [`WORKGROUPS`].
    fn grid(&self) -> [u32; 3];
    /// The ways of computing this on a GPU, first the one that GPUs start from: [`Kernel::shader`] and [`Kernel::grid`].
    fn variants(&self) -> Vec<Variant> {
        vec![Variant::plain(self.shader(), self.grid())]
    }
    /// The class of kernels that share a choice among [`Kernel::variants`]; nothing where there is no choice.
    fn tuning(&self) -> Option<Tuning> {
        None
    }
    /// Operations and bytes.
    fn cost(&self) -> Cost;
    /// Elements of scratch memory that [`Kernel::run`] takes in each thread ([`Cpu::with_scratch`]); the executor has them
    /// ready before the first run.
    fn scratch(&self) -> usize {
        0
    }
    /// The same as a [`Chain`], for kernels that compute each element of one result from elements of their inputs, which are
    /// their slots in order: then [`crate::fuse`] can join them with others.
    fn elementwise(&self) -> Option<Chain> {
        None
    }
    /// The same without the slot that its sum starts from, in the place of what its result holds; for kernels that can add to it.
    fn in_place(&self) -> Option<Arc<dyn Kernel>> {
        None
    }
    /// Computes the same on the CPU. `views` are the buffers of [`Kernel::slots`], in order.
    fn run(&self, cpu: &Cpu, views: Views<'_>);
}

/// The grid of `items` workgroups in a row, folded into x and y (`flat_workgroup` in `shared/grid.wgsl`).
pub fn linear_grid(groups: usize) -> [u32; 3] {
    let groups = u32::try_from(groups.max(1)).unwrap_or(u32::MAX);
    if groups <= WORKGROUPS {
        return [groups, 1, 1];
    }
    let rows = groups.div_ceil(WORKGROUPS);
    [groups.div_ceil(rows), rows, 1]
}

/// The bytes of `slots`, each counted once: the memory part of most kernels' cost.
pub fn bytes_of(slots: &[Slot]) -> u64 {
    slots.iter().map(|slot| 4 * slot.len as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_grids_fold() {
        assert_eq!(linear_grid(0), [1, 1, 1]);
        assert_eq!(linear_grid(65_535), [65_535, 1, 1]);
        for groups in [65_536, 131_071, 1_000_003] {
            let [x, y, z] = linear_grid(groups);
            assert!(x <= WORKGROUPS && y <= WORKGROUPS && z == 1);
            let all = x as usize * y as usize;
            assert!(all >= groups && all < groups + y as usize);
        }
    }
}
