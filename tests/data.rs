//! Datasets, splits and batches, on small files written here and on the shared CIFAR-10.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parnas::data::{Augmentation, Batch, BatchLoader, DataError, Dataset, Normalisation, Prefetcher, Split, Splits};

fn digits() -> (Arc<Dataset>, Splits, Normalisation) {
    let dataset = Arc::new(Dataset::open(None).unwrap());
    let splits = Splits::new(&dataset, 0.5, 128, 1).unwrap();
    let normalisation = Normalisation::of(&dataset, &splits);
    (dataset, splits, normalisation)
}

fn message(folder: &Path) -> String {
    Dataset::open(Some(folder)).unwrap_err().to_string()
}

#[test]
fn digits_are_all_there() {
    let (dataset, ..) = digits();
    assert_eq!((dataset.channels, dataset.height, dataset.width, dataset.classes), (1, 8, 8, 10));
    assert_eq!(dataset.train.count() + dataset.test.count(), 1797);
    let mut counts = [[0; 10]; 2];
    for (part, images) in [&dataset.train, &dataset.test].into_iter().enumerate() {
        assert_eq!(images.pixels.len(), 64 * images.count());
        assert!(images.pixels.iter().all(|&pixel| pixel <= 16));
        for &label in &images.labels {
            counts[part][usize::from(label)] += 1;
        }
    }
    // The published class counts; every fifth of each is held out.
    let total: Vec<usize> = (0..10).map(|class| counts[0][class] + counts[1][class]).collect();
    assert_eq!(total, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let held_out: Vec<usize> = total.iter().map(|count| count / 5).collect();
    assert_eq!(counts[1].to_vec(), held_out);
    // The first image of the file is a 0, its second row 0 0 13 15 10 15 5 0.
    assert_eq!(dataset.train.labels[0], 0);
    assert_eq!(dataset.train.pixels[8..16], [0, 0, 13, 15, 10, 15, 5, 0]);
}

#[test]
fn splits_are_disjoint_balanced_and_repeatable() {
    let (dataset, splits, _) = digits();
    let set = |split| splits.indices(split).iter().copied().collect::<HashSet<u32>>();
    let (weights, architecture) = (set(Split::Weights), set(Split::Architecture));
    assert!(weights.is_disjoint(&architecture));
    assert_eq!(weights.len() + architecture.len(), dataset.train.count());
    assert!(weights.len().abs_diff(architecture.len()) <= 10);
    assert!(set(Split::Calibration).is_subset(&weights));
    assert_eq!(splits.indices(Split::Calibration).len(), 128);
    assert_eq!(splits.indices(Split::HeldOut).len(), dataset.test.count());
    for class in 0..10 {
        let of_class = |index: &&u32| dataset.train.labels[**index as usize] == class;
        let count = splits.indices(Split::Calibration).iter().filter(of_class).count();
        assert!((12..=13).contains(&count), "class {class}: {count} calibration images");
    }
    assert_eq!(splits, Splits::new(&dataset, 0.5, 128, 1).unwrap());
    assert_ne!(splits, Splits::new(&dataset, 0.5, 128, 2).unwrap());
    for (portion, calibration) in [(0.0, 1), (1.0, 1), (f64::NAN, 1), (0.5, 0), (0.5, 1000), (0.9999, 1)] {
        let error = Splits::new(&dataset, portion, calibration, 1).unwrap_err();
        assert!(matches!(error, DataError::Split(_)), "{portion} {calibration}: {error}");
    }
}

#[test]
fn normalised_weights_images_have_mean_zero_and_variance_one() {
    let (dataset, splits, normalisation) = digits();
    let length = splits.indices(Split::Weights).len();
    let loader = BatchLoader::evaluation(&dataset, &splits, Split::Weights, length, &normalisation).unwrap();
    let (mut images, mut labels) = (vec![0.0; loader.image_values()], vec![0; length]);
    loader.fill(0, &mut images, &mut labels).unwrap();
    let mean = images.iter().map(|&value| f64::from(value)).sum::<f64>() / images.len() as f64;
    let square = images.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / images.len() as f64;
    assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-5, "mean {mean}, square {square}");
    for (row, &index) in splits.indices(Split::Weights).iter().enumerate() {
        assert_eq!(labels[row], u32::from(dataset.train.labels[index as usize]));
    }
}

