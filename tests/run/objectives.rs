//! Other numbers of objectives, and the other hypernetwork.

use crate::common::{csv, devices, fail, numbers, profiles, search, search_arguments, succeed};

#[test]
fn three_objectives_run_from_end_to_end() {
    for device in devices() {
        let folder = tempfile::tempdir().unwrap();
        let root = search(folder.path(), &device, &["--objectives", "loss,latency,parameters", "--steps", "20"]);
        let (root, profile) = (root.to_str().unwrap(), &profiles()[0]);
        let table = csv(&succeed(&["front", root, "--device", profile, "--preference", "0.2,0.3,0.5"]));
        assert_eq!(table.1.len(), 1);
        assert_eq!((numbers(&table, "preference_2"), table.0.len()), (vec![0.5], 11));
        assert!(numbers(&table, "predicted_parameters")[0] >= 1.0);
        let front = csv(&succeed(&["front", root, "--device", profile]));
        let sums = (0..front.1.len())
            .map(|row| (0..3).map(|place| numbers(&front, &format!("preference_{place}"))[row]).sum::<f64>());
        assert!(front.1.len() >= 6 && sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-9));
        fail(&["front", root, "--device", profile, "--preference", "0.5,0.5"], &["2 weights", "3 objectives"]);
    }
}

#[test]
fn the_published_bank_takes_two_objectives_and_refuses_three() {
    for device in devices() {
        let folder = tempfile::tempdir().unwrap();
        search(folder.path(), &device, &["--hypernetwork", "bank", "--steps", "10"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("none");
    let flags = ["--hypernetwork", "bank", "--objectives", "loss,latency,parameters"];
    let words = ["--hypernetwork", "cannot be used with 3 objectives", "use smooth"];
    assert_eq!(fail(&search_arguments(&runs, "cpu", &flags), &words), Some(2));
    assert!(!runs.exists());
}
