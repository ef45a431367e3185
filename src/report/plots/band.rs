//! Curves with bands of uncertainty over a logarithmic axis: how far each method has come after so many evaluations.

use crate::report::frame::{Area, Labels, axes, legend, legend_rows, picture, stroke};
use crate::report::scale::{Scale, value_text};
use crate::report::style;
use crate::report::svg::{Element, path};

const WIDTH: f64 = 860.0;

/// One method.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Its name in the legend.
    pub name: String,
    /// `(x, mean, error)`, in the order of `x`; the band reaches one error up and down, and has no width where that is not finite.
    pub points: Vec<(f64, f64, f64)>,
}

/// Several methods over one logarithmic axis, with a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct BandPlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// What the bands are.
    pub subtitle: &'a str,
    /// What the x axis is.
    pub x: &'a str,
    /// What the y axis is.
    pub y: &'a str,
    /// The methods.
    pub bands: &'a [Band],
}

impl BandPlot<'_> {
    /// The picture.
    pub fn draw(&self) -> Element {
        let rows = legend_rows(WIDTH - 40.0, self.bands.iter().map(|band| band.name.as_str()));
        let top = 78.0 + 20.0 * rows as f64;
        let points = || self.bands.iter().flat_map(|band| &band.points);
        let across = || points().map(|point| point.0).filter(|&x| x > 0.0);
        let x = Scale::logarithmic(across()).without_margin(across());
        let y = Scale::linear(points().flat_map(|&(_, mean, error)| ends(mean, error)));
        let area = Area { left: 78.0, top, right: WIDTH - 26.0, bottom: top + 340.0, x, y };
        let mut svg = picture(WIDTH, area.bottom + 62.0, self.title);
        svg.push(axes(&area, &Labels { title: self.title, subtitle: self.subtitle, x: self.x, y: self.y }));
        let entry =
            |(i, band): (usize, &Band)| (stroke(&[(0.0, 0.0), (20.0, 0.0)], style::series(i), 2.5), band.name.clone());
        svg.push(legend(20.0, 74.0, WIDTH - 40.0, self.bands.iter().enumerate().map(entry).collect()));
        // All bands below all curves.
        for (i, band) in self.bands.iter().enumerate() {
            let side = |end: usize| {
                let place = move |&(x, mean, error): &(f64, f64, f64)| area.place_inside(x, ends(mean, error)[end]);
                band.points.iter().filter_map(place)
            };
            let around: Vec<(f64, f64)> = side(0).chain(side(1).collect::<Vec<_>>().into_iter().rev()).collect();
            let shape = Element::new("path").with("d", path(&around)).with("fill", style::series(i));
            svg.push(shape.with("fill-opacity", "0.16").with("stroke", "none"));
        }
        for (i, band) in self.bands.iter().enumerate() {
            let places = band.points.iter().filter_map(|&(x, mean, _)| area.place_inside(x, mean));
            let line = stroke(&places.collect::<Vec<_>>(), style::series(i), 2.0);
            svg.push(match band.points.last() {
                Some(&(x, mean, error)) => line.hover(format!(
                    "{}: {} ± {} at {}",
                    band.name,
                    value_text(mean),
                    value_text(error),
                    value_text(x)
                )),
                None => line,
            });
        }
        svg
    }
}

/// The lower and the upper end of a band.
fn ends(mean: f64, error: f64) -> [f64; 2] {
    let error = if error.is_finite() { error } else { 0.0 };
    [mean - error, mean + error]
}
