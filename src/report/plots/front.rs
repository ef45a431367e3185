//! The front of a device: quality against what the device takes, with what each preference answered.

use crate::pareto::dominance::non_dominated;
use crate::report::data::{FrontPoint, Quality, Quantity};
use crate::report::frame::{Area, GROUND, INK, Labels, PALE, SOFT, axes, legend, picture, stroke, strong_label};
use crate::report::scale::{Scale, value_text};
use crate::report::style;
use crate::report::svg::{Element, number, path};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 540.0;

/// The colour of the staircase and of the region that it dominates.
const FRONT: &str = "#4a76d8";

/// A front as a staircase over grey random architectures, each answer in the colour of its preference, rays from the
/// ideal point in the direction where a preference asks for its answer. A mark tells its architecture and all its values
/// where the pointer rests on it.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontPlot<'a> {
    /// The device, for the title.
    pub device: &'a str,
    /// The quantities of the points, in the order of their values.
    pub quantities: &'a [Quantity],
    /// Which of them is the x axis.
    pub quantity: usize,
    /// What is the y axis.
    pub quality: Quality,
    /// What the search answered, one point a preference.
    pub front: &'a [FrontPoint],
    /// Random architectures, scored by the same calls.
    pub random: &'a [FrontPoint],
    /// Whether the x axis is logarithmic.
    pub logarithmic: bool,
    /// Whether the y axis is logarithmic: where one end of the front is far worse than the rest.
    pub logarithmic_quality: bool,
}

/// A point that can be shown.
struct Shown<'a> {
    x: f64,
    y: f64,
    point: &'a FrontPoint,
    /// All preferences that this architecture answers.
    preferences: Vec<&'a [f64]>,
}

