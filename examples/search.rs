//! A search from within a program, and a question to what it trained: `cargo run --release --example search`.
//!
//! The command line does nothing that a program cannot do: it fills in a configuration, hands over an observer, and reads the
//! run folder. Seconds with the preset `smoke`; arguments are pairs of keys and values, such as `steps 200`.

use std::error::Error;
use std::sync::atomic::AtomicBool;

use parnas::search::config::Configuration;
use parnas::search::driver::{self, Observer};
use parnas::search::output;
use parnas::search::query::{Question, ask};
use parnas::search::run_folder::RunFiles;

/// Prints the stages; a program with a window would move a bar.
struct Stages;

impl Observer for Stages {
    fn stage(&mut self, name: &str) {
        println!("{name} ...");
    }

    fn progress(&mut self, _: &str, _: u64, _: u64) {}

    fn note(&mut self, _: &str) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = std::env::temp_dir().join("parnas-example-runs");
    let mut keys = vec![
        ("preset".to_owned(), "smoke".to_owned()),
        ("run_dir".to_owned(), scratch.to_str().ok_or("the temporary folder's name is no text")?.to_owned()),
    ];
    let given: Vec<String> = std::env::args().skip(1).collect();
    let (pairs, rest) = given.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("arguments are pairs of keys and values".into());
    }
    keys.extend(pairs.iter().map(|[key, value]| (key.clone(), value.clone())));
    let configuration = Configuration::load(None, &keys)?;

    // Setting the flag from another thread would end the run after the step at hand; `driver::resume` would go on with it.
    let stop = AtomicBool::new(false);
    let root = driver::search(configuration, &mut Stages, &stop)?;

    let results = output::read(&RunFiles::open(&root)?)?;
    let mut session = driver::open(&root, None)?;
    let devices = session.devices.clone();
    for (result, device) in results.devices.iter().zip(&devices) {
        if let Some(volume) = result.hypervolume {
            println!("{}: hypervolume {:.3}, of random cells {:.3}", device.name, volume.front, volume.random);
        }
        // Mostly speed, with some regard for the loss.
        let question = Question::Preference(vec![0.3, 0.7]);
        let answer = ask(&mut session, device, &question, Some(&results))?;
        for scored in answer.devices.iter().flat_map(|device| &device.front) {
            println!("  {} at {:.4} {} (predicted)", scored.architecture, scored.predicted[0], results.units[0]);
        }
    }
    println!("{}", root.join("report.html").display());
    Ok(())
}
