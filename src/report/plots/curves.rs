//! Curves over steps: losses, accuracies, hypervolumes.

use crate::report::frame::{Area, Labels, axes, legend, legend_rows, picture, stroke};
use crate::report::scale::{Scale, value_text};
use crate::report::style;
use crate::report::svg::Element;

const WIDTH: f64 = 860.0;

/// More points than this are thinned out: a picture has no more columns.
const COLUMNS: usize = 600;

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its points in the order of `x`. A point that cannot be shown interrupts the curve.
    pub points: Vec<(f64, f64)>,
}

/// Several curves over one axis, with a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvesPlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// What the x axis is.
    pub x: &'a str,
    /// What the y axis is.
    pub y: &'a str,
    /// The curves.
    pub curves: &'a [Curve],
    /// Weight of the past in an exponential moving average, 0 (none) to below 1. The curve as it came stays visible,
    /// paler.
    pub smoothing: f64,
    /// Whether the y axis is logarithmic.
    pub logarithmic: bool,
}

impl CurvesPlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let smoothing = match self.smoothing {
            s if s > 0.0 && s < 1.0 => s,
            _ => 0.0,
        };
        let subtitle = match smoothing {
            0.0 => String::new(),
            s => format!("moving average, weight of the past {}; pale: as it came", value_text(s)),
        };
        let rows = legend_rows(WIDTH - 40.0, self.curves.iter().map(|c| c.name.as_str()));
        let first_row = if subtitle.is_empty() { 54.0 } else { 74.0 };
        let top = first_row + 20.0 * rows as f64 + 4.0;
        let area =
            Area { left: 78.0, top, right: WIDTH - 26.0, bottom: top + 290.0, x: self.x_scale(), y: self.y_scale() };
        let mut svg = picture(WIDTH, area.bottom + 62.0, self.title);
        svg.push(axes(&area, &Labels { title: self.title, subtitle: &subtitle, x: self.x, y: self.y }));
        let entry = |(i, curve): (usize, &Curve)| {
            let mark = stroke(&[(0.0, 0.0), (20.0, 0.0)], style::series(i), 2.5);
            (mark, curve.name.clone())
        };
        let entries = self.curves.iter().enumerate().map(entry).collect();
        svg.push(legend(20.0, first_row, WIDTH - 40.0, entries));
        for (i, curve) in self.curves.iter().enumerate() {
            let colour = style::series(i);
            if smoothing > 0.0 {
                let raw = line(&area, &curve.points, colour, 1.0).with("stroke-opacity", "0.22");
                svg.push(raw);
            }
            let shown = smooth(&curve.points, smoothing);
            let last = shown.iter().rev().find(|(_, y)| y.is_finite());
            let hover = match last {
                Some(&(x, y)) => format!("{}: {} at {}", curve.name, value_text(y), value_text(x)),
                None => curve.name.clone(),
            };
            svg.push(line(&area, &shown, colour, 2.0).hover(hover));
        }
        svg
    }

    fn x_scale(&self) -> Scale {
        let all = || self.curves.iter().flat_map(|c| &c.points).map(|p| p.0);
        Scale::linear(all()).without_margin(all())
    }

    /// With many values the axis leaves out the most extreme half percent at the top: a spike of the first steps must not
    /// flatten the rest.
    fn y_scale(&self) -> Scale {
        let all = self.curves.iter().flat_map(|c| &c.points);
        let mut values: Vec<f64> = all.map(|p| p.1).filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        if values.len() >= 400 {
            values.truncate(values.len() - values.len() / 200);
        }
        match self.logarithmic {
            true => Scale::logarithmic(values),
            false => Scale::linear(values),
        }
    }
}

fn smooth(points: &[(f64, f64)], weight: f64) -> Vec<(f64, f64)> {
    let mut past: Option<f64> = None;
    let step = |&(x, y): &(f64, f64)| {
        if !y.is_finite() {
            return (x, y);
        }
        let now = past.map_or(y, |p| weight * p + (1.0 - weight) * y);
        past = Some(now);
        (x, now)
    };
    points.iter().map(step).collect()
}

/// The curve as one path, cut where a point cannot be shown, kept inside the area.
fn line(area: &Area, points: &[(f64, f64)], colour: &str, width: f64) -> Element {
    let thinned = thin(points);
    let pieces = thinned.split(|&(x, y)| area.place(x, y).is_none());
    let mut data = String::new();
    for piece in pieces {
        let mut placed: Vec<(f64, f64)> = piece.iter().filter_map(|&(x, y)| area.place_inside(x, y)).collect();
        // A lone point has no line; a short one shows where it is.
        if let [(x, y)] = placed[..] {
            placed = vec![(x - 3.0, y), (x + 3.0, y)];
        }
        data += &crate::report::svg::path(&placed);
    }
    Element::new("path")
        .with("d", data)
        .with("fill", "none")
        .with("stroke", colour)
        .number("stroke-width", width)
        .with("stroke-linejoin", "round")
        .with("stroke-linecap", "round")
}

/// At most two points a column, the lowest and the highest, so that no spike is lost.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * COLUMNS);
    for column in points.chunks(points.len().div_ceil(COLUMNS)) {
        let order = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let lowest = column.iter().min_by(order);
        let highest = column.iter().max_by(order);
        if let (Some(&low), Some(&high)) = (lowest, highest) {
            let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            kept.push(first);
            kept.push(second);
        }
    }
    kept
}