#[test]
fn an_epoch_shows_every_image_once_in_a_new_order() {
    let (dataset, splits, normalisation) = digits();
    let split = Split::Architecture;
    let loader = BatchLoader::training(&dataset, &splits, split, 64, &normalisation, Augmentation::NONE, 5).unwrap();
    let length = loader.length();
    let order: Vec<u32> = (0..2 * length).map(|place| loader.index((place / 64) as u64, place % 64)).collect();
    let expected: HashSet<u32> = splits.indices(split).iter().copied().collect();
    for epoch in order.chunks(length) {
        assert_eq!(epoch.iter().copied().collect::<HashSet<u32>>(), expected);
    }
    let repeated = order.iter().zip(&order[length..]).filter(|(first, second)| first == second);
    assert!(repeated.count() < 10, "the second epoch has the order of the first");

    // The rows of one sequential pass add up to the split.
    let held_out = BatchLoader::evaluation(&dataset, &splits, Split::HeldOut, 100, &normalisation).unwrap();
    let rows: Vec<usize> = (0..=held_out.batches_per_epoch()).map(|t| held_out.rows(t)).collect();
    assert_eq!(rows, [100, 100, 100, dataset.test.count() - 300, 0]);
}

#[test]
fn augmentation_moves_images_and_repeats_itself() {
    let (dataset, splits, normalisation) = digits();
    let augmentation = Augmentation { padding: 1, flip: true };
    let loader = |augmentation, seed| {
        let split = Split::Weights;
        BatchLoader::training(&dataset, &splits, split, 256, &normalisation, augmentation, seed).unwrap()
    };
    let fill = |loader: &BatchLoader, t| {
        let (mut images, mut labels) = (vec![0.0; loader.image_values()], vec![0; 256]);
        loader.fill(t, &mut images, &mut labels).unwrap();
        (images, labels)
    };
    let (moved, labels) = fill(&loader(augmentation, 3), 7);
    assert_eq!((moved.clone(), labels.clone()), fill(&loader(augmentation, 3), 7));
    assert_ne!(moved, fill(&loader(augmentation, 4), 7).0);
    let (still, still_labels) = fill(&loader(Augmentation::NONE, 3), 7);
    assert_eq!(labels, still_labels);
    // 9 crops and 2 mirrorings, one of the 18 combinations being the identity: about 14 of 256 images stay in place.
    let unmoved = moved.chunks(64).zip(still.chunks(64)).filter(|(moved, still)| moved == still).count();
    assert!((3..=35).contains(&unmoved), "{unmoved} of 256 images were not moved");
    let error = loader(Augmentation::NONE, 3).fill(0, &mut [0.0; 3], &mut [0; 256]).unwrap_err();
    assert!(error.to_string().contains("buffers of 3 values"), "{error}");
}

