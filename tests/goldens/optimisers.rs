//! Five steps of each optimiser, and clipping by the global norm.

use parnas::graph::{
    AdamOptions, AdamState, Graph, Initial, Persistent, Result, Role, Runtime, SgdOptions, SgdState, Store, Tensor,
};
use parnas_kernels::ops::Schedule;

use crate::common::{BOUND, Golden, assert_close, check, devices};

/// Replays one recorded step with each gradient of the case and compares the parameter after each.
fn course(name: &str, step: impl Fn(&mut Graph, &mut Store, &[(Persistent, Tensor)], Tensor, Tensor) -> Result<()>) {
    let golden = Golden::family("optimisers");
    let values = |tensor: &str| golden.values(&format!("{name}/{tensor}"));
    let (start, gradients, expected) = (values("start").data, values("gradients").data, values("course").data);
    let len = start.len();
    for facts in devices() {
        let mut store = Store::new(0);
        let parameter = store.parameter("parameter", &[len], Initial::Data(start.clone()));
        let gradient = store.add("gradient", &[len], Role::Exchange, Initial::Value(0.0));
        let clock = store.add("clock", &[2], Role::State, Initial::Value(0.0));
        let mut graph = Graph::new();
        let clip = graph.fill(&[1], 1.0);
        let (of, now) = (graph.input(&gradient), graph.input(&clock));
        step(&mut graph, &mut store, &[(parameter.clone(), of)], clip, now).expect("the optimiser takes the gradient");
        graph.tick(&clock);
        let mut runtime = Runtime::new(&facts, None, &store).expect("the device opens");
        let plan = graph.compile(name, store.buffers()).expect("the graph compiles");
        let prepared = runtime.prepare(&plan).expect("the plan is prepared");
        for (step, (given, expected)) in gradients.chunks(len).zip(expected.chunks(len)).enumerate() {
            runtime.write(&gradient, given).expect("the gradient is written");
            runtime.run(&prepared).expect("the step runs");
            let got = runtime.read(&parameter).expect("the parameter is read");
            assert_close(&format!("{name}, step {step} on {}", facts.selector), &got, expected, BOUND);
        }
    }
}

#[test]
fn gradient_descent() {
    for (name, momentum, weight_decay, nesterov) in
        [("sgd", 0.0, 0.0, false), ("sgd_momentum", 0.9, 3e-3, false), ("sgd_nesterov", 0.9, 3e-3, true)]
    {
        course(name, |graph, store, steps, clip, clock| {
            let options = SgdOptions { schedule: Schedule::constant(0.1), momentum, weight_decay, nesterov };
            let state = SgdState::new(store, &[steps[0].0.clone()]);
            graph.sgd(&state, steps, clip, clock, &options)
        });
    }
}

#[test]
fn adam() {
    for (name, beta1, weight_decay, decoupled) in
        [("adam", 0.9, 0.0, false), ("adam_decay", 0.5, 0.09, false), ("adamw", 0.9, 0.1, true)]
    {
        course(name, |graph, store, steps, clip, clock| {
            let options = AdamOptions {
                schedule: Schedule::constant(0.01),
                betas: (beta1, 0.999),
                epsilon: 1e-8,
                weight_decay,
                decoupled,
            };
            let state = AdamState::new(store, &[steps[0].0.clone()]);
            graph.adam(&state, steps, clip, clock, &options)
        });
    }
}

#[test]
fn clipping_by_the_global_norm() {
    for (name, maximum) in [("clip", 5.0), ("clip_not", 500.0)] {
        check(&Golden::family("optimisers"), name, |case| {
            let gradients = [case.input("first"), case.input("second")];
            let factor = case.graph.clip_factor(&gradients, maximum).expect("there are gradients");
            for (gradient, golden) in gradients.into_iter().zip(["clipped_first", "clipped_second"]) {
                let clipped = case.graph.multiply(gradient, factor).expect("the factor broadcasts");
                case.expect(golden, clipped);
            }
        });
    }
}
