//! An indicator over many devices, a spoke each: how even a search is.

use std::f64::consts::TAU;

use crate::report::frame::{GRID, heading, label, legend, legend_rows, picture, stroke, strong_label};
use crate::report::scale::tick_labels;
use crate::report::style;
use crate::report::svg::{Element, path};

const WIDTH: f64 = 860.0;
const RADIUS: f64 = 250.0;
const RINGS: usize = 4;

/// One method.
#[derive(Debug, Clone, PartialEq)]
pub struct RadarSeries {
    /// Its name in the legend.
    pub name: String,
    /// One value a spoke; `None` interrupts the outline.
    pub values: Vec<Option<f64>>,
    /// Whether the outline is dotted: a bound rather than a method.
    pub dotted: bool,
}

/// A closed outline a method over spokes that stand for devices. Spokes that are marked have a star and an emphasised name: the
/// devices that no training saw.
#[derive(Debug, Clone, PartialEq)]
pub struct RadarPlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// Which way is better, and what is marked.
    pub subtitle: &'a str,
    /// The devices, clockwise from the top.
    pub spokes: &'a [String],
    /// Whether each spoke is marked.
    pub marked: &'a [bool],
    /// The outlines.
    pub series: &'a [RadarSeries],
    /// The values in the centre and on the rim. Values beyond are drawn there.
    pub range: (f64, f64),
}

impl RadarPlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let rows = legend_rows(WIDTH - 40.0, self.series.iter().map(|series| series.name.as_str()));
        let top = 74.0 + 20.0 * rows as f64 + 34.0;
        let centre = (WIDTH / 2.0, top + RADIUS);
        let mut svg = picture(WIDTH, top + 2.0 * RADIUS + 56.0, self.title);
        svg.push(heading(self.title, 20.0, 30.0, 17.0));
        svg.push(label(self.subtitle, 20.0, 50.0, 12.5, "start"));
        let entry = |(place, series): (usize, &RadarSeries)| {
            let mark = stroke(&[(0.0, 0.0), (20.0, 0.0)], style::series(place), 2.5);
            (dots(mark, series.dotted), series.name.clone())
        };
        svg.push(legend(20.0, 74.0, WIDTH - 40.0, self.series.iter().enumerate().map(entry).collect()));
        let (low, high) = self.range;
        let ticks: Vec<f64> = (0..=RINGS).map(|ring| low + (high - low) * ring as f64 / RINGS as f64).collect();
        let count = self.spokes.len().max(3);
        for tick in &ticks[1..] {
            let ring: Vec<(f64, f64)> = (0..=count).filter_map(|spoke| self.place(centre, spoke, *tick)).collect();
            svg.push(stroke(&ring, GRID, 1.0).class("grid"));
        }
        for (spoke, name) in self.spokes.iter().enumerate() {
            svg.push(self.spoke(centre, spoke, name));
        }
        for (place, series) in self.series.iter().enumerate().rev() {
            svg.push(self.outline(centre, series, style::series(place)));
        }
        for (tick, text) in ticks.iter().zip(tick_labels(&ticks)) {
            if let Some((x, y)) = self.place(centre, 0, *tick) {
                svg.push(label(&text, x + 6.0, y + 4.0, 11.0, "start").class("halo"));
            }
        }
        svg
    }

    /// The place of a value on a spoke; none where the value is not a number or the range is empty.
    fn place(&self, centre: (f64, f64), spoke: usize, value: f64) -> Option<(f64, f64)> {
        let (low, high) = self.range;
        let part = ((value - low) / (high - low)).clamp(0.0, 1.0);
        if !part.is_finite() {
            return None;
        }
        let angle = TAU * spoke as f64 / self.spokes.len().max(3) as f64;
        Some((centre.0 + RADIUS * part * angle.sin(), centre.1 - RADIUS * part * angle.cos()))
    }

    fn spoke(&self, centre: (f64, f64), spoke: usize, name: &str) -> Element {
        let mut group = Element::new("g");
        let Some(rim) = self.place(centre, spoke, self.range.1) else { return group };
        group.push(stroke(&[centre, rim], GRID, 1.0).class("grid"));
        let angle = TAU * spoke as f64 / self.spokes.len().max(3) as f64;
        let (x, y) = (rim.0 + 14.0 * angle.sin(), rim.1 - 14.0 * angle.cos() + 4.0);
        let anchor = match angle.sin() {
            sine if sine > 0.15 => "start",
            sine if sine < -0.15 => "end",
            _ => "middle",
        };
        group.push(match self.marked.get(spoke) {
            Some(true) => strong_label(&format!("★ {name}"), x, y, anchor),
            _ => label(name, x, y, 12.5, anchor),
        });
        group
    }

    fn outline(&self, centre: (f64, f64), series: &RadarSeries, colour: &str) -> Element {
        let mut group = Element::new("g");
        let placed: Vec<Option<(f64, f64)>> = series
            .values
            .iter()
            .enumerate()
            .map(|(spoke, value)| value.and_then(|value| self.place(centre, spoke, value)))
            .collect();
        let closed: Vec<Option<(f64, f64)>> = placed.iter().chain(placed.first()).copied().collect();
        let pieces = closed.split(Option::is_none).map(|piece| piece.iter().flatten().copied().collect::<Vec<_>>());
        let data: String = pieces.filter(|piece| piece.len() > 1).map(|piece| path(&piece)).collect();
        let line = Element::new("path")
            .with("d", data)
            .with("fill", "none")
            .with("stroke", colour)
            .with("stroke-width", "2")
            .with("stroke-linejoin", "round");
        group.push(dots(line, series.dotted));
        for ((spoke, point), value) in placed.iter().enumerate().zip(&series.values) {
            if let (Some((x, y)), Some(value)) = (point, value) {
                let name = self.spokes.get(spoke).map_or("", String::as_str);
                let mark = Element::new("circle").class("mark").number("cx", *x).number("cy", *y);
                let mark = mark.with("r", if series.dotted { "2" } else { "3.5" }).with("fill", colour);
                group.push(mark.hover(format!("{name}, {}: {value:.4}", series.name)));
            }
        }
        group
    }
}

fn dots(line: Element, dotted: bool) -> Element {
    if dotted { line.with("stroke-dasharray", "2 4").with("stroke-linecap", "round") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_mark_and_a_missing_one_has_none() {
        let spokes: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let series = [
            RadarSeries { name: "found".into(), values: vec![Some(0.9), Some(0.8), None, Some(2.0)], dotted: false },
            RadarSeries { name: "bound".into(), values: vec![Some(1.0); 4], dotted: true },
        ];
        let plot = RadarPlot {
            title: "Hypervolume",
            subtitle: "",
            spokes: &spokes,
            marked: &[false, true, false, false],
            series: &series,
            range: (0.5, 1.0),
        };
        let text = plot.draw().render();
        assert_eq!(text.matches("<circle").count(), 7);
        assert!(text.contains("★ b") && !text.contains("★ a") && text.contains("stroke-dasharray"));
        // A value beyond the rim is drawn on it, an empty range draws nothing.
        assert!(!text.contains("NaN"));
        let empty = RadarPlot { range: (1.0, 1.0), ..plot };
        assert!(!empty.draw().render().contains("NaN"));
    }
}
