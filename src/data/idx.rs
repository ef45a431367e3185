//! MNIST and Fashion-MNIST: IDX files, plain or gzipped.
//!
//! An IDX file is a big-endian magic number (0x0000, the type 0x08 for bytes, the number of dimensions), one 32-bit
//! extent a dimension, and the bytes. Layout: LeCun, Cortes, Burges, "The MNIST database"; Xiao, Rasul, Vollgraf,
//! "Fashion-MNIST", 2017. The two datasets have the same file names: a folder with `fashion` in its path is taken as
//! Fashion-MNIST, which decides the default augmentation and the name in reports, nothing else.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::{DataError, Dataset, Images};

const CLASSES: usize = 10;
const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
/// Sides above this are a damaged header, not a dataset of this family.
const LARGEST_SIDE: u32 = 4096;

/// The four files: the part, and the two spellings in use.
const FILES: [[&str; 2]; 4] = [
    ["train-images-idx3-ubyte", "train-images.idx3-ubyte"],
    ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"],
    ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"],
];

/// Whether a folder with these file names is meant to be MNIST or Fashion-MNIST.
pub(super) fn recognises(names: &[String]) -> bool {
    FILES.iter().any(|spellings| find(names, spellings).is_some())
}

/// The name under which a file stands in the folder: plain before gzipped.
fn find<'a>(names: &'a [String], spellings: &[&str; 2]) -> Option<&'a String> {
    ["", ".gz"].iter().find_map(|ending| {
        spellings.iter().find_map(|spelling| names.iter().find(|name| name.strip_suffix(ending) == Some(spelling)))
    })
}

/// Loads the four files of a folder.
pub(super) fn load(folder: &Path, names: &[String]) -> Result<Dataset, DataError> {
    let path = |spellings: &[&str; 2]| -> Result<PathBuf, DataError> {
        match find(names, spellings) {
            Some(name) => Ok(folder.join(name)),
            None => Err(DataError::Missing {
                path: folder.join(spellings[0]),
                expected: "the folder has other files of the same dataset, this one is needed too (plain or .gz)"
                    .into(),
            }),
        }
    };
    let (train_images, test_images) = (path(&FILES[0])?, path(&FILES[2])?);
    let (train, train_shape) = load_part(&train_images, &path(&FILES[1])?)?;
    let (test, test_shape) = load_part(&test_images, &path(&FILES[3])?)?;
    if train_shape != test_shape {
        return Err(DataError::Malformed {
            path: test_images,
            offset: 8,
            reason: format!(
                "images of {} x {} pixels, but the training images have {} x {}",
                test_shape[0], test_shape[1], train_shape[0], train_shape[1]
            ),
        });
    }
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    let name = if absolute.to_string_lossy().to_lowercase().contains("fashion") { "fashion-mnist" } else { "mnist" };
    let [height, width] = train_shape.map(|side| side as usize);
    Ok(Dataset::assemble(name, [1, height, width], CLASSES, train, test))
}

fn load_part(images_path: &Path, labels_path: &Path) -> Result<(Images, [u32; 2]), DataError> {
    let (extents, pixels) = read::<3>(images_path, IMAGES_MAGIC)?;
    let ([count], labels) = read::<1>(labels_path, LABELS_MAGIC)?;
    if count != extents[0] {
        return Err(DataError::Malformed {
            path: labels_path.into(),
            offset: 4,
            reason: format!("{count} labels, but {} holds {} images", images_path.display(), extents[0]),
        });
    }
    if let Some(place) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        return Err(DataError::LabelOutOfRange {
            path: labels_path.into(),
            offset: 8 + place as u64,
            label: labels[place],
            classes: CLASSES,
        });
    }
    Ok((Images { pixels, labels }, [extents[1], extents[2]]))
}

/// Reads the extents and the bytes of an IDX file of `DIMENSIONS` dimensions.
fn read<const DIMENSIONS: usize>(path: &Path, magic: u32) -> Result<([u32; DIMENSIONS], Vec<u8>), DataError> {
    let file = File::open(path).map_err(|source| DataError::Read { path: path.into(), offset: 0, source })?;
    let mut reader: Box<dyn Read> = if path.extension().is_some_and(|ending| ending == "gz") {
        Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(file)
    };
    let header_size = 4 + 4 * DIMENSIONS as u64;
    let header = read_up_to(path, &mut reader, 0, header_size)?;
    let words: Vec<u32> = header.as_chunks().0.iter().map(|&word| u32::from_be_bytes(word)).collect();
    // A wrong magic number says more than a short header, so it is looked at first.
    if let Some(&found) = words.first().filter(|&&found| found != magic) {
        return Err(DataError::WrongMagic { path: path.into(), expected: magic, found });
    }
    let truncated = |offset, what, expected, found: usize| DataError::Truncated {
        path: path.into(),
        offset,
        what,
        expected,
        found: found as u64,
    };
    if (header.len() as u64) < header_size {
        return Err(truncated(0, "the header", header_size, header.len()));
    }
    let mut extents = [0; DIMENSIONS];
    extents.copy_from_slice(&words[1..]);
    if let Some(axis) = (0..DIMENSIONS).find(|&axis| extents[axis] == 0 || axis > 0 && extents[axis] > LARGEST_SIDE) {
        return Err(DataError::Malformed {
            path: path.into(),
            offset: 4 + 4 * axis as u64,
            reason: format!("extent {} of dimension {axis} makes no dataset", extents[axis]),
        });
    }
    // At most 2^32 x 2^12 x 2^12: no overflow.
    let expected: u64 = extents.iter().map(|&extent| u64::from(extent)).product();
    let bytes = read_up_to(path, &mut reader, header_size, expected + 1)?;
    if (bytes.len() as u64) < expected {
        return Err(truncated(header_size, "the contents", expected, bytes.len()));
    }
    if bytes.len() as u64 > expected {
        return Err(DataError::Malformed {
            path: path.into(),
            offset: header_size + expected,
            reason: "bytes after the end that the header states".into(),
        });
    }
    Ok((extents, bytes))
}

/// Reads at most `limit` bytes; memory grows with what is really there, not with what a header claims.
fn read_up_to(path: &Path, reader: &mut dyn Read, offset: u64, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes).map_err(|source| DataError::Read {
        path: path.into(),
        offset: offset + bytes.len() as u64,
        source,
    })?;
    Ok(bytes)
}
