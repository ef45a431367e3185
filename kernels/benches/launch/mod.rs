//! One benchmark: a plan of one launch, or of the launches of one operation.

use criterion::Throughput;
use parnas_kernels::ops::{Conv2dWeightGradient, LinearCrossEntropy};
use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};
use parnas_kernels::{DeviceFacts, Executor, Kernel, Prepared, Result};

use crate::bench::Bench;

/// Measures `kernel` under the name `<device>/<kernel>/<size>`.
pub fn measure(bench: &mut Bench, size: &str, kernel: impl Kernel + Clone) {
    let (operation, cost) = (kernel.name(), kernel.cost());
    let dense = ["matmul", "conv2d", "elastic_linear", "attention"];
    let throughput = match dense.iter().any(|dense| operation.starts_with(dense)) {
        true => Throughput::Elements(cost.operations),
        false => Throughput::Bytes(cost.bytes),
    };
    let slots: Vec<(&str, usize)> = kernel.slots().iter().map(|slot| (slot.name, slot.len)).collect();
    let push = |plan: &mut PlanBuilder<'_>, operands: &[Operand]| plan.launch(operation, kernel.clone(), operands);
    bench.measure(operation, size, throughput, |facts| Launches::new(facts, operation, &slots, push), Launches::run);
}

/// Measures the gradient of a convolution's weights, which takes several launches.
pub fn measure_weight_gradient(bench: &mut Bench, size: &str, gradient: Conv2dWeightGradient) {
    let convolution = gradient.convolution;
    let images = (convolution.architectures * convolution.batch) as usize;
    let x = images * (convolution.in_channels * convolution.height * convolution.width) as usize;
    let dy = images * (convolution.out_channels * convolution.output_height() * convolution.output_width()) as usize;
    let depth = convolution.in_channels / convolution.groups;
    let weights = (convolution.out_channels * depth * convolution.kernel * convolution.kernel) as usize;
    let slots = [("x", x), ("dy", dy), ("dw", convolution.architectures as usize * weights)];
    let operations = 2 * dy as u64 * u64::from(depth * convolution.kernel * convolution.kernel);
    let push = |plan: &mut PlanBuilder<'_>, operands: &[Operand]| {
        gradient.push(plan, "gradient", operands[0], operands[1], None, operands[2])
    };
    let (name, throughput) = ("conv2d_weight_gradient", Throughput::Elements(operations));
    bench.measure(name, size, throughput, |facts| Launches::new(facts, name, &slots, push), Launches::run);
}

/// Measures a loss over a vocabulary and its gradients, each of which takes several launches.
pub fn measure_vocabulary(bench: &mut Bench, size: &str, loss: LinearCrossEntropy) {
    let [a, rows, width, classes] =
        [loss.architectures, loss.rows, loss.width, loss.classes].map(|extent| extent as usize);
    let (h, table) = (("h", a * rows * width), ("table", if loss.shared_table { 1 } else { a } * classes * width));
    let (labels, normaliser) = (("labels", loss.label_rows as usize), ("normaliser", 2 * a * rows));
    let product = 2 * (a * rows * width * classes) as u64;
    let slots = [h, table, labels, ("loss", a * rows), normaliser];
    let push = |plan: &mut PlanBuilder<'_>, operands: &[Operand]| {
        loss.push(plan, "loss", [operands[0], operands[1], operands[2]], [operands[3], operands[4]])
    };
    let (name, throughput) = ("linear_cross_entropy", Throughput::Elements(product));
    bench.measure(name, size, throughput, |facts| Launches::new(facts, name, &slots, push), Launches::run);
    let slots = [h, table, labels, normaliser, ("g", a * rows), ("dh", h.1), ("dtable", a * classes * width)];
    let push = |plan: &mut PlanBuilder<'_>, operands: &[Operand]| {
        let inputs = std::array::from_fn(|input| operands[input]);
        loss.push_gradient(plan, "gradient", inputs, Some(operands[5]), Some(operands[6]))
    };
    let (name, throughput) = ("linear_cross_entropy_gradient", Throughput::Elements(3 * product));
    bench.measure(name, size, throughput, |facts| Launches::new(facts, name, &slots, push), Launches::run);
}

/// Launches that are ready to run.
struct Launches {
    executor: Executor,
    plan: Prepared,
}

impl Launches {
    /// The plan that `push` makes of buffers of these names and lengths.
    fn new(
        facts: &DeviceFacts,
        name: &str,
        slots: &[(&str, usize)],
        push: impl Fn(&mut PlanBuilder<'_>, &[Operand]) -> Result<()>,
    ) -> Self {
        let mut buffers = Buffers::new();
        let ids: Vec<_> = slots.iter().map(|(name, len)| buffers.add(*name, *len)).collect();
        let mut plan = PlanBuilder::new(name, &buffers);
        let operands: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
        push(&mut plan, &operands).expect("the launches are valid");
        let plan = plan.finish();
        let mut executor = Executor::new(facts, None, &buffers).expect("the device opens");
        for ((name, len), id) in slots.iter().zip(ids) {
            let written = match *name {
                "clock" => Ok(()),
                "labels" | "indices" => {
                    let numbers: Vec<u32> = (0..*len as u32).map(|i| i.wrapping_mul(2_654_435_761) % 10).collect();
                    executor.write_u32(id, &numbers)
                }
                // All channels and taps of every architecture.
                "input_extents" | "output_extents" | "reach" => executor.write_u32(id, &vec![u32::MAX; *len]),
                _ => executor.write(id, &fractions(*len)),
            };
            written.expect("the buffer is written");
        }
        let plan = executor.prepare(&plan).expect("the plan is prepared");
        Self { executor, plan }
    }

    fn run(&mut self) {
        self.executor.run(&self.plan).expect("the plan runs");
        self.executor.wait().expect("the device answers");
    }
}

/// Numbers in [0, 1): a second moment, for one, is never negative.
fn fractions(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32).collect()
}
