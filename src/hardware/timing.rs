//! What to make of a list of times: percentiles, noise, the end of the warm-up, and whether a GPU's own clock is
//! to be believed. Nothing here measures anything.

/// Percentile `percent` (0 to 100) of ascending values, by linear interpolation between neighbours (numpy's `linear`).
///
/// `None` for an empty list. A percent outside the range counts as its nearer end.
pub fn percentile(ascending: &[f64], percent: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let place = percent.clamp(0.0, 100.0) / 100.0 * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let fraction = place - below as f64;
    Some(ascending[below] + fraction * (ascending[above] - ascending[below]))
}

/// What repeated measurements of one thing say. All times in the unit of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Measurements that the percentiles are taken over: all of them, outliers too.
    pub repeats: u32,
    /// The spread of the bulk of the measurements as a share of the median: 1.4826 times the median absolute
    /// deviation, which equals the standard deviation of normal noise and which outliers hardly move. Two
    /// architectures whose medians differ by less than this cannot be told apart by one measurement.
    pub noise: f64,
    /// Measurements further than 5 such spreads from the median.
    pub outliers: u32,
}

impl Summary {
    /// Summarises measurements. `None` where there are none, or one is not finite or not above 0.
    pub fn of(measurements: &[f64]) -> Option<Self> {
        if !measurements.iter().all(|value| value.is_finite() && *value > 0.0) {
            return None;
        }
        let mut ascending = measurements.to_vec();
        ascending.sort_unstable_by(f64::total_cmp);
        let p50 = percentile(&ascending, 50.0)?;
        let mut deviations: Vec<f64> = ascending.iter().map(|value| (value - p50).abs()).collect();
        deviations.sort_unstable_by(f64::total_cmp);
        let spread = 1.4826 * percentile(&deviations, 50.0)?;
        let outliers =
            if spread > 0.0 { deviations.iter().filter(|&&deviation| deviation > 5.0 * spread).count() } else { 0 };
        Some(Self {
            p50,
            p90: percentile(&ascending, 90.0)?,
            p99: percentile(&ascending, 99.0)?,
            repeats: measurements.len() as u32,
            noise: spread / p50,
            outliers: outliers as u32,
        })
    }
}

/// Median of values in any order; `None` for an empty list.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut ascending = values.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    percentile(&ascending, 50.0)
}

/// Whether a warm-up is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmUpState {
    /// Times still move.
    Warming,
    /// The last two windows agree.
    Stable,
    /// The cap was reached before they agreed: measure anyway, and say so.
    Capped,
}

/// Decides when clocks, caches and pipelines have settled.
///
/// Stable when the medians of the last `window` times and of the `window` before them differ by at most `tolerance`
/// (a share of the larger). Medians, because one interrupted run must not restart the warm-up.
#[derive(Debug, Clone)]
pub struct WarmUp {
    window: usize,
    tolerance: f64,
    cap: usize,
    recent: Vec<f64>,
    count: usize,
    state: WarmUpState,
}

impl WarmUp {
    /// A detector over windows of `window` times (at least 1), that gives up after `cap` times.
    pub fn new(window: usize, tolerance: f64, cap: usize) -> Self {
        let window = window.max(1);
        Self {
            window,
            tolerance,
            cap,
            recent: Vec::with_capacity(2 * window + 1),
            count: 0,
            state: WarmUpState::Warming,
        }
    }

    /// Takes one more time, in any unit. Once stable or capped, it stays so.
    pub fn push(&mut self, time: f64) -> WarmUpState {
        if self.state != WarmUpState::Warming {
            return self.state;
        }
        self.count += 1;
        self.recent.push(time);
        if self.recent.len() > 2 * self.window {
            self.recent.remove(0);
        }
        if self.recent.len() == 2 * self.window {
            let (before, last) = self.recent.split_at(self.window);
            if let (Some(before), Some(last)) = (median(before), median(last))
                && (before - last).abs() <= self.tolerance * before.abs().max(last.abs())
            {
                self.state = WarmUpState::Stable;
                return self.state;
            }
        }
        if self.count >= self.cap {
            self.state = WarmUpState::Capped;
        }
        self.state
    }

    /// The times taken before the decision.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// How far the median timestamp and wall clock may differ, as a factor either way, for [`cross_check`].
///
/// Wall clock of a long batch holds the gaps between launches, so the two never agree exactly; a clock with a wrong
/// period or a driver that stamps the submission instead of the work is off by far more.
pub const TIMESTAMP_FACTOR: f64 = 1.5;

/// Whether GPU timestamps may be used.
#[derive(Debug, Clone, PartialEq)]
pub enum TimestampVerdict {
    /// They agree with wall clock. The ratio is the median timestamp over wall clock per launch.
    Trusted {
        /// Between 1 / [`TIMESTAMP_FACTOR`] and [`TIMESTAMP_FACTOR`].
        ratio: f64,
    },
    /// They do not: use wall clock.
    Distrusted(TimestampFault),
}

/// Why GPU timestamps are not to be believed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TimestampFault {
    /// There is nothing to compare.
    #[error("no timestamps, no launches or no wall-clock time to compare")]
    NothingToCompare,
    /// A difference is no number.
    #[error("timestamp {place} is not a finite number")]
    NotFinite {
        /// Which one, from 0.
        place: usize,
    },
    /// The clock ran backwards.
    #[error("timestamp {place} ends {nanoseconds} ns before it begins")]
    Backwards {
        /// Which one, from 0.
        place: usize,
        /// By how much.
        nanoseconds: f64,
    },
    /// A launch that took no time: the driver writes zeros, or its clock is too coarse.
    #[error("{zeros} of {count} timestamps are zero")]
    Zeros {
        /// How many.
        zeros: usize,
        /// Of how many.
        count: usize,
    },
    /// The two clocks measure different things.
    #[error(
        "timestamps say {timestamp_ns:.0} ns a launch, wall clock of a long batch {wall_ns:.0} ns: more than a factor \
         of {TIMESTAMP_FACTOR} apart"
    )]
    Disagreement {
        /// Median timestamp of a launch.
        timestamp_ns: f64,
        /// Wall clock of a launch.
        wall_ns: f64,
    },
}