impl FrontPlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let answers = self.shown(self.front);
        let random = self.shown(self.random);
        let steps = staircase_points(&answers);
        let area = self.area(&answers, &random);

        let quantity = self.quantities.get(self.quantity);
        let name = quantity.map_or("value", |q| q.name.as_str());
        let title = format!("{}: {} against {name}", self.device, self.quality_name());
        let subtitle = match answers.is_empty() {
            true => "no architecture was measured".to_owned(),
            false => format!(
                "{} preferences, {} distinct {}, {} on the front; {} random for comparison",
                self.front.len(),
                answers.len(),
                if answers.len() == 1 { "architecture" } else { "architectures" },
                steps.len(),
                random.len()
            ),
        };
        let unit = quantity.map_or("", |q| q.unit.as_str());
        let x_label = match unit {
            "" => format!("measured {name}"),
            unit => format!("measured {name} ({unit})"),
        };
        let mut svg = picture(WIDTH, HEIGHT, &format!("{title}. {subtitle}."));
        svg.push(axes(&area, &Labels { title: &title, subtitle: &subtitle, x: &x_label, y: self.quality.label() }));
        svg.push(legend(20.0, 76.0, WIDTH - 40.0, legend_entries(answers.len() > steps.len(), !random.is_empty())));
        svg.push(dominated_region(&area, &steps));
        svg.push(self.rays(&area, &answers));
        svg.push(self.random_marks(&area, &random));
        svg.push(staircase(&area, &steps, FRONT, 2.0));
        svg.push(self.answer_marks(&area, &answers, &steps));
        svg.push(end_labels(&area, &steps, unit, &answers));
        svg
    }

    fn quality_name(&self) -> &'static str {
        match self.quality {
            Quality::Loss => "loss",
            Quality::Error => "error",
        }
    }

    /// Points with finite values, those of one architecture merged.
    fn shown<'a>(&self, points: &'a [FrontPoint]) -> Vec<Shown<'a>> {
        let mut all: Vec<Shown<'a>> = Vec::new();
        for point in points {
            let (Some(x), y) = (point.value(self.quantity), self.quality.of(point)) else {
                continue;
            };
            let placed = |v: f64, logarithmic: bool| v.is_finite() && (v > 0.0 || !logarithmic);
            if !(placed(x, self.logarithmic) && placed(y, self.logarithmic_quality)) {
                continue;
            }
            let same = |s: &&mut Shown| s.point.architecture == point.architecture && s.x == x && s.y == y;
            match all.iter_mut().find(same) {
                Some(shown) => shown.preferences.push(&point.preference),
                None => all.push(Shown { x, y, point, preferences: vec![&point.preference] }),
            }
        }
        all
    }

    /// Axes that show the front in full. Random architectures far off (a broken cell) must not squeeze it.
    fn area(&self, answers: &[Shown], random: &[Shown]) -> Area {
        let bounded = |of: fn(&Shown) -> f64| -> Vec<f64> {
            let front: Vec<f64> = answers.iter().map(of).collect();
            let low = front.iter().copied().fold(f64::INFINITY, f64::min);
            let high = front.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let reach = if high > low { high + 1.5 * (high - low) } else { f64::INFINITY };
            let near = random.iter().map(of).map(|v| v.min(reach));
            near.chain(front.iter().copied()).collect()
        };
        let scale = |values: Vec<f64>, logarithmic| match logarithmic {
            true => Scale::logarithmic(values),
            false => Scale::linear(values),
        };
        Area {
            left: 78.0,
            top: 100.0,
            right: WIDTH - 26.0,
            bottom: HEIGHT - 62.0,
            x: scale(bounded(|s| s.x), self.logarithmic),
            y: scale(bounded(|s| s.y), self.logarithmic_quality),
        }
    }

    /// One ray a preference of two weights on this quantity. In objectives scaled from the ideal point to the worst of the
    /// front, the answer to weights `(loss, quantity)` lies where `loss * dy = quantity * dx`: along `(loss, quantity)`.
    fn rays(&self, area: &Area, answers: &[Shown]) -> Element {
        let mut group = Element::new("g");
        let low = |of: fn(&Shown) -> f64| answers.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = |of: fn(&Shown) -> f64| answers.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        let ideal = (low(|s| s.x), low(|s| s.y));
        let range = (high(|s| s.x) - ideal.0, high(|s| s.y) - ideal.1);
        if !(range.0 > 0.0 && range.1 > 0.0) {
            return group;
        }
        for point in self.front {
            let (Some(&loss), Some(&weight)) = (point.preference.first(), point.preference.get(self.quantity + 1))
            else {
                continue;
            };
            if !(loss >= 0.0 && weight >= 0.0 && loss + weight > 0.0) {
                continue;
            }
            let direction = (loss * range.0, weight * range.1);
            let reach = |room: f64, speed: f64| {
                if speed > 0.0 { room / speed } else { f64::INFINITY }
            };
            let length = reach(area.x.high() - ideal.0, direction.0).min(reach(area.y.high() - ideal.1, direction.1));
            // Straight in the objectives; on logarithmic axes that is a curve.
            let curved = self.logarithmic || self.logarithmic_quality;
            let pieces = if curved { 32 } else { 1 };
            let line: Vec<(f64, f64)> = (0..=pieces)
                .map(|i| length * i as f64 / pieces as f64)
                .filter_map(|t| area.place(ideal.0 + t * direction.0, ideal.1 + t * direction.1))
                .collect();
            let colour = style::preference(loss);
            group.push(
                stroke(&line, &colour, 1.2)
                    .class("ray")
                    .with("stroke-opacity", "0.3")
                    .hover(format!("preference {}", preference_text(&point.preference))),
            );
        }
        if let Some((x, y)) = area.place(ideal.0, ideal.1) {
            group.push(stroke(&[(x - 5.0, y), (x + 5.0, y)], SOFT, 1.6).class("soft-line"));
            group.push(stroke(&[(x, y - 5.0), (x, y + 5.0)], SOFT, 1.6).class("soft-line"));
        }
        group
    }

    fn random_marks(&self, area: &Area, random: &[Shown]) -> Element {
        let mut group = Element::new("g");
        for shown in random {
            let Some((x, y)) = area.place_inside(shown.x, shown.y) else {
                continue;
            };
            let outside = area.place(shown.x, shown.y) != Some((x, y));
            let note = if outside { "random, off the scale\n" } else { "random\n" };
            let mark = match outside {
                false => Element::new("circle").number("cx", x).number("cy", y).with("r", "4.2"),
                // A triangle that points to where it lies.
                true => {
                    let right = x >= area.right && y > area.top;
                    let tip = if right {
                        [(-8.0, -4.5), (-8.0, 4.5), (0.0, 0.0)]
                    } else {
                        [(-4.5, 8.0), (4.5, 8.0), (0.0, 0.0)]
                    };
                    let corners: Vec<_> = tip.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
                    Element::new("path").with("d", path(&corners) + "Z")
                }
            };
            group.push(
                mark.class("mark pale")
                    .with("fill", PALE)
                    .with("fill-opacity", "0.7")
                    .hover(note.to_owned() + &self.describe(shown)),
            );
        }
        group
    }

    /// Answers on the front are full, those that another answer dominates are hollow.
    fn answer_marks(&self, area: &Area, answers: &[Shown], steps: &[(f64, f64)]) -> Element {
        let mut group = Element::new("g");
        for shown in answers {
            let Some((x, y)) = area.place(shown.x, shown.y) else {
                continue;
            };
            let weights: Vec<f64> = shown.preferences.iter().filter_map(|p| p.first().copied()).collect();
            let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
            let colour = style::preference(if weights.is_empty() { 0.5 } else { mean });
            let on_front = steps.contains(&(shown.x, shown.y));
            let mark =
                Element::new("circle").number("cx", x).number("cy", y).with("r", if on_front { "6.5" } else { "5" });
            let mark = match on_front {
                true => mark.class("mark rim").with("fill", colour).with("stroke", GROUND).with("stroke-width", "1.5"),
                false => {
                    mark.class("mark ground").with("fill", GROUND).with("stroke", colour).with("stroke-width", "2")
                }
            };
            group.push(mark.hover(self.describe(shown)));
        }
        group
    }

    /// All about a point, for a pointer that rests on it.
    fn describe(&self, shown: &Shown) -> String {
        let mut lines = vec![shown.point.architecture.clone()];
        let asked: Vec<String> =
            shown.preferences.iter().filter(|p| !p.is_empty()).map(|p| preference_text(p)).collect();
        match asked.len() {
            0 => {}
            1..=3 => lines.push(format!("preference {}", asked.join("; "))),
            n => lines.push(format!("{n} preferences, {} to {}", asked[0], asked[n - 1])),
        }
        for (index, quantity) in self.quantities.iter().enumerate() {
            let text = |value: Option<f64>| match value {
                Some(value) => format!("{} {}", value_text(value), quantity.unit),
                None => "unknown".into(),
            };
            let predicted = text(shown.point.predicted.get(index).copied());
            let measured = text(shown.point.measured.get(index).copied().flatten());
            lines.push(format!("{}: predicted {predicted}, measured {measured}", quantity.name));
        }
        lines.push(format!(
            "held-out loss {}, accuracy {} %",
            value_text(shown.point.loss),
            value_text(100.0 * shown.point.accuracy)
        ));
        lines.join("\n")
    }
}

