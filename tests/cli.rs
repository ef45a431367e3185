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
