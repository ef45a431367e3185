//! A cell as a graph: nodes are feature maps, edges are operations.

use crate::report::frame::{AXIS, GROUND, INK, heading, label, picture, text_width};
use crate::report::style;
use crate::report::svg::{Element, number};

const WIDTH: f64 = 560.0;
/// Distance of neighbouring nodes.
const GAP: f64 = 150.0;
/// How high an arc over one node more rises.
const RISE: f64 = 62.0;

/// An operation between two nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellEdge {
    /// The node it reads.
    pub from: usize,
    /// The node it adds to, above `from`.
    pub to: usize,
    /// Its name, such as `nor_conv_3x3`. `none` is drawn as a dotted line.
    pub operation: String,
}

/// A cell drawn from its input on the left to its output on the right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellPlot {
    /// The heading.
    pub title: String,
    /// A line under the heading; may be empty.
    pub subtitle: String,
    /// The operations.
    pub edges: Vec<CellEdge>,
}

/// A cubic curve between two nodes.
struct Arc {
    from: (f64, f64),
    to: (f64, f64),
    /// How far the curve's middle lies over (negative) or under the nodes.
    bend: f64,
}

impl Arc {
    fn data(&self) -> String {
        // The middle of a cubic lies at three quarters of its control points' height.
        let lift = self.bend * 4.0 / 3.0;
        let reach = (self.to.0 - self.from.0) * 0.22;
        format!(
            "M{} {}C{} {} {} {} {} {}",
            number(self.from.0),
            number(self.from.1),
            number(self.from.0 + reach),
            number(self.from.1 + lift),
            number(self.to.0 - reach),
            number(self.to.1 + lift),
            number(self.to.0),
            number(self.to.1)
        )
    }

    fn middle(&self) -> (f64, f64) {
        ((self.from.0 + self.to.0) / 2.0, (self.from.1 + self.to.1) / 2.0 + self.bend)
    }
}

impl CellPlot {
    /// Reads the published form, `|op~0|+|op~0|op~1|+...`: the `i`-th group holds what goes into node `i + 1`. `None` for
    /// any other text.
    pub fn from_architecture(title: &str, subtitle: &str, architecture: &str) -> Option<Self> {
        let mut edges = Vec::new();
        for (i, group) in architecture.split('+').enumerate() {
            let inner = group.trim().strip_prefix('|')?.strip_suffix('|')?;
            for part in inner.split('|') {
                let (operation, from) = part.rsplit_once('~')?;
                let from: usize = from.parse().ok()?;
                if from > i || operation.is_empty() {
                    return None;
                }
                edges.push(CellEdge { from, to: i + 1, operation: operation.into() });
            }
        }
        Some(Self { title: title.into(), subtitle: subtitle.into(), edges })
    }

    /// The picture.
    pub fn draw(&self) -> Element {
        let nodes = self.edges.iter().map(|e| e.to + 1).max().unwrap_or(2).max(2);
        let above = self.edges.iter().map(|e| bend(e, nodes)).fold(0.0, f64::min);
        let below = self.edges.iter().map(|e| bend(e, nodes)).fold(0.0, f64::max);
        let base = 84.0 - above;
        let left = 58.0;
        let width = (left * 2.0 + GAP * (nodes - 1) as f64).max(WIDTH);
        let place = |node: usize| (left + GAP * node as f64, base);
        let height = base + below + 46.0;

        let description = format!("{}. {}", self.title, self.subtitle);
        let mut svg = picture(width, height, &description);
        svg.push(heading(&self.title, 20.0, 30.0, 17.0));
        svg.push(label(&self.subtitle, 20.0, 50.0, 12.5, "start"));
        // Lines first, names over them, nodes over all.
        let edges = self.edges.iter().filter(|e| e.from < e.to);
        let arcs: Vec<(&CellEdge, Arc)> = edges
            .map(|edge| {
                let arc = Arc { from: place(edge.from), to: place(edge.to), bend: bend(edge, nodes) };
                (edge, arc)
            })
            .collect();
        for (edge, arc) in &arcs {
            svg.push(edge_line(edge, arc));
        }
        for (edge, arc) in &arcs {
            if edge.operation != "none" {
                svg.push(edge_name(edge, arc));
            }
        }
        for node in 0..nodes {
            let name = match node {
                0 => "in".to_owned(),
                n if n + 1 == nodes => "out".to_owned(),
                n => n.to_string(),
            };
            svg.push(node_mark(place(node), &name));
        }
        svg
    }
}

/// Neighbours are joined by a straight line, others by arcs: over the nodes where the edge starts at the input, under them
/// otherwise, the further apart the higher.
fn bend(edge: &CellEdge, nodes: usize) -> f64 {
    let span = edge.to.saturating_sub(edge.from);
    if span <= 1 {
        return 0.0;
    }
    let rise = RISE * (span - 1) as f64;
    // Edges from later nodes lie nested when there are many nodes.
    if edge.from == 0 || (nodes > 4 && edge.from.is_multiple_of(2)) { -rise } else { rise }
}

fn edge_line(edge: &CellEdge, arc: &Arc) -> Element {
    let line = Element::new("path")
        .with("d", arc.data())
        .with("fill", "none")
        .with("stroke", style::operation(&edge.operation));
    let line = match edge.operation.as_str() {
        "none" => line.with("stroke-width", "1.5").with("stroke-dasharray", "1.5 5").with("stroke-linecap", "round"),
        _ => line.with("stroke-width", "3"),
    };
    line.hover(format!("{} to {}: {}", edge.from, edge.to, edge.operation))
}

fn edge_name(edge: &CellEdge, arc: &Arc) -> Element {
    let text = style::operation_label(&edge.operation);
    let colour = style::operation(&edge.operation);
    let (x, y) = arc.middle();
    let width = text_width(&text, 12.5) + 20.0;
    let pill = Element::new("rect")
        .class("pill")
        .number("x", x - width / 2.0)
        .number("y", y - 12.0)
        .number("width", width)
        .with("height", "24")
        .with("rx", "12")
        .with("fill", GROUND)
        .with("stroke", colour)
        .with("stroke-width", "1.5");
    let name = Element::new("text")
        .class("ink")
        .number("x", x)
        .number("y", y + 4.5)
        .with("font-size", "12.5")
        .with("font-weight", "500")
        .with("text-anchor", "middle")
        .with("fill", INK)
        .text(text);
    Element::new("g").child(pill).child(name)
}

fn node_mark((x, y): (f64, f64), name: &str) -> Element {
    let circle = Element::new("circle")
        .class("node")
        .number("cx", x)
        .number("cy", y)
        .with("r", "20")
        .with("fill", "#f4f6f9")
        .with("stroke", AXIS)
        .with("stroke-width", "1.5");
    let text = Element::new("text")
        .class("ink")
        .number("x", x)
        .number("y", y + 5.0)
        .with("font-size", "14")
        .with("font-weight", "600")
        .with("text-anchor", "middle")
        .with("fill", INK)
        .text(name);
    Element::new("g").child(circle).child(text)
}