#[test]
fn a_restarted_prefetcher_continues_the_sequence() {
    let (dataset, splits, normalisation) = digits();
    let loader = |split, batch| {
        let augmentation = Augmentation::usual(&dataset);
        let loader = BatchLoader::training(&dataset, &splits, split, batch, &normalisation, augmentation, 9);
        Arc::new(loader.unwrap())
    };
    let (lower, upper) = (loader(Split::Weights, 48), loader(Split::Architecture, 32));
    let start = |first| Prefetcher::start(Arc::clone(&lower), Arc::clone(&upper), first, 3).unwrap();
    let mut through = start(0);
    let sequence: Vec<_> = (0..40).map(|_| through.next_step().unwrap().clone()).collect();
    let mut restarted = start(23);
    for step in 23..40 {
        let batches = restarted.next_step().unwrap();
        assert_eq!(batches.step, step as u64);
        assert_eq!(*batches, sequence[step]);
        for (loader, prefetched) in [(&lower, &batches.lower), (&upper, &batches.upper)] {
            let mut direct = Batch::of(loader);
            loader.fill(step as u64, &mut direct.images, &mut direct.labels).unwrap();
            assert_eq!(direct, *prefetched);
        }
    }
    assert_ne!(sequence[0].lower.images, sequence[1].lower.images);
    // Buffers circulate: three ahead and one in use are four addresses.
    let addresses: HashSet<_> = (0..20).map(|_| restarted.next_step().unwrap().lower.images.as_ptr()).collect();
    assert!(addresses.len() <= 4, "{} buffers", addresses.len());
    // Dropped while the worker waits for a buffer, and at once after the start.
    drop(restarted);
    drop(start(0));
}

