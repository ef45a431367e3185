//! Several sets of architectures over the true front of a benchmark.

use crate::pareto::dominance::non_dominated;
use crate::report::frame::{Area, INK, Labels, PALE, axes, legend, picture, stroke};
use crate::report::scale::{Scale, value_text};
use crate::report::style;
use crate::report::svg::Element;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 540.0;

/// A set of architectures by their true values.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthSeries {
    /// Its name in the legend.
    pub name: String,
    /// `(cost, error, architecture)` each.
    pub points: Vec<(f64, f64, String)>,
}

/// Error against a cost: the true front dotted, a mark for each architecture of each set, the first set's front as a line.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthPlot<'a> {
    /// The device, for the title.
    pub device: &'a str,
    /// What the x axis is, with its unit.
    pub x: &'a str,
    /// What the y axis is, with its unit.
    pub y: &'a str,
    /// The true front: `(cost, error)`.
    pub front: &'a [(f64, f64)],
    /// The sets, the one that leads first.
    pub series: &'a [TruthSeries],
}

impl TruthPlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let low = self.front.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let high = self.front.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
        // A broken cell far above the front must not squeeze it.
        let reach = if high > low { high + 0.25 * (high - low) } else { f64::INFINITY };
        let all = || self.series.iter().flat_map(|series| &series.points);
        let costs = self.front.iter().map(|point| point.0).chain(all().map(|point| point.0));
        let errors = self.front.iter().map(|point| point.1).chain(all().map(|point| point.1.min(reach)));
        let area = Area {
            left: 78.0,
            top: 100.0,
            right: WIDTH - 26.0,
            bottom: HEIGHT - 62.0,
            x: Scale::linear(costs),
            y: Scale::logarithmic(errors),
        };
        let title = format!("{}: the true front and what was found", self.device);
        let subtitle = "by the benchmark's tables; dotted: the true front";
        let mut svg = picture(WIDTH, HEIGHT, &title);
        svg.push(axes(&area, &Labels { title: &title, subtitle, x: self.x, y: self.y }));
        let mut entries = vec![(dotted(&[(0.0, 0.0), (20.0, 0.0)]), "true front".to_owned())];
        entries.extend(self.series.iter().enumerate().map(|(place, series)| {
            let dot = Element::new("circle").with("cx", "10").with("r", "5").with("fill", colour(place));
            (dot, series.name.clone())
        }));
        svg.push(legend(20.0, 76.0, WIDTH - 40.0, entries));
        svg.push(dotted(&staircase(&area, self.front)));
        for (place, series) in self.series.iter().enumerate().rev() {
            if place == 0 {
                let points: Vec<[f64; 2]> = series.points.iter().map(|point| [point.0, point.1]).collect();
                let front: Vec<(f64, f64)> =
                    non_dominated(&points).into_iter().map(|kept| (points[kept][0], points[kept][1])).collect();
                svg.push(stroke(&staircase(&area, &front), colour(0), 2.0).with("stroke-opacity", "0.7"));
            }
            for (cost, error, architecture) in &series.points {
                let Some((x, y)) = area.place_inside(*cost, *error) else { continue };
                let text = format!(
                    "{}: {architecture}, {} {}, {} {}",
                    series.name,
                    value_text(*cost),
                    self.x,
                    value_text(*error),
                    self.y
                );
                let mark = Element::new("circle").class("mark").number("cx", x).number("cy", y);
                svg.push(mark.with("r", if place == 0 { "5" } else { "4" }).with("fill", colour(place)).hover(text));
            }
        }
        svg
    }
}

/// Corners of the region that a front dominates, from the cheapest point to the dearest.
fn staircase(area: &Area, front: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = front.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut corners = Vec::new();
    let mut height = None;
    for (cost, error) in sorted {
        if let Some(height) = height {
            corners.extend(area.place_inside(cost, height));
        }
        corners.extend(area.place_inside(cost, error));
        height = Some(error);
    }
    corners
}

fn dotted(points: &[(f64, f64)]) -> Element {
    let line = stroke(points, INK, 1.8).class("ink-line");
    line.with("stroke-dasharray", "1.5 4.5").with("stroke-linecap", "round")
}

/// Random architectures, the last set, are pale.
fn colour(place: usize) -> &'static str {
    match place {
        0 | 1 => style::series(place),
        _ => PALE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_their_architecture_and_the_front_is_dotted() {
        let series = [
            TruthSeries { name: "extraction".into(), points: vec![(1.0, 9.0, "|a|".into()), (2.0, 6.0, "|b|".into())] },
            TruthSeries { name: "random".into(), points: vec![(3.0, 60.0, "|c|".into())] },
        ];
        let plot = TruthPlot {
            device: "eyeriss",
            x: "latency (ms)",
            y: "error (%)",
            front: &[(1.0, 8.0), (2.5, 5.6)],
            series: &series,
        };
        let text = plot.draw().render();
        assert!(text.contains("extraction: |b|, 2 latency (ms), 6 error (%)"), "{text}");
        assert!(text.contains("stroke-dasharray") && !text.contains("NaN"));
        // Three marks and the legend's two.
        assert_eq!(text.matches("<circle").count(), 5);
    }
}
