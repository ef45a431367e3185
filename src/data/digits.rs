//! The bundled dataset: scikit-learn's digits, 1,797 images of 8 x 8 pixels with values 0 to 16.
//!
//! The file has no test part of its own. Every fifth image of each class, in file order, is held out, which is
//! deterministic, close to stratified, and the same for every seed.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{DataError, Dataset, Images};

static DIGITS: &[u8] = include_bytes!("../../assets/digits.csv.gz");

const SIDE: usize = 8;
const CLASSES: usize = 10;
const LARGEST_PIXEL: u8 = 16;
const HELD_OUT_EVERY: usize = 5;

/// Loads the bundled digits.
///
/// # Errors
/// Only where the bundled file is damaged, which the project's tests rule out.
pub fn load() -> Result<Dataset, DataError> {
    let path = Path::new("digits.csv.gz (bundled)");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(DIGITS).read_to_end(&mut text).map_err(|source| DataError::Read {
        path: path.into(),
        offset: text.len() as u64,
        source,
    })?;
    let (train, test) = parse(path, &text)?;
    Ok(Dataset::assemble("digits", [1, SIDE, SIDE], CLASSES, train, test))
}

/// Reads lines of 64 pixels and a label, separated by commas, into (train, test).
fn parse(path: &Path, text: &[u8]) -> Result<(Images, Images), DataError> {
    let empty = || Images { pixels: Vec::new(), labels: Vec::new() };
    let (mut train, mut test) = (empty(), empty());
    let mut seen = [0usize; CLASSES];
    let mut offset = 0;
    for line in text.split(|&byte| byte == b'\n') {
        let start = offset;
        offset += line.len() + 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let values = parse_line(path, start, line)?;
        let (label, pixels) = (values[SIDE * SIDE], &values[..SIDE * SIDE]);
        if usize::from(label) >= CLASSES {
            return Err(DataError::LabelOutOfRange {
                path: path.into(),
                offset: start as u64,
                label,
                classes: CLASSES,
            });
        }
        let number = &mut seen[usize::from(label)];
        let part = if *number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 { &mut test } else { &mut train };
        *number += 1;
        part.pixels.extend_from_slice(pixels);
        part.labels.push(label);
    }
    Ok((train, test))
}

fn parse_line(path: &Path, start: usize, line: &[u8]) -> Result<[u8; SIDE * SIDE + 1], DataError> {
    let malformed = |offset: usize, reason: String| DataError::Malformed {
        path: PathBuf::from(path),
        offset: offset as u64,
        reason,
    };
    let mut values = [0; SIDE * SIDE + 1];
    let (mut count, mut offset) = (0, start);
    for field in line.split(|&byte| byte == b',') {
        let value = std::str::from_utf8(field.trim_ascii())
            .ok()
            .and_then(|text| text.parse::<u8>().ok())
            .filter(|&value| value <= LARGEST_PIXEL)
            .ok_or_else(|| malformed(offset, format!("expected a whole number from 0 to {LARGEST_PIXEL}")))?;
        if let Some(place) = values.get_mut(count) {
            *place = value;
        }
        count += 1;
        offset += field.len() + 1;
    }
    if count != values.len() {
        return Err(malformed(start, format!("the line has {count} values, expected {}", values.len())));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_named_by_its_byte() {
        let good = format!("{}3\n", "1,".repeat(64));
        assert_eq!(parse(Path::new("x"), good.as_bytes()).unwrap().0.labels, [3]);
        let bad = format!("{good}{}17,{}3\n", "1,".repeat(10), "1,".repeat(53));
        let message = parse(Path::new("x"), bad.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("x: byte {}:", good.len() + 20)), "{message}");
        let short = parse(Path::new("x"), b"1,2,3\n").unwrap_err().to_string();
        assert!(short.contains("has 3 values"), "{short}");
    }
}
