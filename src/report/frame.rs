//! The frame around data: title, axes, grid, labels, legend.

use super::scale::{Scale, tick_labels};
use super::style::PLOT_SHEET;
use super::svg::{Element, number, path};

/// Lightest to darkest of what is not data.
pub(super) const GROUND: &str = "#ffffff";
pub(super) const GRID: &str = "#e7eaef";
pub(super) const AXIS: &str = "#9aa3af";
pub(super) const SOFT: &str = "#66707f";
pub(super) const INK: &str = "#1b2330";
pub(super) const PALE: &str = "#a3abb8";

/// An empty picture on its ground. `description` is what a screen reader says.
pub(super) fn picture(width: f64, height: f64, description: &str) -> Element {
    let ground = Element::new("rect")
        .class("ground")
        .number("width", width)
        .number("height", height)
        .with("rx", "8")
        .with("fill", GROUND);
    Element::new("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("viewBox", format!("0 0 {} {}", number(width), number(height)))
        .number("width", width)
        .number("height", height)
        .with("role", "img")
        .with("aria-label", description)
        .class("plot")
        .with("font-family", "Inter, Segoe UI, system-ui, Helvetica, Arial, sans-serif")
        .child(ground)
}

/// A picture as a file of its own: with the style sheet that a page otherwise holds once.
pub fn standalone(picture: &Element) -> String {
    let styled = picture.clone().prepend(Element::style(PLOT_SHEET));
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", styled.render())
}

/// A line of text. `anchor` is `start`, `middle` or `end`.
pub(super) fn label(text: &str, x: f64, y: f64, size: f64, anchor: &'static str) -> Element {
    Element::new("text")
        .class("soft")
        .number("x", x)
        .number("y", y)
        .number("font-size", size)
        .with("text-anchor", anchor)
        .with("fill", SOFT)
        .text(text)
}

/// A line of text as strong as data.
pub(super) fn strong_label(text: &str, x: f64, y: f64, anchor: &'static str) -> Element {
    label(text, x, y, 12.5, anchor)
        .class("ink halo")
        .with("fill", INK)
        .with("font-weight", "600")
        .with("stroke", GROUND)
        .with("stroke-width", "3.5")
        .with("paint-order", "stroke")
}

/// A line of text that leads.
pub(super) fn heading(text: &str, x: f64, y: f64, size: f64) -> Element {
    Element::new("text")
        .class("ink")
        .number("x", x)
        .number("y", y)
        .number("font-size", size)
        .with("font-weight", "600")
        .with("fill", INK)
        .text(text)
}

/// A stroked line through points.
pub(super) fn stroke(points: &[(f64, f64)], colour: &str, width: f64) -> Element {
    Element::new("path")
        .with("d", path(points))
        .with("fill", "none")
        .with("stroke", colour)
        .number("stroke-width", width)
        .with("stroke-linejoin", "round")
}

/// About how wide a text is, in pixels: without fonts at hand, a fair guess for a sans-serif.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let units: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ':' | '|' | ' ' | '(' | ')' => 0.34,
            'm' | 'w' | 'M' | 'W' => 0.86,
            c if c.is_uppercase() => 0.68,
            _ => 0.59,
        })
        .sum();
    units * size
}

/// Where the data goes, and how values map there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub x: Scale,
    pub y: Scale,
}

impl Area {
    /// The place of a point; `None` where it cannot be shown.
    pub fn place(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (self.x.place(x)?, self.y.place(y)?);
        // Far outside is as good as infinitely far, and keeps coordinates small.
        let (x, y) = (x.clamp(-10.0, 11.0), y.clamp(-10.0, 11.0));
        Some((self.left + x * (self.right - self.left), self.bottom - y * (self.bottom - self.top)))
    }

    /// The place of a point, or the nearest place on the border of the area.
    pub fn place_inside(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = self.place(x, y)?;
        Some((x.clamp(self.left, self.right), y.clamp(self.top, self.bottom)))
    }
}

/// Names around the axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels<'a> {
    pub title: &'a str,
    pub subtitle: &'a str,
    pub x: &'a str,
    pub y: &'a str,
}

/// Draws title, grid, axes and ticks.
pub(super) fn axes(area: &Area, labels: &Labels) -> Element {
    let mut group = Element::new("g");
    group.push(heading(labels.title, 20.0, 30.0, 17.0));
    group.push(label(labels.subtitle, 20.0, 50.0, 12.5, "start"));
    let grid = |points: &[(f64, f64)]| stroke(points, GRID, 1.0).class("grid");
    let width = area.right - area.left;
    let ticks = area.x.ticks((width / 95.0) as usize + 1);
    for (tick, text) in ticks.iter().zip(tick_labels(&ticks)) {
        if let Some((x, _)) = area.place(*tick, area.y.low()) {
            group.push(grid(&[(x, area.top), (x, area.bottom)]));
            group.push(label(&text, x, area.bottom + 19.0, 12.0, "middle"));
        }
    }
    y_ticks(area, &mut group);
    group.push(stroke(&[(area.left, area.bottom), (area.right, area.bottom)], AXIS, 1.0).class("axis"));
    let middle = (area.left + area.right) / 2.0;
    group.push(label(labels.x, middle, area.bottom + 42.0, 13.0, "middle"));
    group.push(y_label(area, labels.y));
    group
}

/// Horizontal grid lines with their values.
pub(super) fn y_ticks(area: &Area, group: &mut Element) {
    let height = area.bottom - area.top;
    let ticks = area.y.ticks((height / 62.0) as usize + 1);
    for (tick, text) in ticks.iter().zip(tick_labels(&ticks)) {
        if let Some((_, y)) = area.place(area.x.low(), *tick) {
            group.push(stroke(&[(area.left, y), (area.right, y)], GRID, 1.0).class("grid"));
            group.push(label(&text, area.left - 9.0, y + 4.0, 12.0, "end"));
        }
    }
}

/// The name of the vertical axis, reading upwards.
pub(super) fn y_label(area: &Area, text: &str) -> Element {
    let middle = (area.top + area.bottom) / 2.0;
    label(text, 0.0, 0.0, 13.0, "middle").with("transform", format!("translate(22 {}) rotate(-90)", number(middle)))
}

/// A row of legend entries from `x` to the right, each a mark (drawn around the origin, 20 wide) and its name.
pub(super) fn legend(x: f64, y: f64, width: f64, entries: Vec<(Element, String)>) -> Element {
    let mut group = Element::new("g");
    let (mut at, mut row) = (x, y);
    for (mark, name) in entries {
        let needs = 26.0 + text_width(&name, 12.5) + 20.0;
        if at > x && at + needs > x + width {
            (at, row) = (x, row + 20.0);
        }
        let place = format!("translate({} {})", number(at), number(row));
        group
            .push(Element::new("g").with("transform", place).child(mark).child(label(&name, 26.0, 4.0, 12.5, "start")));
        at += needs;
    }
    group
}

/// How many rows [`legend`] will take.
pub(super) fn legend_rows<'a>(width: f64, names: impl Iterator<Item = &'a str>) -> usize {
    let (mut at, mut rows) = (0.0, 1);
    for name in names {
        let needs = 26.0 + text_width(name, 12.5) + 20.0;
        if at > 0.0 && at + needs > width {
            (at, rows) = (0.0, rows + 1);
        }
        at += needs;
    }
    rows
}
