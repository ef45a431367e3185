//! Smaller images: each new pixel is the mean of the area that it covers.

use super::{DataError, Dataset, Images};

/// What of the old pixels makes each new one: the first of them and the weight of each, which sum to 1.
fn cover(old: usize, new: usize) -> Vec<(usize, Vec<f64>)> {
    let step = old as f64 / new as f64;
    let covered = |place: usize| {
        let (from, to) = (place as f64 * step, (place + 1) as f64 * step);
        let (first, last) = (from.floor() as usize, (to.ceil() as usize).min(old));
        let share = |pixel: usize| (to.min(pixel as f64 + 1.0) - from.max(pixel as f64)) / step;
        (first, (first..last).map(share).collect())
    };
    (0..new).map(covered).collect()
}

impl Dataset {
    /// The same images, `side` pixels high and wide, by area averages rounded to the stored bytes.
    ///
    /// # Errors
    /// [`DataError::ImageSize`] where the images are smaller than that already.
    pub fn resized(self, side: usize) -> Result<Self, DataError> {
        if (side, side) == (self.height, self.width) {
            return Ok(self);
        }
        if side == 0 || side > self.height || side > self.width {
            return Err(DataError::ImageSize { asked: side, height: self.height, width: self.width, name: self.name });
        }
        let (rows, columns) = (cover(self.height, side), cover(self.width, side));
        let resize = |images: &Images| {
            let planes = images.pixels.chunks_exact(self.height * self.width);
            let mut pixels = Vec::with_capacity(planes.len() * side * side);
            for plane in planes {
                for (top, down) in &rows {
                    for (left, across) in &columns {
                        let mut sum = 0.0;
                        for (row, weight) in plane[top * self.width..].chunks(self.width).zip(down) {
                            let mean = row[*left..].iter().zip(across).map(|(pixel, share)| f64::from(*pixel) * share);
                            sum += weight * mean.sum::<f64>();
                        }
                        pixels.push(sum.round() as u8);
                    }
                }
            }
            Images { pixels, labels: images.labels.clone() }
        };
        let (train, test) = (resize(&self.train), resize(&self.test));
        Ok(Self::assemble(&self.name, [self.channels, side, side], self.classes, train, test))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(pixels: Vec<u8>, side: usize) -> Dataset {
        let images = Images { pixels, labels: vec![1] };
        Dataset::assemble("test", [1, side, side], 2, images.clone(), images)
    }

    #[test]
    fn pixels_are_the_means_of_their_areas() {
        let halved = dataset((0..16).collect(), 4).resized(2).unwrap();
        // 0 1 4 5, 2 3 6 7, 8 9 12 13, 10 11 14 15: means 2.5, 4.5, 10.5, 12.5, rounded away from zero.
        assert_eq!((halved.train.pixels, halved.height, halved.width), (vec![3, 5, 11, 13], 2, 2));
        // Two thirds: the middle column is shared by halves.
        let uneven = dataset(vec![0, 30, 60, 0, 30, 60, 0, 30, 60], 3).resized(2).unwrap();
        assert_eq!(uneven.train.pixels, [10, 50, 10, 50]);
    }

    #[test]
    fn the_same_size_is_the_same_data_and_a_larger_one_is_refused() {
        let original = dataset((0..16).collect(), 4);
        assert_eq!(original.clone().resized(4).unwrap().sha256, original.sha256);
        assert_ne!(original.clone().resized(2).unwrap().sha256, original.sha256);
        let message = original.resized(5).unwrap_err().to_string();
        assert!(message.contains("4x4") && message.contains("image_size"), "{message}");
    }
}
