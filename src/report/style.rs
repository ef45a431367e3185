//! Colours and style sheets. Pictures carry plain light colours as attributes, so that any viewer can draw them, and classes
//! that a dark scheme overrides.

/// The style sheet of a picture. Holds no `<` and no `&`, so it is the same in HTML and in XML.
pub(super) const PLOT_SHEET: &str = include_str!("plot.css");

/// The style sheet of a page.
pub(super) const PAGE_SHEET: &str = include_str!("page.css");

/// Colours that stay apart on light and on dark ground, also for most colour-blind readers.
pub const SERIES: [&str; 8] = ["#3b7dd8", "#e2762b", "#2a9d78", "#c2559d", "#8a6fd1", "#b8912a", "#4aa3b5", "#d1495b"];

/// The colour of a series by its position.
pub fn series(index: usize) -> &'static str {
    SERIES[index % SERIES.len()]
}

/// The colour of a preference by its weight of the task loss: green asks for a fast network (0), violet for a good one (1).
pub fn preference(weight: f64) -> String {
    const STOPS: [[f64; 3]; 5] =
        [[18.0, 163.0, 127.0], [42.0, 147.0, 190.0], [83.0, 119.0, 222.0], [136.0, 92.0, 214.0], [194.0, 66.0, 172.0]];
    let weight = if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.5 };
    let position = weight * (STOPS.len() - 1) as f64;
    let below = (position.floor() as usize).min(STOPS.len() - 2);
    let part = position - below as f64;
    let mix = |c: usize| {
        let value = STOPS[below][c] + (STOPS[below + 1][c] - STOPS[below][c]) * part;
        value.round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

/// The colour of an operation by its name: the known ones of the cell space have their own, others get one by their letters.
pub fn operation(name: &str) -> &'static str {
    match name {
        "none" => "#9aa3af",
        "skip_connect" => "#4aa3b5",
        "nor_conv_1x1" => "#e2a12b",
        "nor_conv_3x3" => "#d65a4a",
        "avg_pool_3x3" => "#5b8c5a",
        other => {
            let sum: usize = other.bytes().map(usize::from).sum();
            series(sum)
        }
    }
}

/// An operation's name for a reader: `nor_conv_3x3` is `conv 3×3`.
pub fn operation_label(name: &str) -> String {
    match name {
        "skip_connect" => "skip".into(),
        "nor_conv_1x1" => "conv 1×1".into(),
        "nor_conv_3x3" => "conv 3×3".into(),
        "avg_pool_3x3" => "pool 3×3".into(),
        other => other.replace('_', " "),
    }
}