fn cifar_file(path: &Path, labels: &[u8]) {
    let mut bytes = Vec::new();
    for &label in labels {
        bytes.push(label);
        bytes.extend((0..3072).map(|place| (place % 251) as u8));
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_cifar10_is_refused_with_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = (folder.path().join("data_batch_1.bin"), folder.path().join("test_batch.bin"));
    cifar_file(&train, &[1, 2, 3]);
    assert!(message(folder.path()).contains("test_batch.bin: not found"), "{}", message(folder.path()));
    cifar_file(&test, &[9]);
    cifar_file(&folder.path().join("data_batch_10.bin"), &[5]);
    cifar_file(&folder.path().join("data_batch_2.bin"), &[4]);
    let dataset = Dataset::open(Some(folder.path())).unwrap();
    assert_eq!(dataset.train.labels, [1, 2, 3, 4, 5]);
    assert_eq!(dataset.train.pixels[3072..3075], [0, 1, 2]);

    let whole = std::fs::read(&train).unwrap();
    std::fs::write(&train, &whole[..7000]).unwrap();
    let error = Dataset::open(Some(folder.path())).unwrap_err();
    let DataError::Truncated { path, offset, found, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((path, *offset, *found), (&train, 2 * 3073, 7000 - 2 * 3073));
    cifar_file(&train, &[1, 10]);
    assert!(message(folder.path()).contains("data_batch_1.bin: byte 3073: label 10"));
    std::fs::write(&train, b"").unwrap();
    assert!(message(folder.path()).contains("data_batch_1.bin: byte 0: truncated"));
}

fn idx(magic: u32, extents: &[u32], contents: &[u8]) -> Vec<u8> {
    let header = [magic].into_iter().chain(extents.iter().copied()).flat_map(u32::to_be_bytes);
    header.chain(contents.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn idx_files_load_plain_and_gzipped() {
    let pixels: Vec<u8> = (0..3 * 6).map(|place| place * 10).collect();
    let files = [
        ("train-images-idx3-ubyte", idx(0x803, &[3, 2, 3], &pixels)),
        ("train-labels-idx1-ubyte", idx(0x801, &[3], &[7, 0, 9])),
        ("t10k-images-idx3-ubyte", idx(0x803, &[1, 2, 3], &pixels[..6])),
        ("t10k-labels-idx1-ubyte", idx(0x801, &[1], &[2])),
    ];
    let (plain, zipped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, bytes) in &files {
        std::fs::write(plain.path().join(name), bytes).unwrap();
        std::fs::write(zipped.path().join(format!("{name}.gz")), gzip(bytes)).unwrap();
    }
    let dataset = Dataset::open(Some(plain.path())).unwrap();
    assert_eq!((dataset.channels, dataset.height, dataset.width), (1, 2, 3));
    assert_eq!((&dataset.train.pixels, &dataset.train.labels[..]), (&pixels, &[7, 0, 9][..]));
    assert_eq!(dataset.test.labels, [2]);
    assert_eq!(Dataset::open(Some(zipped.path())).unwrap().sha256, dataset.sha256);

    // Each damage in turn, plain and gzipped; offsets within .gz count decompressed bytes.
    let image = &files[0].1;
    let damages: [(usize, Vec<u8>, &str); 7] = [
        (0, image[..20].to_vec(), "byte 16: truncated: the contents of 18 bytes"),
        (0, image[..9].to_vec(), "byte 0: truncated: the header"),
        (0, idx(0x801, &[3, 2, 3], &pixels), "byte 0: wrong magic number 0x00000801, expected 0x00000803"),
        (0, [image, &[0][..]].concat(), "byte 34: bytes after the end"),
        (0, idx(0x803, &[3, 0, 3], &[]), "byte 8: extent 0"),
        (1, idx(0x801, &[3], &[7, 0, 10]), "byte 10: label 10"),
        (1, idx(0x801, &[2], &[7, 0]), "byte 4: 2 labels"),
    ];
    for (place, bytes, expected) in damages {
        let (name, whole) = &files[place];
        let (bare, packed) = (plain.path().join(name), zipped.path().join(format!("{name}.gz")));
        std::fs::write(&bare, &bytes).unwrap();
        std::fs::write(&packed, gzip(&bytes)).unwrap();
        for (folder, file) in [(&plain, &bare), (&zipped, &packed)] {
            let message = message(folder.path());
            assert!(message.starts_with(&format!("{}: {expected}", file.display())), "{expected}: {message}");
        }
        std::fs::write(&bare, whole).unwrap();
        std::fs::write(&packed, gzip(whole)).unwrap();
    }
    let packed = zipped.path().join("train-images-idx3-ubyte.gz");
    let cut = std::fs::read(&packed).unwrap();
    std::fs::write(&packed, &cut[..cut.len() - 9]).unwrap();
    let error = Dataset::open(Some(zipped.path())).unwrap_err();
    assert!(matches!(&error, DataError::Read { path, .. } if *path == packed), "{error}");
    std::fs::remove_file(&packed).unwrap();
    assert!(message(zipped.path()).contains("train-images-idx3-ubyte: not found"));
}

#[test]
fn what_is_no_dataset_is_refused_with_the_known_layouts() {
    let folder = tempfile::tempdir().unwrap();
    assert!(message(folder.path()).contains("an empty folder"));
    std::fs::write(folder.path().join("picture.png"), b"").unwrap();
    let text = message(folder.path());
    assert!(text.contains("picture.png") && text.contains("CIFAR-10 binary") && text.contains("IDX"), "{text}");
    assert!(message(&folder.path().join("picture.png")).contains("the folder of a dataset is expected"));
    let error = Dataset::open(Some(&folder.path().join("none"))).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

#[test]
fn the_shared_cifar10_loads() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !shared.exists() {
        println!("skipped: no shared data");
        return;
    }
    let dataset = Dataset::open(Some(&shared.join("cifar10"))).unwrap();
    assert_eq!((dataset.channels, dataset.height, dataset.width), (3, 32, 32));
    assert_eq!((dataset.train.count(), dataset.test.count()), (10_000, 1_000));
    let splits = Splits::new(&dataset, 0.5, 256, 0).unwrap();
    let normalisation = Normalisation::of(&dataset, &splits);
    // The published statistics of the whole training set, in bytes.
    for (channel, (mean, deviation)) in [(125.3, 63.0), (123.0, 62.1), (113.9, 66.7)].into_iter().enumerate() {
        assert!((normalisation.mean[channel] - mean).abs() < 2.0, "{normalisation:?}");
        assert!((normalisation.standard_deviation[channel] - deviation).abs() < 2.0, "{normalisation:?}");
    }
}