/// `0.7, 0.3`.
fn preference_text(preference: &[f64]) -> String {
    let weights: Vec<String> = preference.iter().map(|w| format!("{w:.2}")).collect();
    weights.join(", ")
}

/// The answers that no other answer dominates, from left to right.
fn staircase_points(answers: &[Shown]) -> Vec<(f64, f64)> {
    let points: Vec<[f64; 2]> = answers.iter().map(|s| [s.x, s.y]).collect();
    let mut steps: Vec<(f64, f64)> = non_dominated(&points).into_iter().map(|i| (points[i][0], points[i][1])).collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    steps
}

/// The corners of the staircase, from the upper border to the right one.
fn corners(area: &Area, steps: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let placed: Vec<(f64, f64)> = steps.iter().filter_map(|&(x, y)| area.place(x, y)).collect();
    let mut line = Vec::new();
    let mut height = area.top;
    for (x, y) in placed {
        line.push((x, height));
        line.push((x, y));
        height = y;
    }
    if !line.is_empty() {
        line.push((area.right, height));
    }
    line
}

fn staircase(area: &Area, steps: &[(f64, f64)], colour: &str, width: f64) -> Element {
    stroke(&corners(area, steps), colour, width)
}

fn dominated_region(area: &Area, steps: &[(f64, f64)]) -> Element {
    let mut line = corners(area, steps);
    if line.is_empty() {
        return Element::new("g");
    }
    line.push((area.right, area.top));
    Element::new("path").with("d", path(&line) + "Z").with("fill", FRONT).with("fill-opacity", "0.07")
}

