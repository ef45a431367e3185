//! How well predictions agree with measurements: rank correlation and relative error.
//!
//! Every function gives `None` where the question has no answer: lists of different lengths, fewer than two pairs,
//! values that are not finite, or (for correlations) a list of equal values.

use std::cmp::Ordering;

/// Kendall's tau-b, which allows for ties, in O(n log n): -1 to 1.
///
/// Source: Knight, "A computer method for calculating Kendall's tau with ungrouped data", JASA 1966.
pub fn kendall_tau(first: &[f64], second: &[f64]) -> Option<f64> {
    check(first, second)?;
    let mut pairs: Vec<(f64, f64)> = first.iter().copied().zip(second.iter().copied()).collect();
    pairs.sort_unstable_by(|a, b| compare(a.0, b.0).then(compare(a.1, b.1)));
    let tied_first = tied_pairs(&pairs, |a, b| a.0 == b.0);
    let tied_both = tied_pairs(&pairs, |a, b| a == b);
    let mut values: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let mut room = values.clone();
    let swaps = sort_counting_swaps(&mut values, &mut room);
    let tied_second = tied_pairs(&values, |a, b| a == b);
    let all = first.len() as u64 * (first.len() as u64 - 1) / 2;
    let (untied_first, untied_second) = (all - tied_first, all - tied_second);
    if untied_first == 0 || untied_second == 0 {
        return None;
    }
    // Concordant plus discordant pairs are those tied in neither list; each swap is a discordant pair.
    let untied = (all + tied_both) as f64 - tied_first as f64 - tied_second as f64;
    let difference = untied - 2.0 * swaps as f64;
    let scale = (untied_first as f64 * untied_second as f64).sqrt();
    Some((difference / scale).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation, ties ranked by their mean: -1 to 1.
pub fn spearman(first: &[f64], second: &[f64]) -> Option<f64> {
    check(first, second)?;
    let (first, second) = (ranks(first), ranks(second));
    // Mean ranks are always (n + 1) / 2.
    let mean = (first.len() as f64 + 1.0) / 2.0;
    let (mut product, mut square_first, mut square_second) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(&second) {
        product += (a - mean) * (b - mean);
        square_first += (a - mean).powi(2);
        square_second += (b - mean).powi(2);
    }
    let scale = f64::sqrt(square_first * square_second);
    (scale > 0.0).then(|| (product / scale).clamp(-1.0, 1.0))
}

/// The mean absolute error of `predicted` in percent of `measured`; `None` also where a measured value is 0.
///
/// One pair is enough.
pub fn mean_absolute_percentage_error(predicted: &[f64], measured: &[f64]) -> Option<f64> {
    let usable = |(predicted, measured): (&f64, &f64)| {
        (predicted.is_finite() && measured.is_finite() && *measured != 0.0)
            .then(|| ((predicted - measured) / measured).abs())
    };
    if predicted.is_empty() || predicted.len() != measured.len() {
        return None;
    }
    let errors: Option<Vec<f64>> = predicted.iter().zip(measured).map(usable).collect();
    Some(100.0 * errors?.iter().sum::<f64>() / predicted.len() as f64)
}

fn check(first: &[f64], second: &[f64]) -> Option<()> {
    let finite = first.iter().chain(second).all(|value| value.is_finite());
    (first.len() == second.len() && first.len() >= 2 && finite).then_some(())
}

/// Finite values are totally ordered; 0 and -0 are equal, unlike under `total_cmp`.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn tied_pairs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> u64 {
    sorted.chunk_by(equal).map(|run| run.len() as u64 * (run.len() as u64 - 1) / 2).sum()
}

/// Merge sort that counts the pairs out of order; `room` is as long as `values`.
fn sort_counting_swaps(values: &mut [f64], room: &mut [f64]) -> u64 {
    let length = values.len();
    if length < 2 {
        return 0;
    }
    let middle = length / 2;
    let mut swaps = sort_counting_swaps(&mut values[..middle], &mut room[..middle])
        + sort_counting_swaps(&mut values[middle..], &mut room[middle..]);
    let (mut left, mut right) = (0, middle);
    for place in room.iter_mut() {
        let take_right = left == middle || right < length && values[right] < values[left];
        if take_right {
            *place = values[right];
            right += 1;
            swaps += (middle - left) as u64;
        } else {
            *place = values[left];
            left += 1;
        }
    }
    values.copy_from_slice(room);
    swaps
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| compare(values[a], values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for run in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // The mean of before + 1 ... before + length.
        let rank = before as f64 + (run.len() as f64 + 1.0) / 2.0;
        for &index in run {
            ranks[index] = rank;
        }
        before += run.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from scipy 1.17.1, `kendalltau` and `spearmanr`.
    #[test]
    fn scipy_values() {
        let first = [12.0, 2.0, 1.0, 12.0, 2.0, 7.0, 7.0, 3.5];
        let second = [1.0, 4.0, 7.0, 1.0, 0.0, 3.0, 4.0, 4.0];
        assert!((kendall_tau(&first, &second).unwrap() - -0.48989794855663565).abs() < 1e-12);
        assert!((spearman(&first, &second).unwrap() - -0.5000390670782329).abs() < 1e-12);
        let first: Vec<f64> = (0..1000).map(|i| f64::from(i * 7919 % 257)).collect();
        let second: Vec<f64> = (0..1000).map(|i| f64::from(i * i % 97 + i * 7919 % 257 / 3)).collect();
        assert!((kendall_tau(&first, &second).unwrap() - 0.4390464142929169).abs() < 1e-12);
        assert!((spearman(&first, &second).unwrap() - 0.6161580873491699).abs() < 1e-12);
    }

    #[test]
    fn hand_values() {
        // One of three pairs is out of order: (2 - 1) / 3.
        assert!((kendall_tau(&[1., 2., 3.], &[1., 3., 2.]).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(kendall_tau(&[1., 2., 3.], &[3., 2., 1.]), Some(-1.0));
        assert_eq!(spearman(&[1., 2., 3.], &[1., 3., 2.]), Some(0.5));
        let error = mean_absolute_percentage_error(&[1.1, 4.0], &[1.0, 5.0]).unwrap();
        assert!((error - 15.0).abs() < 1e-9);
    }

    #[test]
    fn no_answer_where_there_is_none() {
        assert_eq!(kendall_tau(&[1., 1.], &[1., 2.]), None);
        assert_eq!(kendall_tau(&[1.], &[1.]), None);
        assert_eq!(kendall_tau(&[1., f64::NAN], &[1., 2.]), None);
        assert_eq!(spearman(&[1., 2.], &[3., 3.]), None);
        assert_eq!(spearman(&[1., 2.], &[3.]), None);
        assert_eq!(mean_absolute_percentage_error(&[1.], &[0.]), None);
        assert_eq!(mean_absolute_percentage_error(&[], &[]), None);
    }
}
