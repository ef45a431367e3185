//! Operations of several launches: what `push` builds, run on one executor.

use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};
use parnas_kernels::{DeviceFacts, Executor, Result};

use super::OPEN;

/// Lets `push` append launches to a plan over `inputs` and an output of `len` elements (in that order), runs it and
/// returns the output.
pub fn run_pushed(
    facts: &DeviceFacts,
    inputs: &[Vec<f32>],
    len: usize,
    push: impl FnOnce(&mut PlanBuilder<'_>, &[Operand]) -> Result<()>,
) -> Vec<f32> {
    OPEN.with_borrow_mut(|open| {
        let (buffers, executor) = open.entry(facts.selector.clone()).or_insert_with(|| {
            let buffers = Buffers::new();
            let executor = Executor::new(facts, None, &buffers).expect("the device opens");
            (buffers, executor)
        });
        let mut ids: Vec<_> = inputs.iter().map(|data| buffers.add("input", data.len())).collect();
        ids.push(buffers.add("output", len));
        executor.extend(buffers).expect("the buffers fit");
        let operands: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
        let mut plan = PlanBuilder::new("pushed", buffers);
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
