//! What is, and what is not, in the plan of a step.

use parnas::search::config::Configuration;

use crate::common::session;
use crate::small::configuration;

fn labels(configuration: Configuration) -> Vec<(String, String)> {
    let session = session(configuration, 2);
    let (plan, _) = session.step_plan(1.0).expect("the step fits");
    plan.launches.iter().map(|launch| (launch.label.clone(), launch.kernel.name().to_owned())).collect()
}

#[test]
fn each_level_computes_its_own_gradients_only() {
    let launches = labels(configuration("cpu"));
    let of = |level: &str, kernel: &str| {
        launches.iter().filter(|(label, name)| label.contains(level) && name.contains(kernel)).count()
    };
    assert!(of("lower", "conv2d_weight_gradient") > 0, "the lower level trains the weights");
    assert!(of("upper", "mixed_weight_gradient") > 0, "the upper level has gradients of the architecture weights");
    assert_eq!(of("upper", "conv2d_weight_gradient"), 0, "the upper level computes no weight gradients");
    assert_eq!(of("lower", "mixed_weight_gradient"), 0, "the lower level none of the architecture weights");
    assert_eq!(of("gradient of lower", "sample"), 0, "nothing flows back through the lower level's samples");
}

#[test]
fn launches_do_not_grow_with_the_architectures() {
    let count = |preferences: usize, architectures: usize| {
        let configuration = Configuration {
            preferences_per_device: preferences,
            weight_architectures: architectures,
            ..configuration("cpu")
        };
        labels(configuration).iter().filter(|(label, _)| !label.contains("slice") && !label.contains("concat")).count()
    };
    assert_eq!(count(1, 3), count(4, 12));
}

#[test]
fn the_plan_of_a_step_is_the_recorded_one() {
    let mut configuration = configuration("cpu");
    configuration.weight_architectures = 2;
    let session = session(configuration, 2);
    let (plan, _) = session.step_plan(1.0).expect("the step fits");
    let lines = plan.launches.iter().map(|launch| format!("{:24} {}\n", launch.kernel.name(), launch.label));
    let text: String = lines.collect();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/step/plan.txt");
    if std::env::var_os("PARNAS_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &text).expect("the snapshot is written");
    }
    let recorded = std::fs::read_to_string(&path).expect("the snapshot exists");
    let difference = recorded.lines().zip(text.lines()).position(|(recorded, now)| recorded != now);
    let lines = (recorded.lines().count(), text.lines().count());
    assert!(
        difference.is_none() && lines.0 == lines.1,
        "the plan differs from tests/step/plan.txt from line {difference:?} on ({lines:?} lines); \
         where that is meant, PARNAS_UPDATE_SNAPSHOTS=1 records it anew"
    );
}