/// The accuracy and the cost of both ends of the front, in words.
fn end_labels(area: &Area, steps: &[(f64, f64)], unit: &str, answers: &[Shown]) -> Element {
    let mut group = Element::new("g");
    let (Some(&first), Some(&last)) = (steps.first(), steps.last()) else {
        return group;
    };
    let mut note = |(x, y): (f64, f64), offset: (f64, f64), anchor| {
        let found = answers.iter().find(|s| (s.x, s.y) == (x, y));
        if let (Some(shown), Some((px, py))) = (found, area.place(x, y)) {
            let accuracy = value_text(100.0 * shown.point.accuracy);
            let text = format!("{accuracy} % in {} {unit}", value_text(x));
            group.push(strong_label(text.trim_end(), px + offset.0, py + offset.1, anchor));
        }
    };
    note(first, (11.0, -9.0), "start");
    if last != first {
        let near_right = area.place(last.0, last.1).is_some_and(|(x, _)| x > WIDTH - 170.0);
        match near_right {
            true => note(last, (4.0, -13.0), "end"),
            false => note(last, (9.0, -10.0), "start"),
        }
    }
    group
}

fn legend_entries(with_dominated: bool, with_random: bool) -> Vec<(Element, String)> {
    let dot = |radius: f64| Element::new("circle").with("cx", "10").number("r", radius);
    let step = path(&[(0.0, -6.0), (0.0, 0.0), (12.0, 0.0), (12.0, 6.0), (20.0, 6.0)]);
    let mut spectrum = Element::new("g");
    for i in 0..10 {
        let weight = i as f64 / 9.0;
        spectrum.push(
            Element::new("rect")
                .number("x", 2.0 * i as f64)
                .with("y", "-5")
                .with("width", "2.1")
                .with("height", "10")
                .with("fill", style::preference(weight)),
        );
    }
    let mut entries = vec![
        (
            Element::new("path").with("d", step).with("fill", "none").with("stroke", FRONT).with("stroke-width", "2"),
            "front".to_owned(),
        ),
        (spectrum, "answer to a preference, from fast to accurate".to_owned()),
    ];
    if with_dominated {
        let mark = dot(4.5)
            .class("ground")
            .with("fill", GROUND)
            .with("stroke", style::preference(0.5))
            .with("stroke-width", "2");
        entries.push((mark, "dominated answer".to_owned()));
    }
    if with_random {
        let mark = dot(4.2).class("pale").with("fill", PALE);
        entries.push((mark, "random architecture".to_owned()));
    }
    let cross = format!("M{} 0L{} 0M10 -5L10 5", number(5.0), number(15.0));
    entries.push((
        Element::new("path").class("soft-line").with("d", cross).with("stroke", INK).with("stroke-width", "1.6"),
        "ideal".to_owned(),
    ));
    entries
}
