//! Questions to a finished run.

use crate::common::{csv, fail, finished, numbers, profiles, succeed};

fn front(flags: &[&str]) -> (Vec<String>, Vec<Vec<String>>) {
    let profile = &profiles()[0];
    csv(&succeed(&[&["front", finished().to_str().unwrap(), "--device", profile], flags].concat()))
}

#[test]
fn a_front_has_the_preferences_that_are_asked_for() {
    assert_eq!(front(&[]).1.len(), 6);
    let five = front(&["--points", "5"]);
    assert_eq!(numbers(&five, "preference_0"), [1.0, 0.75, 0.5, 0.25, 0.0]);
    let one = front(&["--preference", "0.7,0.3"]);
    assert_eq!((numbers(&one, "preference_0"), numbers(&one, "preference_1")), (vec![0.7], vec![0.3]));
    assert!(numbers(&one, "predicted_latency")[0] > 0.0);
}

#[test]
fn an_answer_within_a_limit_keeps_it() {
    let wide = front(&["--limit", "latency<=1000s"]);
    assert_eq!(wide.1.len(), 1);
    let fastest = numbers(&front(&["--points", "9"]), "predicted_latency").into_iter().fold(f64::INFINITY, f64::min);
    let limit = format!("latency<={}ms", 1.001 * fastest);
    let table = front(&["--limit", &limit]);
    assert!(numbers(&table, "predicted_latency")[0] <= 1.001 * fastest, "{table:?}");
    let both = front(&["--limit", &limit, "--limit", "latency<=1000s"]);
    assert_eq!(both.1, table.1);
}

#[test]
fn limits_that_nothing_meets_are_refused_with_the_nearest_architecture() {
    let (root, profile) = (finished().to_str().unwrap(), &profiles()[0]);
    let arguments = ["front", root, "--device", profile, "--limit", "latency<=0.000001ms"];
    fail(&arguments, &["no architecture meets the limits", profile, "nearest", "|+|", "%"]);
}

#[test]
fn questions_that_have_no_answer_say_why() {
    let (root, profile) = (finished().to_str().unwrap(), &profiles()[0]);
    fail(&["front", root, "--device", "a100"], &["a100", profile]);
    fail(&["front", root, "--device", profile, "--limit", "energy<=2mJ"], &["energy", "no such hardware objective"]);
    fail(&["front", root, "--device", profile, "--limit", "latency<=2mJ"], &["`mJ` is not a unit of latency"]);
    let words = ["sum to 1.1"];
    fail(&["front", root, "--device", profile, "--preference", "0.7,0.4"], &words);
}
