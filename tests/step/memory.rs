//! What a step takes of the memory is known before it runs, and is no more than it may.

use parnas::data::Dataset;
use parnas::graph::Runtime;
use parnas::search::SearchError;
use parnas::search::config::{Bytes, Configuration, Precision};
use parnas::search::memory::step_bytes;
use parnas::search::rehearsal::Rehearsal;
use parnas::search::setup::RunSpace;
use parnas_kernels::{DeviceFacts, Executor, device};

use crate::adapter::adapter;
use crate::alone::alone;
use crate::common::session;

/// The default search: large enough that what a driver rounds up does not count.
fn configuration(memory: Option<u64>) -> Configuration {
    Configuration { memory: memory.map(Bytes), ..Configuration::default() }
}

fn rehearsal(memory: Option<u64>, facts: &DeviceFacts) -> Result<Rehearsal, SearchError> {
    rehearsal_of(&configuration(memory), facts)
}

fn rehearsal_of(configuration: &Configuration, facts: &DeviceFacts) -> Result<Rehearsal, SearchError> {
    let dataset = Dataset::open(None).expect("the bundled digits are there");
    let space = RunSpace::new(configuration, &dataset).expect("the network fits the digits");
    Rehearsal::new(configuration, &space, 3, facts)
}

fn devices() -> Vec<DeviceFacts> {
    let all = ["cpu".to_owned()].into_iter().chain(adapter());
    all.map(|name| device::choose(Some(&name)).expect("the device is there")).collect()
}

/// Bytes that the executor of a fresh runtime holds for a step, and those that wgpu's allocator tells of, where it does.
fn allocated(rehearsal: &Rehearsal, facts: &DeviceFacts) -> (u64, Option<u64>) {
    let mut runtime = Runtime::new(facts, None, &rehearsal.store).expect("the tensors fit");
    let prepared = runtime.prepare(&rehearsal.plan).expect("the step fits");
    runtime.run(&prepared).expect("the step runs");
    runtime.executor.wait().expect("the device is there");
    let reported = match &runtime.executor {
        Executor::Gpu(executor) => executor.reported_bytes(),
        Executor::Cpu(_) => None,
    };
    (runtime.executor.allocated_bytes(), reported)
}

fn assert_near(what: &str, planned: u64, actual: u64) {
    let off = actual as f64 / planned as f64 - 1.0;
    assert!(off.abs() <= 0.05, "{what}: {planned} bytes planned, {actual} allocated, {:.1} % off", 100.0 * off);
}

#[test]
fn a_step_takes_the_memory_that_was_said_before() {
    let _alone = alone();
    let both = |facts: DeviceFacts| [Precision::F32, Precision::F16].map(|precision| (precision, facts.clone()));
    for (precision, facts) in devices().into_iter().flat_map(both) {
        let configuration = Configuration { precision, ..configuration(None) };
        let rehearsal = rehearsal_of(&configuration, &facts).expect("the step fits");
        let planned = step_bytes(&rehearsal.plan, &rehearsal.store, facts.kind);
        let (held, reported) = allocated(&rehearsal, &facts);
        println!(
            "{} {precision:?}: {planned} bytes planned, {held} held, {reported:?} by wgpu's allocator",
            facts.selector
        );
        assert_near(&format!("the executor on {}", facts.selector), planned, held);
        if let Some(reported) = reported {
            assert_near(&format!("wgpu's allocator on {}", facts.selector), planned, reported);
        }
    }
}

#[test]
fn a_search_takes_the_memory_that_was_said_before() {
    let _alone = alone();
    for facts in devices() {
        let device = Some(facts.selector.clone());
        let mut session = session(Configuration { device, predictor_steps: 1, ..configuration(None) }, 3);
        let (plan, _) = session.step_plan(1.0).expect("the step fits");
        let _prepared = session.runtime.prepare(&plan).expect("the step fits");
        let held = session.runtime.executor.allocated_bytes();
        assert_near(&format!("a session on {}", facts.selector), step_bytes(&plan, &session.store, facts.kind), held);
    }
}

#[test]
fn a_memory_budget_is_kept() {
    let _alone = alone();
    for facts in devices() {
        let whole = rehearsal(None, &facts).expect("the step fits");
        let (least, slots) = (whole.store.bytes(), whole.plan.peak_bytes());
        let mut chunks = vec![whole.chunks];
        for share in [0.7, 0.4] {
            let budget = least + (share * slots as f64) as u64;
            let rehearsal = rehearsal(Some(budget), &facts).expect("the step fits in chunks");
            let (held, _) = allocated(&rehearsal, &facts);
            assert!(held <= budget, "{held} bytes held of {budget} allowed on {}", facts.selector);
            chunks.push(rehearsal.chunks);
        }
        assert!(chunks.is_sorted() && chunks[0] < chunks[2], "{chunks:?} chunks on {}", facts.selector);
        match rehearsal(Some(least), &facts) {
            Err(SearchError::Memory { needed, budget }) => assert!(needed > budget && budget == least),
            other => panic!("a step without memory of its own: {other:?}"),
        }
    }
}
