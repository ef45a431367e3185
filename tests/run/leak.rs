//! Held-out images are for scores alone: nothing of them reaches the weights.

use std::fs;
use std::path::Path;

use crate::common::{checkpoint, devices, search};

/// Writes a part of a data set of 8x8 images in ten classes; the labels begin with `first`.
fn write_part(folder: &Path, part: &str, images: u32, first: u32) {
    let mut state = 12345u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let header = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let mut pixels = header(&[0x0803, images, 8, 8]);
    pixels.extend((0..images * 64).map(|_| random()));
    let mut labels = header(&[0x0801, images]);
    labels.extend((0..images).map(|image| ((image + first) % 10) as u8));
    fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).unwrap();
    fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
}

#[test]
fn labels_of_held_out_images_do_not_change_the_weights() {
    for device in devices() {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, train: u32, held_out: u32| {
            let data = folder.path().join(name);
            fs::create_dir(&data).unwrap();
            write_part(&data, "train", 240, train);
            write_part(&data, "t10k", 40, held_out);
            let root = search(folder.path(), &device, &["--data", data.to_str().unwrap(), "--steps", "20"]);
            (checkpoint(&root), fs::read_to_string(root.join("results.json")).unwrap())
        };
        let (weights, results) = run("first", 0, 0);
        let (same, other_results) = run("held_out_changed", 0, 3);
        assert!(weights == same, "held-out labels reach the weights on {device}");
        assert!(results != other_results, "held-out labels do not reach the scores on {device}");
        let (other, _) = run("train_changed", 3, 0);
        assert!(weights != other, "labels of training images do not reach the weights on {device}");
    }
}
