//! A step whose activations are stored as halves: its gradients, its memory, and what it does where they overflow.

use std::collections::BTreeMap;

use parnas::search::config::{Configuration, Precision};
use parnas::search::session::Session;
use parnas_kernels::Prepared;

use crate::adapter::adapter;
use crate::alone::alone;
use crate::common::{feed, session};
use crate::small::configuration;

type Snapshot = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn devices() -> Vec<String> {
    ["cpu".to_owned()].into_iter().chain(adapter()).collect()
}

/// A search whose steps leave their gradients in the optimisers' state, and whose lower level does not ask the hypernetwork.
fn still(device: &str, precision: Precision) -> Configuration {
    Configuration {
        precision,
        batch_size: 16,
        channels: 8,
        uniform_share: 1.0,
        weight_decay: 0.0,
        arch_weight_decay: 0.0,
        ..configuration(device)
    }
}

fn prepared(configuration: Configuration) -> (Session, Prepared) {
    let mut session = session(configuration, 2);
    let (plan, _) = session.step_plan(1.0).expect("the step fits");
    let prepared = session.runtime.prepare(&plan).expect("the plan is prepared");
    (session, prepared)
}

fn run(session: &mut Session, prepared: &Prepared, step: u64) -> Snapshot {
    feed(session, step);
    session.runtime.run(prepared).expect("the step runs");
    session.runtime.snapshot(&session.store).expect("the device is read")
}

/// The numbers of all tensors whose names end so, one after another.
fn all(snapshot: &Snapshot, ending: &str) -> Vec<f64> {
    let tensors = snapshot.iter().filter(|(name, _)| name.ends_with(ending));
    let numbers: Vec<f64> = tensors.flat_map(|(_, (_, values))| values.iter().map(|v| f64::from(*v))).collect();
    assert!(!numbers.is_empty(), "there are tensors `{ending}`");
    numbers
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// The gradients of the first step: those of the weights are the velocities, those of the hypernetwork a share of the first moments.
#[test]
fn gradients_through_halves_point_where_those_of_f32_do() {
    for device in devices() {
        let [full, halves] = [Precision::F32, Precision::F16].map(|precision| {
            let (mut session, prepared) = prepared(still(&device, precision));
            run(&mut session, &prepared, 0)
        });
        for level in ["lower", "upper"] {
            assert_eq!(
                halves[&format!("{level}.loss_scale")].1,
                [65_536.0, 1.0],
                "the {level} level's step is a good one"
            );
        }
        for ending in [".velocity", ".first_moment"] {
            let (full, halves) = (all(&full, ending), all(&halves, ending));
            let cosine = cosine(&full, &halves);
            let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
            println!("{device}{ending}: cosine {cosine}, lengths {} and {}", length(&full), length(&halves));
            assert!(cosine > 0.999, "{ending} on {device}: the cosine is {cosine}");
            assert!((length(&halves) / length(&full) - 1.0).abs() < 0.02, "{ending} on {device}: lengths");
        }
    }
}

/// A scale that is too large shows in infinities: the step is left out, and the next has half the scale, until one is good.
#[test]
fn a_step_that_overflows_is_left_out() {
    for device in devices() {
        let (mut session, prepared) = prepared(still(&device, Precision::F16));
        let mut before = run(&mut session, &prepared, 0);
        let scales = session.state.scalers().cloned().expect("the search is in halves");
        let largest = 2f32.powi(24);
        for scaler in [&scales.0, &scales.1] {
            session.runtime.write(scaler.state(), &[largest, 0.0]).expect("the scale is written");
        }
        let (mut left_out, mut scale) = ([0, 0], [largest; 2]);
        for step in 1..30 {
            let after = run(&mut session, &prepared, step);
            for (place, (level, ending)) in [("upper", ".first_moment"), ("lower", ".velocity")].into_iter().enumerate()
            {
                let [now, good] = after[&format!("{level}.loss_scale")].1[..] else {
                    panic!("a scale has two numbers")
                };
                // Parameters and what the optimiser keeps beside them.
                let optimised = before.keys().filter_map(|name| name.strip_suffix(ending));
                let own: Vec<&String> = optimised
                    .flat_map(|parameter| before.keys().filter(move |name| name.starts_with(parameter)))
                    .collect();
                let same = own
                    .iter()
                    .all(|name| before[*name].1.iter().zip(&after[*name].1).all(|(a, b)| a.to_bits() == b.to_bits()));
                if good == 0.0 {
                    scale[place] *= 0.5;
                    left_out[place] += 1;
                    assert!(same, "the {level} level moves in step {step}, which is left out, on {device}");
                } else {
                    assert!(!same, "the {level} level rests in step {step}, which is a good one, on {device}");
                }
                assert_eq!(now, scale[place], "the scale of the {level} level after step {step} on {device}");
            }
            let metrics = session.runtime.read(&session.state.metrics).expect("the metrics are read");
            assert!(metrics.iter().all(|metric| metric.is_finite()), "{metrics:?} after step {step} on {device}");
            let finite = after.values().all(|(_, values)| values.iter().all(|value| value.is_finite()));
            assert!(finite, "step {step} leaves infinities on {device}");
            before = after;
        }
        println!("{device}: {left_out:?} steps left out, the scales are {scale:?}");
        assert!(left_out.iter().all(|steps| (1..24).contains(steps)), "{left_out:?} steps were left out on {device}");
    }
}

#[test]
fn halves_take_half_of_a_steps_memory() {
    let bytes = |precision: Precision| {
        let session = session(Configuration { batch_size: 64, channels: 16, precision, ..configuration("cpu") }, 2);
        let (plan, _) = session.step_plan(1.0).expect("the step fits");
        let full = plan.transients.iter().filter(|tensor| !tensor.halves).map(|tensor| tensor.len).max().unwrap_or(0);
        println!(
            "{precision:?}: {} bytes of slots, {} of copies; the largest tensor in full has {full} elements",
            plan.peak_bytes(),
            plan.staging_bytes()
        );
        plan.peak_bytes() as f64
    };
    let share = bytes(Precision::F16) / bytes(Precision::F32);
    assert!((0.45..0.6).contains(&share), "{share} of the memory");
}

/// Chunks of halves are summed in the order of their architectures too.
#[test]
fn any_number_of_chunks_of_halves_gives_the_same_bits() {
    let _alone = alone();
    for device in devices() {
        let after = |memory: Option<u64>| {
            let memory = memory.map(parnas::search::config::Bytes);
            let mut session = session(
                Configuration { memory, batch_size: 32, precision: Precision::F16, ..configuration(&device) },
                3,
            );
            let (plan, parts) = session.step_plan(1.0).expect("the step fits");
            let prepared = session.runtime.prepare(&plan).expect("the plan is prepared");
            (0..3).for_each(|step| drop(run(&mut session, &prepared, step)));
            let least = session.store.bytes() + 3 * plan.parameter_bytes();
            let room = plan.peak_bytes() + plan.staging_bytes();
            (session.runtime.snapshot(&session.store).expect("the device is read"), parts, least + room / 2)
        };
        let (whole, one, budget) = after(None);
        let (chunked, parts, _) = after(Some(budget));
        assert!(one == 1 && parts > 1, "{one} and {parts} chunks");
        assert!(whole == chunked, "{parts} chunks differ on {device}");
    }
}
