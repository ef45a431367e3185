//! What a search tells of its own plan.

use crate::common::{parnas, search_arguments, text};

#[test]
fn explain_tells_what_was_fused_and_the_memory_of_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let output = parnas(&search_arguments(folder.path(), "cpu", &["--steps", "1", "--explain"]));
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    let line =
        |start: &str| told.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{told}"));
    let numbers = |text: &str| -> Vec<usize> { text.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    let launches = numbers(line("launches "));
    assert!(launches[0] < launches[1], "{launches:?}");
    assert!(line("memory traffic ").contains("less") && line("peak memory ").contains("iB"));
    // The rules add up to what was saved, and the steps come after.
    let saved: usize = told
        .lines()
        .skip_while(|line| !line.starts_with("rule "))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().find_map(|word| word.strip_prefix('-')?.parse::<usize>().ok()).unwrap())
        .sum();
    assert_eq!(launches[1] - launches[0], saved, "{told}");
    assert!(told.find("elementwise chain:").unwrap() < told.find("searching: 1/1").unwrap(), "{told}");
    let silent = parnas(&search_arguments(folder.path(), "cpu", &["--steps", "1"]));
    assert!(!text(&silent.stderr).contains("memory traffic"));
}
