//! Operations of several launches: what `push` builds, run on one executor.

use parnas_kernels::plan::{Operand, PlanBuilder};
use parnas_kernels::{DeviceFacts, Result};

use super::halves::{Stored, stand_in, stored};
use super::with_executor;

/// Lets `push` append launches to a plan over `inputs` and an output of `len` elements (in that order), runs it and
/// returns the output.
pub fn run_pushed(
    facts: &DeviceFacts,
    inputs: &[Vec<f32>],
    len: usize,
    push: impl FnOnce(&mut PlanBuilder<'_>, &[Operand]) -> Result<()>,
) -> Vec<f32> {
    with_executor(facts, |buffers, executor| {
        let mut ids: Vec<_> = inputs.iter().map(|data| buffers.add("input", data.len())).collect();
        ids.push(buffers.add("output", len));
        executor.extend(buffers).expect("the buffers fit");
        let mut operands: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
        let mut plan = PlanBuilder::new("pushed", buffers);
        // Short inputs are weights and whole numbers of architectures.
        for (place, data) in inputs.iter().enumerate().filter(|(_, data)| stored() != Stored::Full && data.len() > 16) {
            operands[place] = stand_in(&mut plan, ids[place], data.len());
        }
        push(&mut plan, &operands).expect("the operation fits its operands");
        let plan = plan.finish();
        for (id, data) in ids.iter().zip(inputs) {
            executor.write(*id, data).expect("the buffer is written");
        }
        let prepared = executor.prepare(&plan).expect("the plan is prepared");
        executor.run(&prepared).expect("the plan runs");
        executor.read(ids[inputs.len()]).expect("the output is read")
    })
}
