//! `parnas-tools lint`: checks every permutation of every shader and prints what it finds.

use std::path::PathBuf;
use std::process::ExitCode;

use parnas_tools::{accept, lint};

const HELP: &str = "\
Developer tools of parnas.

  cargo run --release -p parnas-tools -- lint
      Checks every permutation of every shader: barriers in uniform control flow, rounds of loops, no `override`,
      no float atomics, a header. The rules and their reasons: docs/wgsl.md.
  cargo run --release -p parnas-tools -- text FILE [NAME=VALUE ...]
      Prints a specialised shader with the line numbers that the lint reports.
      Example: text elementwise/unary OP=3
  tools/accept [--table FILE] [CHECK ...]
      Makes the longer checks, whole searches judged by figures, all or those named: fronts, devices, software, kills,
      batching. FILE is a table of latencies of all cells of NAS-Bench-201, a column a device.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["lint"] => run_lint(),
        ["text", file, constants @ ..] => print_text(file, constants),
        ["accept", rest @ ..] => run_accept(rest),
        ["--help" | "-h" | "help"] => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn run_lint() -> ExitCode {
    let report = lint::check_catalogue();
    for finding in &report.findings {
        println!("{finding}\n");
    }
    println!(
        "{} shaders, {} permutations, {} barriers, {} loops: {} findings",
        report.shaders,
        report.permutations,
        report.barriers,
        report.loops,
        report.findings.len()
    );
    if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_text(file: &str, constants: &[&str]) -> ExitCode {
    let mut values = Vec::new();
    for constant in constants {
        match constant.split_once('=').map(|(name, value)| (name, value.parse())) {
            Some((name, Ok(value))) => values.push((name, value)),
            _ => {
                eprintln!("`{constant}` is not NAME=VALUE with a whole number");
                return ExitCode::from(2);
            }
        }
    }
    match parnas_shaders::specialise(file, &values) {
        Ok(text) => {
            for (index, line) in text.lines().enumerate() {
                println!("{:5} {line}", index + 1);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_accept(arguments: &[&str]) -> ExitCode {
    let (table, asked) = match arguments {
        ["--table", file, asked @ ..] => (PathBuf::from(file), asked),
        asked => {
            (PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nb201/help_latency_ms.csv")), asked)
        }
    };
    if let Some(unknown) = asked.iter().find(|name| !accept::names().contains(name)) {
        eprintln!("there is no check `{unknown}`; known are {}", accept::names().join(", "));
        return ExitCode::from(2);
    }
    let prepared = std::env::current_exe().and_then(|tools| Ok((tools.with_file_name("parnas"), tempfile::tempdir()?)));
    let (parnas, scratch) = match prepared {
        Ok((parnas, scratch)) if parnas.is_file() => (parnas, scratch),
        Ok((parnas, _)) => {
            eprintln!("{} is not there; build it with `cargo build --release`", parnas.display());
            return ExitCode::from(2);
        }
        Err(error) => {
            eprintln!("cannot begin: {error}");
            return ExitCode::FAILURE;
        }
    };
    let surroundings = accept::Surroundings { parnas, scratch: scratch.path().into(), table };
    if accept::run(asked, &surroundings) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
