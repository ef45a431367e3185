//! Axis scales: from a value to a place on the picture, with ticks at round values.

/// How an axis maps values. Both ends are finite and apart from each other, whatever data it was made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// A linear axis over all finite values with a margin of 4 % at both ends. Values that are all equal get an axis around
    /// them, no values the axis from 0 to 1.
    pub fn linear(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values.into_iter().filter(|v| v.is_finite())).unwrap_or((0.0, 1.0));
        let margin = match high - low {
            span if span.is_finite() && span > low.abs().max(high.abs()) * 1e-9 => span * 0.04,
            _ if low == 0.0 => 0.5,
            _ => low.abs() * 0.05,
        };
        // A quantity that is never negative keeps an axis that is not.
        let floor = if low >= 0.0 { 0.0 } else { f64::MIN };
        Self {
            kind: Kind::Linear,
            low: (low - margin).clamp(floor, f64::MAX),
            high: (high + margin).clamp(f64::MIN, f64::MAX),
        }
    }

    /// A linear axis whose low end is zero, for values that are amounts.
    pub fn from_zero(values: impl IntoIterator<Item = f64>) -> Self {
        let mut scale = Self::linear(values.into_iter().filter(|&v| v >= 0.0));
        scale.low = 0.0;
        scale
    }

    /// Drops the margin at both ends, for an axis along which a curve runs from border to border.
    pub fn without_margin(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        if let Some((low, high)) = range(values.into_iter().filter(|v| v.is_finite()))
            && low < high
        {
            (self.low, self.high) = (low, high);
        }
        self
    }

    /// A logarithmic axis over all values that are finite and above zero.
    pub fn logarithmic(values: impl IntoIterator<Item = f64>) -> Self {
        let usable = values.into_iter().filter(|&v| v.is_finite() && v > 0.0);
        let (low, high) = range(usable).unwrap_or((1.0, 10.0));
        let factor = (high / low).powf(0.04).clamp(1.02, 1e3);
        let factor = if factor > 1.02 { factor } else { 1.25 };
        Self {
            kind: Kind::Logarithmic,
            low: (low / factor).max(f64::MIN_POSITIVE),
            high: (high * factor).min(f64::MAX),
        }
    }

    /// The value at the low end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The value at the high end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Where a value lies, 0 at the low end and 1 at the high end; `None` where it cannot be shown: not finite, or not above
    /// zero on a logarithmic axis.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = match self.kind {
            Kind::Linear => {
                let half = self.high / 2.0 - self.low / 2.0;
                (value / 2.0 - self.low / 2.0) / half
            }
            Kind::Logarithmic => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        };
        place.is_finite().then_some(place)
    }

    /// Values for tick marks, ascending, inside the axis, about `wanted` of them and at least two unless the axis is too
    /// narrow for `f64`.
    pub fn ticks(&self, wanted: usize) -> Vec<f64> {
        match self.kind {
            Kind::Linear => linear_ticks(self.low, self.high, wanted),
            Kind::Logarithmic => {
                let decades = |digits: &[f64]| -> Vec<f64> {
                    let (first, last) = (self.low.log10().floor(), self.high.log10().ceil());
                    // Thin out decades of a very long axis.
                    let stride = ((last - first) / wanted.max(1) as f64).ceil().max(1.0);
                    (0..)
                        .map(|i| first + i as f64 * stride)
                        .take_while(|&exponent| exponent <= last)
                        .flat_map(|exponent| digits.iter().map(move |d| d * 10f64.powf(exponent)))
                        .filter(|&v| v >= self.low && v <= self.high)
                        .collect()
                };
                for digits in [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0]] {
                    let ticks = decades(digits);
                    if ticks.len() >= 3 {
                        return ticks;
                    }
                }
                linear_ticks(self.low, self.high, wanted)
            }
        }
    }
}

/// Multiples of 1, 2, 2.5 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let rough = (high / wanted.max(1) as f64) - (low / wanted.max(1) as f64);
    let power = 10f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = nice.into_iter().map(|n| n * power).find(|&s| s >= rough * 0.999).unwrap_or(rough);
    if !(step.is_finite() && step > 0.0) {
        return vec![low, high];
    }
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    if !(last - first).is_finite() || last - first > 100.0 {
        return vec![low, high];
    }
    if last - first < 1.0 && wanted < 64 {
        // The step was rounded up past the axis: one tick alone tells no scale.
        return linear_ticks(low, high, 2 * wanted.max(1));
    }
    (0..=(last - first).max(0.0) as usize).map(|i| (first + i as f64) * step).collect()
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((v.min(low), v.max(high))),
    })
}

/// Labels for ticks: as many digits as their distance needs, with K, M, G for large ones and powers of ten for tiny ones.
pub fn tick_labels(ticks: &[f64]) -> Vec<String> {
    let largest = ticks.iter().fold(0.0f64, |m, t| m.max(t.abs()));
    let distances = ticks.windows(2).map(|w| (w[1] - w[0]).abs());
    let step = distances.fold(f64::INFINITY, f64::min);
    let (factor, suffix) = match largest {
        l if l >= 1e15 => return ticks.iter().map(|t| format!("{t:.0e}")).collect(),
        l if l >= 1e9 => (1e9, "G"),
        l if l >= 1e6 => (1e6, "M"),
        l if l >= 1e4 => (1e3, "K"),
        l if l < 1e-3 && l > 0.0 => return ticks.iter().map(|t| short_power(*t)).collect(),
        _ => (1.0, ""),
    };
    let step = step / factor;
    let digits = (0..8)
        .find(|&d| {
            let scaled = step * 10f64.powi(d);
            !scaled.is_finite() || (scaled >= 0.999 && (scaled - scaled.round()).abs() < 1e-6 * scaled)
        })
        .unwrap_or(8) as usize;
    let label = |t: &f64| {
        let text = format!("{:.digits$}", t / factor);
        let zero = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
        if zero { "0".to_owned() } else { text + suffix }
    };
    ticks.iter().map(label).collect()
}

fn short_power(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.2e}") }
}

/// A value for a reader: four significant digits, no trailing zeros, `–` where there is none.
pub fn value_text(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.3e}");
    }
    let whole = if size < 1.0 { 0 } else { size.log10().floor() as usize };
    let digits = 3usize.saturating_sub(whole);
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
