//! How well a metapredictor knows a device: predicted against measured values.

use crate::report::data::Quantity;
use crate::report::frame::{Area, GRID, Labels, SOFT, axes, label, picture, stroke};
use crate::report::scale::{Scale, value_text};
use crate::report::style;
use crate::report::svg::{Element, path};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 560.0;

/// One architecture, predicted and measured.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictorPoint {
    /// The architecture as text.
    pub architecture: String,
    /// What the metapredictor says.
    pub predicted: f64,
    /// What the device took.
    pub measured: f64,
}

/// A scatter of predicted against measured values on equal axes, with the line where both agree and a band of 10 % around
/// it.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictorPlot<'a> {
    /// The device, for the title.
    pub device: &'a str,
    /// What is predicted.
    pub quantity: &'a Quantity,
    /// Held-out architectures.
    pub points: &'a [PredictorPoint],
    /// Kendall's rank correlation of predicted and measured values, for the title.
    pub kendall_tau: Option<f64>,
    /// Mean relative error, 0.05 for 5 %, for the title.
    pub relative_error: Option<f64>,
    /// Whether both axes are logarithmic.
    pub logarithmic: bool,
}

impl PredictorPlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let usable = |p: &&PredictorPoint| {
            let shown = |v: f64| v.is_finite() && (v > 0.0 || !self.logarithmic);
            shown(p.predicted) && shown(p.measured)
        };
        let points: Vec<&PredictorPoint> = self.points.iter().filter(usable).collect();
        let values = points.iter().flat_map(|p| [p.predicted, p.measured]);
        let scale = match self.logarithmic {
            true => Scale::logarithmic(values),
            false => Scale::linear(values),
        };
        let area = Area { left: 78.0, top: 72.0, right: WIDTH - 26.0, bottom: HEIGHT - 62.0, x: scale, y: scale };
        let title = format!("{}: predicted and measured {}", self.device, self.quantity.name);
        let mut subtitle = vec![format!("{} held-out architectures", points.len())];
        if let Some(tau) = self.kendall_tau.filter(|t| t.is_finite()) {
            subtitle.insert(0, format!("Kendall τ {tau:.3}"));
        }
        if let Some(error) = self.relative_error.filter(|e| e.is_finite()) {
            subtitle.insert(subtitle.len() - 1, format!("relative error {:.1} %", 100.0 * error));
        }
        let subtitle = subtitle.join("  ·  ");
        let unit = match self.quantity.unit.as_str() {
            "" => String::new(),
            unit => format!(" ({unit})"),
        };
        let mut svg = picture(WIDTH, HEIGHT, &format!("{title}. {subtitle}."));
        svg.push(agreement_band(&area));
        svg.push(axes(
            &area,
            &Labels {
                title: &title,
                subtitle: &subtitle,
                x: &format!("measured{unit}"),
                y: &format!("predicted{unit}"),
            },
        ));
        svg.push(identity(&area));
        for point in points {
            let Some((x, y)) = area.place(point.measured, point.predicted) else {
                continue;
            };
            let off = point.predicted / point.measured - 1.0;
            let mut hover = format!(
                "{}\npredicted {} {unit}, measured {} {unit}",
                point.architecture,
                value_text(point.predicted),
                value_text(point.measured),
                unit = self.quantity.unit,
            );
            if off.is_finite() {
                hover += &format!(" ({:+.1} %)", 100.0 * off);
            }
            svg.push(
                Element::new("circle")
                    .class("mark")
                    .number("cx", x)
                    .number("cy", y)
                    .with("r", "4.5")
                    .with("fill", style::series(0))
                    .with("fill-opacity", "0.62")
                    .hover(hover),
            );
        }
        svg
    }
}

/// Values along the axis, dense enough for a curve on a logarithmic one.
fn along(area: &Area) -> Vec<f64> {
    let (low, high) = (area.x.low(), area.x.high());
    (0..=48).map(|i| low + (high - low) * (i as f64 / 48.0)).collect()
}

/// Predictions within 10 % of the measured value.
fn agreement_band(area: &Area) -> Element {
    let edge = |factor: f64| {
        let at = move |v: f64| area.place_inside(v, v * factor);
        along(area).into_iter().filter_map(at).collect::<Vec<_>>()
    };
    let mut outline = edge(1.1);
    outline.extend(edge(0.9).into_iter().rev());
    Element::new("path")
        .with("d", path(&outline) + "Z")
        .with("fill", style::series(0))
        .with("fill-opacity", "0.09")
        .with("stroke", GRID)
        .with("stroke-opacity", "0")
}

fn identity(area: &Area) -> Element {
    let line = stroke(&[(area.left, area.bottom), (area.right, area.top)], SOFT, 1.2);
    let note = label("band: ±10 %", area.right - 8.0, area.bottom - 10.0, 12.0, "end");
    Element::new("g").child(line.class("soft-line").with("stroke-dasharray", "5 4")).child(note)
}
