//! Replaying a step creates nothing: no memory on the CPU; on wgpu no buffer, bind group or pipeline, one submit a step, and no
//! memory but what wgpu takes for itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parnas_kernels::exec::GpuExecutor;
use parnas_kernels::{Executor, Prepared};

use crate::adapter::adapter;
use crate::alone::alone;
use crate::common::{feed, session};
use crate::small::configuration;

/// Counts allocations of the whole process, and keeps where those of a thread were made, where the thread asks for it.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static TRACING: Cell<bool> = const { Cell::new(false) };
    static TRACES: RefCell<Vec<Backtrace>> = const { RefCell::new(Vec::new()) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // What taking the trace allocates is not traced itself. A thread that ends has no cell any more.
        if TRACING.try_with(|tracing| tracing.replace(false)).unwrap_or(false) {
            let trace = Backtrace::force_capture();
            TRACES.with_borrow_mut(|traces| traces.push(trace));
            TRACING.set(true);
        }
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

/// The allocations that `body` made on this thread, as the source files of the functions that were under way, the innermost first.
fn allocations_of(body: impl FnOnce()) -> Vec<Vec<String>> {
    TRACING.set(true);
    body();
    TRACING.set(false);
    // A function is followed by `at FILE:LINE:COLUMN`, those that were inlined too.
    let files = |trace: Backtrace| {
        let text = trace.to_string();
        text.lines().filter_map(|line| line.trim().strip_prefix("at ")).map(str::to_owned).collect()
    };
    TRACES.take().into_iter().map(files).collect()
}

/// Who asked for memory.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Owner {
    Parnas,
    Wgpu,
}

/// The owner of the innermost function that is neither the standard library's, nor a collection's, nor this test's.
fn owner(files: &[String]) -> Option<Owner> {
    files.iter().find_map(|file| {
        let own = file.strip_prefix("./").or_else(|| file.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/")));
        if own.is_some_and(|own| own.starts_with("kernels/src/") || own.starts_with("src/")) {
            return Some(Owner::Parnas);
        }
        // What waits for wgpu's futures is called by parnas alone.
        let of = |name: &str| file.split('/').any(|folder| folder.starts_with(name));
        if of("pollster") { Some(Owner::Parnas) } else { of("wgpu").then_some(Owner::Wgpu) }
    })
}

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

/// The `noop` backend computes nothing, so that all that is left of a replay is what the host does.
#[test]
fn the_host_replays_in_no_time_and_parnas_allocates_nothing_for_it() {
    let _alone = alone();
    let session = session(configuration("cpu"), 2);
    let (plan, _) = session.step_plan(1.0).expect("the step fits");
    let mut executor = GpuExecutor::noop(session.store.buffers()).expect("the device opens");
    let prepared = executor.prepare(&plan).expect("the plan is prepared");
    // The first replays let the queue of submits grow to its size.
    for _ in 0..10 {
        executor.run(&prepared).expect("the step runs");
    }

    let recordings = (0..50).map(|_| executor.record(&prepared).expect("the step is recorded"));
    let each = recordings.min().unwrap_or_default().div_f64(plan.launches.len() as f64);
    println!("{} launches, {each:?} each to record", plan.launches.len());
    // Without optimisation wgpu itself takes longer.
    assert!(cfg!(debug_assertions) || each < Duration::from_micros(1), "{each:?} a launch");

    let traces = allocations_of(|| executor.run(&prepared).expect("the step runs"));
    let of = |wanted: Option<Owner>| traces.iter().filter(|trace| owner(trace) == wanted).collect::<Vec<_>>();
    assert!(!of(Some(Owner::Wgpu)).is_empty(), "wgpu takes memory of its own to record");
    assert!(of(None).is_empty(), "functions without files: {:?}", of(None)[0]);
    let own = of(Some(Owner::Parnas));
    assert!(own.is_empty(), "{} allocations in a replay, the first in {:#?}", own.len(), own[0]);

    // Were there any, they would have been seen.
    let traces = allocations_of(|| drop(prepared.slices_within(Duration::from_nanos(1))));
    assert!(traces.iter().any(|trace| owner(trace) == Some(Owner::Parnas)), "{traces:?}");
}