/// Compares GPU timestamps with wall clock.
///
/// `timestamp_ns` holds end minus begin of single launches, in nanoseconds; `wall_ns` is the wall-clock time of one
/// batch of `launches` such launches, long enough for submission and synchronisation not to matter.
pub fn cross_check(timestamp_ns: &[f64], wall_ns: f64, launches: u32) -> TimestampVerdict {
    match check(timestamp_ns, wall_ns, launches) {
        Ok(ratio) => TimestampVerdict::Trusted { ratio },
        Err(fault) => TimestampVerdict::Distrusted(fault),
    }
}

fn check(timestamp_ns: &[f64], wall_ns: f64, launches: u32) -> Result<f64, TimestampFault> {
    if let Some(place) = timestamp_ns.iter().position(|value| !value.is_finite()) {
        return Err(TimestampFault::NotFinite { place });
    }
    if let Some(place) = timestamp_ns.iter().position(|&value| value < 0.0) {
        let nanoseconds = -timestamp_ns[place];
        return Err(TimestampFault::Backwards { place, nanoseconds });
    }
    let zeros = timestamp_ns.iter().filter(|&&value| value == 0.0).count();
    if zeros > 0 {
        let count = timestamp_ns.len();
        return Err(TimestampFault::Zeros { zeros, count });
    }
    let timestamp = median(timestamp_ns).ok_or(TimestampFault::NothingToCompare)?;
    if launches == 0 || !(wall_ns.is_finite() && wall_ns > 0.0) {
        return Err(TimestampFault::NothingToCompare);
    }
    let wall = wall_ns / f64::from(launches);
    let ratio = timestamp / wall;
    if !(1.0 / TIMESTAMP_FACTOR..=TIMESTAMP_FACTOR).contains(&ratio) {
        return Err(TimestampFault::Disagreement { timestamp_ns: timestamp, wall_ns: wall });
    }
    Ok(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from `numpy.percentile`.
    #[test]
    fn percentiles_interpolate() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(percentile(&values, 50.0), Some(3.0));
        assert!((percentile(&values, 90.0).unwrap() - 6.8).abs() < 1e-12);
        assert!((percentile(&values, 99.0).unwrap() - 7.88).abs() < 1e-12);
        assert_eq!(percentile(&values, 100.0), Some(8.0));
        assert_eq!(percentile(&[5.0], 99.0), Some(5.0));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn an_outlier_moves_neither_median_nor_noise() {
        let mut times: Vec<f64> = (0..101).map(|step| 10.0 + f64::from(step % 5) * 0.1).collect();
        let calm = Summary::of(&times).unwrap();
        times[50] = 1000.0;
        let disturbed = Summary::of(&times).unwrap();
        assert_eq!((calm.outliers, disturbed.outliers), (0, 1));
        assert_eq!((calm.p50, calm.noise), (disturbed.p50, disturbed.noise));
        // The median absolute deviation is 0.1 of 10.2.
        assert!((calm.noise - 1.4826 * 0.1 / 10.2).abs() < 1e-9);
        assert_eq!(Summary::of(&[1.0, 0.0]), None);
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn warm_up_waits_for_level_times_and_gives_up_at_the_cap() {
        let mut warm_up = WarmUp::new(3, 0.05, 100);
        // Falling by a tenth each time: never within 5 % over three steps. Then level.
        let falling = (0..8).map(|step| 100.0 * 0.9f64.powi(step));
        let states: Vec<WarmUpState> = falling.chain([43.0; 10]).map(|time| warm_up.push(time)).collect();
        let first = states.iter().position(|&state| state == WarmUpState::Stable).unwrap();
        assert!((8..=13).contains(&first), "stable at {first}");
        assert_eq!(warm_up.count(), first + 1);
        let mut warm_up = WarmUp::new(1, 0.05, 4);
        let states = [1.0, 2.0, 1.0, 2.0, 2.0].map(|time| warm_up.push(time));
        assert_eq!(states[2..], [WarmUpState::Warming, WarmUpState::Capped, WarmUpState::Capped]);
    }

    #[test]
    fn timestamps_are_believed_only_where_wall_clock_agrees() {
        let times = [1000.0, 1100.0, 900.0];
        let trusted = cross_check(&times, 105_000.0, 100);
        assert!(matches!(trusted, TimestampVerdict::Trusted { ratio } if (ratio - 1000.0 / 1050.0).abs() < 1e-12));
        let fault = |times: &[f64], wall, launches| match cross_check(times, wall, launches) {
            TimestampVerdict::Distrusted(fault) => fault.to_string(),
            trusted => panic!("{trusted:?}"),
        };
        assert!(fault(&[1.0, 0.0, 0.0], 1.0, 1).starts_with("2 of 3"));
        assert!(fault(&[1.0, -5.0], 1.0, 1).contains("1 ends 5 ns before"));
        assert!(fault(&[1.0, f64::NAN], 1.0, 1).contains("1 is not a finite"));
        assert!(fault(&times, 1_000_000.0, 100).contains("1000 ns a launch"));
        assert!(fault(&times, 10_000.0, 100).contains("long batch 100 ns"));
        for (times, wall, launches) in [(&times[..0], 1.0, 1), (&times[..], 0.0, 1), (&times[..], 1.0, 0)] {
            assert!(fault(times, wall, launches).contains("to compare"));
        }
    }
}
