//! Hypervolume of each device: what the search found beside what it is compared with.

use crate::report::frame::{AXIS, Area, GRID, heading, label, legend, picture, stroke, strong_label, text_width};
use crate::report::scale::{Scale, tick_labels, value_text};
use crate::report::style;
use crate::report::svg::Element;

const WIDTH: f64 = 860.0;
const ROW: f64 = 36.0;

/// A mean over seeds and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the length of the error bar, such as a standard deviation; 0 for a single value.
    pub deviation: f64,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct HypervolumeRow {
    /// The device.
    pub device: String,
    /// One estimate a method; `None` where a method has no value.
    pub values: Vec<Option<Estimate>>,
}

/// A dot and an error bar for each method, one row a device, joined by a line that shows the difference.
#[derive(Debug, Clone, PartialEq)]
pub struct HypervolumePlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// What the error bars are and how the values were normalised; may be empty.
    pub subtitle: &'a str,
    /// What the axis is.
    pub x: &'a str,
    /// The methods, in the order of the values; the first is the one that leads.
    pub methods: &'a [String],
    /// The devices, from top to bottom.
    pub rows: &'a [HypervolumeRow],
}

impl HypervolumePlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let estimates = self.rows.iter().flat_map(|row| row.values.iter().flatten());
        let ends = estimates.flat_map(|e| {
            let deviation = usable_deviation(e);
            [e.mean - deviation, e.mean + deviation]
        });
        let names = self.rows.iter().map(|row| text_width(&row.device, 13.0));
        let left = names.fold(60.0, f64::max).min(300.0) + 40.0;
        let top = 96.0;
        let area = Area {
            left,
            top,
            right: WIDTH - 84.0,
            bottom: top + ROW * self.rows.len().max(1) as f64,
            x: Scale::linear(ends),
            y: Scale::linear([0.0, 1.0]),
        };
        let mut svg = picture(WIDTH, area.bottom + 58.0, self.title);
        svg.push(heading(self.title, 20.0, 30.0, 17.0));
        svg.push(label(self.subtitle, 20.0, 50.0, 12.5, "start"));
        let entries = self.methods.iter().enumerate().map(|(i, name)| {
            let dot = Element::new("circle").with("cx", "10").with("r", "6");
            (dot.with("fill", colour(i)), name.clone())
        });
        svg.push(legend(20.0, 76.0, WIDTH - 40.0, entries.collect()));
        let ticks = area.x.ticks(7);
        for (tick, text) in ticks.iter().zip(tick_labels(&ticks)) {
            if let Some((x, _)) = area.place(*tick, 0.0) {
                svg.push(stroke(&[(x, area.top), (x, area.bottom)], GRID, 1.0).class("grid"));
                svg.push(label(&text, x, area.bottom + 19.0, 12.0, "middle"));
            }
        }
        let middle = (area.left + area.right) / 2.0;
        svg.push(label(self.x, middle, area.bottom + 42.0, 13.0, "middle"));
        for (i, row) in self.rows.iter().enumerate() {
            svg.push(self.row(&area, row, area.top + ROW * (i as f64 + 0.5)));
        }
        svg
    }

    fn row(&self, area: &Area, row: &HypervolumeRow, y: f64) -> Element {
        let name = strong_label(&row.device, area.left - 16.0, y + 4.5, "end");
        let mut group = Element::new("g").child(name.with("font-weight", "400"));
        let place = |value: f64| area.place(value, 0.5).map(|(x, _)| x);
        let means: Vec<f64> = row.values.iter().flatten().filter_map(|e| place(e.mean)).collect();
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if high > low {
            group.push(stroke(&[(low, y), (high, y)], AXIS, 1.5).with("stroke-opacity", "0.6"));
        }
        // The leading method last, over the others.
        for (i, estimate) in row.values.iter().enumerate().rev() {
            let Some((estimate, x)) = estimate.and_then(|e| Some((e, place(e.mean)?))) else {
                continue;
            };
            let deviation = usable_deviation(&estimate);
            let ends = (place(estimate.mean - deviation), place(estimate.mean + deviation));
            if let (true, (Some(from), Some(to))) = (deviation > 0.0, ends) {
                let bar = stroke(&[(from, y), (to, y)], colour(i), 6.0);
                group.push(bar.with("stroke-opacity", "0.3").with("stroke-linecap", "round"));
            }
            let method = self.methods.get(i).map_or("", String::as_str);
            group.push(
                Element::new("circle")
                    .class("mark")
                    .number("cx", x)
                    .number("cy", y)
                    .with("r", if i == 0 { "7" } else { "5.5" })
                    .with("fill", colour(i))
                    .hover(format!("{}, {method}: {:.4} ± {}", row.device, estimate.mean, value_text(deviation))),
            );
        }
        if let Some(lead) = row.values.first().copied().flatten().filter(|e| e.mean.is_finite()) {
            let text = format!("{:.3}", lead.mean);
            group.push(strong_label(&text, WIDTH - 24.0, y + 4.5, "end"));
        }
        group
    }
}

fn usable_deviation(estimate: &Estimate) -> f64 {
    match estimate.deviation {
        d if d.is_finite() && d > 0.0 => d,
        _ => 0.0,
    }
}

/// The leading method is blue, what it is compared with first is grey.
fn colour(index: usize) -> &'static str {
    match index {
        0 => style::series(0),
        1 => SOFT_MARK,
        other => style::series(other - 1),
    }
}

/// Readable on light and on dark ground alike.
const SOFT_MARK: &str = "#8b95a5";
