//! The same step in any number of chunks, on any number of threads, and on both executors.

use std::collections::BTreeMap;

use parnas::search::config::{Bytes, Configuration};

use crate::adapter::adapter;
use crate::alone::alone;
use crate::common::{feed, session};
use crate::small::configuration;

type Snapshot = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The checkpoint after some steps, and the chunks that they took.
fn after(configuration: Configuration, steps: u64) -> (Snapshot, usize) {
    let mut session = session(configuration, 3);
    let (plan, parts) = session.step_plan(1.0).expect("the step fits");
    let prepared = session.runtime.prepare(&plan).expect("the plan is prepared");
    for step in 0..steps {
        feed(&mut session, step);
        session.runtime.run(&prepared).expect("the step runs");
    }
    (session.runtime.snapshot(&session.store).expect("the device is read"), parts)
}

fn assert_same_bits(first: &Snapshot, second: &Snapshot, what: &str) {
    assert_eq!(first.len(), second.len());
    for (name, (_, values)) in first {
        let other = &second[name].1;
        let differs = values.iter().zip(other).position(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!(differs, None, "{what}: `{name}` differs");
    }
}

#[test]
fn any_number_of_chunks_gives_the_same_bits() {
    let _alone = alone();
    for device in ["cpu".to_owned()].into_iter().chain(adapter()) {
        // Large enough that the memory of a chunk is more than the parameters of its launches.
        let whole = Configuration { batch_size: 32, ..configuration(&device) };
        let (reference, parts) = after(whole.clone(), 3);
        assert_eq!(parts, 1);
        let mut tried = vec![1];
        // Budgets that leave room for fewer and fewer architectures.
        let (kept, slots) = {
            let session = session(whole.clone(), 3);
            let (plan, _) = session.step_plan(1.0).expect("the step fits");
            (session.store.bytes() + 3 * plan.parameter_bytes(), plan.peak_bytes())
        };
        for share in [0.8, 0.5, 0.3] {
            let bytes = kept + (share * slots as f64) as u64;
            let small = Configuration { memory: Some(Bytes(bytes)), ..whole.clone() };
            let (snapshot, parts) = after(small, 3);
            tried.push(parts);
            assert_same_bits(&reference, &snapshot, &format!("{parts} chunks on {device}"));
        }
        tried.dedup();
        assert!(tried.len() >= 3, "the budgets gave the chunks {tried:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let _alone = alone();
    let with = |threads| after(Configuration { threads: Some(threads), ..configuration("cpu") }, 3).0;
    let one = with(1);
    for threads in [2, 3] {
        assert_same_bits(&one, &with(threads), &format!("{threads} threads"));
    }
}

#[test]
fn two_runs_give_the_same_bits_on_wgpu() {
    let Some(device) = adapter() else { return };
    let _alone = alone();
    let (first, _) = after(configuration(&device), 3);
    let (second, _) = after(configuration(&device), 3);
    assert_same_bits(&first, &second, &device);
}

/// Optimisers hold the first step's gradients: the velocity is the clipped gradient, the first moment a share of it.
#[test]
fn both_executors_have_the_same_gradients() {
    let Some(device) = adapter() else { return };
    let _alone = alone();
    let of = |device: &str| {
        // The predictor's training would amplify rounding; untrained it serves as well.
        let configuration =
            Configuration { weight_decay: 0.0, arch_weight_decay: 0.0, predictor_steps: 1, ..configuration(device) };
        let mut session = session(configuration, 3);
        let (plan, _) = session.step_plan(1.0).expect("the step fits");
        let prepared = session.runtime.prepare(&plan).expect("the plan is prepared");
        feed(&mut session, 0);
        session.runtime.run(&prepared).expect("the step runs");
        let (upper, lower) = session.state.samples.clone();
        let samples = (session.runtime.read(&upper).expect("read"), session.runtime.read(&lower).expect("read"));
        (samples, session.runtime.snapshot(&session.store).expect("the device is read"))
    };
    let (cpu_samples, cpu) = of("cpu");
    let (gpu_samples, gpu) = of(&device);
    assert_eq!(cpu_samples, gpu_samples, "both executors draw the same architectures");
    let mut checked = 0;
    for (name, (_, ours)) in &cpu {
        if !(name.ends_with(".velocity") || name.ends_with(".first_moment")) {
            continue;
        }
        let theirs = &gpu[name].1;
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let difference = norm(&mut ours.iter().zip(theirs).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        let scale = norm(&mut ours.iter().map(|a| f64::from(*a)));
        assert!(difference <= 1e-4 * scale, "`{name}`: {difference:.3e} of {scale:.3e}");
        checked += usize::from(scale > 0.0);
    }
    assert!(checked > 20, "{checked} tensors with a gradient");
}
