//! Documents that follow from the code say what it says.

use std::fmt::Write as _;
use std::path::Path;

use parnas::search::config::{KEYS, Key, PRESETS};

/// `docs/configuration.md`: every key, from the list that the program itself reads.
fn configuration() -> String {
    let mut text = "\
# The configuration

A run's configuration is a preset, then a TOML file (`--config FILE`), then flags; the later wins. In a file a key is written
as here (`batch_size = 64`), as a flag with hyphens (`--batch-size 64`); a list is `[\"loss\", \"latency\"]` in a file and
`loss,latency` as a flag. A file may name its preset (`preset = \"smoke\"`). The run folder's `config.toml` has every key that
was set, so that `--config RUN/config.toml` repeats the run. A key that does not exist, or a value that is not allowed, is
refused with its name, and nothing is started.

This page is written from the program's list of keys, by `PARNAS_WRITE_DOCUMENTS=1 cargo test --release --test documents`.

## Presets

"
    .to_owned();
    let configurations = PRESETS.each_ref().map(|preset| (preset.configuration)());
    for (place, preset) in PRESETS.iter().enumerate() {
        let default = if place == 0 { " (the default)" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- `{}`{default}: {}", preset.name, preset.help);
    }
    let mut heading = "";
    for key in KEYS {
        if key.heading != heading {
            heading = key.heading;
            let names = PRESETS.each_ref().map(|preset| format!(" `{}` |", preset.name)).concat();
            let _ = write!(text, "\n## {heading}\n\n| key | values |{names} meaning |\n|---|---|");
            let _ = writeln!(text, "{}---|", "---|".repeat(PRESETS.len()));
        }
        let values = configurations.each_ref().map(|configuration| {
            let value = (key.get)(configuration).map_or("not set".to_owned(), |value| format!("`{value}`"));
            format!(" {value} |")
        });
        let _ = writeln!(text, "| `{}` | {} |{} {} |", key.name, cell(key.allowed), values.concat(), meaning(key));
    }
    text
}

/// A text without what would end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The lines of a documentation comment, as one.
fn meaning(key: &Key) -> String {
    cell(&key.help.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn the_page_of_the_configuration_has_every_key_and_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let expected = configuration();
    if std::env::var_os("PARNAS_WRITE_DOCUMENTS").is_some() {
        std::fs::write(&path, &expected).expect("the page is written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        expected == found,
        "docs/configuration.md is not what the keys say ({differing:?}); write it anew: PARNAS_WRITE_DOCUMENTS=1 cargo test \
         --release --test documents"
    );
}

#[test]
fn the_page_of_the_run_folder_has_every_metric() {
    let page = include_str!("../docs/run-folder.md");
    for metric in parnas::search::step::METRICS {
        assert!(page.contains(&format!("`{metric}`")), "docs/run-folder.md does not tell what `{metric}` is");
    }
}
