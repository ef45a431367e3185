//! Replaying a step creates nothing: no memory on the CPU, no buffer, bind group or pipeline on wgpu, one submit a step.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parnas_kernels::{Executor, Prepared};

use crate::adapter::adapter;
use crate::alone::alone;
use crate::common::{feed, session};
use crate::small::configuration;

/// Counts allocations of the whole process.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_replayed_step_allocates_nothing_on_the_cpu() {
    let _alone = alone();
    let mut session = session(configuration("cpu"), 2);
    let (plan, _) = session.step_plan(1.0).expect("the step fits");
    let prepared = session.runtime.prepare(&plan).expect("the plan is prepared");
    feed(&mut session, 0);
    // The first replays let every thread's scratch memory grow to its size.
    for _ in 0..10 {
        session.runtime.run(&prepared).expect("the step runs");
    }
    let (Executor::Cpu(executor), Prepared::Cpu(prepared)) = (&mut session.runtime.executor, &prepared) else {
        panic!("the session runs on the CPU");
    };
    let names: Vec<&str> = plan.launches.iter().map(|launch| launch.kernel.name()).collect();
    let mut allocations: BTreeMap<&str, u64> = names.iter().map(|name| (*name, 0)).collect();
    // Inside the pool, since entering it from outside makes rayon queue a job.
    executor.install(|executor| {
        for _ in 0..100 {
            let each = |launch: usize, run: &mut dyn FnMut()| {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                run();
                let made = ALLOCATIONS.load(Ordering::Relaxed) - before;
                allocations.entry(names[launch]).and_modify(|count| *count += made);
            };
            executor.run_each(prepared, each).expect("the step runs");
        }
    });
    // The crate that multiplies matrices packs its operands into memory of its own.
    allocations.remove("matmul");
    assert!(allocations.len() > 30, "a step has many kernels");
    allocations.retain(|_, count| *count > 0);
    assert!(allocations.is_empty(), "allocations in 100 steps: {allocations:?}");
}

#[test]
fn a_replayed_step_is_one_submit_and_creates_nothing_on_wgpu() {
    let Some(device) = adapter() else { return };
    let _alone = alone();
    let mut session = session(configuration(&device), 2);
    let (plan, _) = session.step_plan(1.0).expect("the step fits");
    let prepared = session.runtime.prepare(&plan).expect("the plan is prepared");
    feed(&mut session, 0);
    let counts = |session: &parnas::search::session::Session| match &session.runtime.executor {
        Executor::Gpu(executor) => executor.counts(),
        Executor::Cpu(_) => panic!("the session runs on an adapter"),
    };
    let before = counts(&session);
    for _ in 0..100 {
        session.runtime.run(&prepared).expect("the step runs");
    }
    session.runtime.executor.wait().expect("the device is there");
    let after = counts(&session);
    assert_eq!(after.submits - before.submits, 100, "one submit a step");
    assert_eq!(
        (after.buffers, after.bind_groups, after.pipelines),
        (before.buffers, before.bind_groups, before.pipelines)
    );
}
