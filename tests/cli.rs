//! The program as a user starts it.

use std::process::{Command, Output};

fn parnas(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parnas")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn devices_lists_the_executor_and_explains_the_default() {
    let output = parnas(&["devices"]);
    let text = text(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.lines().any(|line| line.split_whitespace().next() == Some("cpu")), "{text}");
    assert!(text.contains("The default is ") && text.matches("(default)").count() == 1, "{text}");
}

#[test]
fn help_lists_the_verbs_with_examples() {
    for arguments in [&["--help"][..], &["-h"]] {
        let output = parnas(arguments);
        let text = text(&output.stdout);
        assert!(output.status.success() && text.contains("devices") && text.contains("Examples:"), "{text}");
    }
    assert!(text(&parnas(&["--version"]).stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn usage_errors_are_exit_code_two() {
    for arguments in [&[][..], &["train"], &["devices", "--colour"], &["devices", "extra"]] {
        let output = parnas(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_of_search_explains_every_key() {
    let output = parnas(&["search", "--help"]);
    let text = text(&output.stdout);
    for expected in ["--config <FILE>", "--batch-size <N>", "[default: 64]", "Optimisers:", "Fronts:", "Examples:"] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
}

#[test]
fn refused_input_names_what_is_wrong_and_makes_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("bad.toml"), "batch_sise = 3\n").unwrap();
    let (bad, none, runs) = (path("bad.toml"), path("none"), path("runs"));
    for (arguments, code, expected) in [
        (vec!["search", "--batch-size", "-3"], 2, "--batch-size: `-3` is not allowed"),
        (vec!["search", "--preset", "fast"], 2, "known are digits"),
        (vec!["search", "--config", &bad], 1, "did you mean batch_size?"),
        (vec!["search", "--config", &none], 1, "check the path"),
        (vec!["search", "--data", &none], 1, "not found"),
        (vec!["search", "--device", "a100"], 1, "a100"),
        (vec!["search", "--measurements", &none], 1, "check the path"),
        (vec!["resume", &none], 1, "no such run folder"),
        (vec!["front", &none, "--device", "cpu"], 1, "no such run folder"),
        (vec!["report", folder.path().to_str().unwrap()], 1, "not a run folder"),
    ] {
        let mut all = arguments.clone();
        if arguments[0] == "search" {
            all.extend(["--run-dir", &runs]);
        }
        let output = parnas(&all);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.starts_with("error: ") && message.contains(expected), "{arguments:?}: {message}");
        assert!(!folder.path().join("runs").exists(), "{arguments:?}");
    }
}
