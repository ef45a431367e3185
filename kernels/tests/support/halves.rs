//! Kernels whose tensors are stored as halves: within [`stored_as`] the same tests run again, their tensors halves wherever a kernel takes
//! them so, and their bounds wide enough for what storage rounds away.

use std::cell::Cell;

use half::f16;
use parnas_kernels::ops::{Function, Unary};
use parnas_kernels::plan::{BufferId, Operand, PlanBuilder};
use parnas_kernels::{Executor, Kernel, Variant};
use parnas_shaders::{Form, specialise_halves};

use super::Exact;

/// How tensors are stored that may be halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// In full.
    Full,
    /// As halves, as the device has them.
    Halves,
    /// As halves, two in a word, on wgpu alone.
    Packed,
}

thread_local! {
    static STORED: Cell<Stored> = const { Cell::new(Stored::Full) };
}

/// How tensors are stored now.
pub fn stored() -> Stored {
    STORED.get()
}

/// Runs a test with its tensors stored so.
pub fn stored_as(stored: Stored, test: impl FnOnce()) {
    STORED.set(stored);
    test();
    STORED.set(Stored::Full);
}

/// An executor that packs halves where they are to be packed.
pub fn prepared(mut executor: Executor) -> Executor {
    if let (Stored::Packed, Executor::Gpu(executor)) = (stored(), &mut executor) {
        executor.pack_halves();
    }
    executor
}

/// A number as the storage holds it.
pub fn rounded(number: f32) -> f32 {
    if stored() == Stored::Full { number } else { f16::from_f32(number).to_f32() }
}

/// What storage may add to the error of a result: half a unit of its own, and of each of its summands' factors, which may have been
/// rounded when they were stored.
pub fn slack(exact: &Exact) -> f64 {
    if stored() == Stored::Full { 0.0 } else { exact.value.abs() / 2048.0 + exact.magnitude / 680.0 + 1e-7 }
}

/// Whether the variant can store the halves of its kernel.
pub fn takes(variant: &Variant, kernel: &dyn Kernel) -> bool {
    let halves: Vec<u32> =
        (1..).zip(kernel.slots()).filter(|(_, slot)| slot.halves).map(|(number, _)| number).collect();
    let form = if stored() == Stored::Packed { Form::Packed } else { Form::Native };
    stored() == Stored::Full || specialise_halves(variant.shader.file, &variant.shader.constants, &halves, form).is_ok()
}

fn copy(plan: &mut PlanBuilder<'_>, len: usize, from: Operand, to: Operand) {
    let function = Function::Affine { scale: 1.0, shift: 0.0 };
    plan.launch("copy", Unary { function, len }, &[from, to]).expect("a copy fits");
}

/// A tensor of the plan in the place of a buffer, which may be stored as halves and holds what the buffer does.
pub fn stand_in(plan: &mut PlanBuilder<'_>, buffer: BufferId, len: usize) -> Operand {
    let tensor = plan.transient("stand-in", len);
    plan.allow_halves(tensor);
    copy(plan, len, Operand::Persistent(buffer), tensor);
    tensor
}

/// Copies what the stand-in holds to its buffer.
pub fn write_back(plan: &mut PlanBuilder<'_>, tensor: Operand, buffer: BufferId, len: usize) {
    copy(plan, len, tensor, Operand::Persistent(buffer));
}
