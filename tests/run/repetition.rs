//! One seed and one measurement file give the same bits, whatever the number of threads.

use crate::common::{checkpoint, devices, search};

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    for device in devices() {
        let folder = tempfile::tempdir().unwrap();
        let run = |flags: &[&str]| checkpoint(&search(folder.path(), &device, &[&["--steps", "20"], flags].concat()));
        let first = run(&[]);
        assert!(first == run(&[]), "two runs differ on {device}");
        assert!(first != run(&["--seed", "2"]), "another seed gives the same on {device}");
        if device == "cpu" {
            assert!(first == run(&["--threads", "1"]), "one thread differs");
            assert!(first == run(&["--threads", "2"]), "two threads differ");
        }
    }
}
