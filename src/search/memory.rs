//! What a step takes of the device's memory, and how it is cut until it takes no more than it may.

use parnas_kernels::{DeviceFacts, DeviceKind, Plan};

use super::SearchError;
use super::config::Configuration;
use crate::graph::Store;

/// The bytes that a step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// All together.
    pub total: u64,
    /// A single tensor.
    pub largest: u64,
    /// The kind of the device.
    pub kind: DeviceKind,
}

impl Budget {
    /// What a configuration allows, and a device.
    pub fn of(configuration: &Configuration, facts: &DeviceFacts) -> Self {
        Self {
            total: configuration.memory.map_or_else(half_of_memory, |bytes| bytes.0),
            largest: facts.max_binding.min(facts.max_buffer),
            kind: facts.kind,
        }
    }
}

/// Bytes that are allocated while a step runs on a device of this kind, known before it does: the tensors of the run, the memory
/// slots of the step's own, the parameters of its launches, and on the CPU what halves are widened into.
pub fn step_bytes(plan: &Plan, store: &Store, kind: DeviceKind) -> u64 {
    let staging = if kind == DeviceKind::Cpu { plan.staging_bytes() } else { 0 };
    store.bytes() + plan.peak_bytes() + plan.parameter_bytes() + staging
}

/// A kind of step: how it is planned in so many chunks.
pub type Planner<'a> = dyn Fn(usize) -> crate::graph::Result<Plan> + 'a;

/// The plan of a step whose architectures, at most `rows` in a level, run in as few chunks as the budget allows.
///
/// # Errors
/// [`SearchError::Memory`] where not even one architecture at a time fits.
pub fn fitting_plan(
    planner: &Planner<'_>,
    store: &Store,
    rows: usize,
    budget: Budget,
) -> Result<(Plan, usize), SearchError> {
    let mut parts = 1;
    loop {
        let plan = planner(parts)?;
        let needed = step_bytes(&plan, store, budget.kind);
        let largest = plan.slots.iter().map(|len| 4 * *len as u64).max().unwrap_or(0);
        if needed <= budget.total && largest <= budget.largest {
            return Ok((plan, parts));
        }
        if parts >= rows {
            return Err(SearchError::Memory { needed, budget: budget.total.min(budget.largest) });
        }
        parts += 1;
    }
}

/// Half of this machine's memory, or 2 GiB where the system does not say.
fn half_of_memory() -> u64 {
    let kibibytes = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    kibibytes.map_or(2 << 30, |kibibytes| kibibytes * 512)
}
