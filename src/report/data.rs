//! What a report is made of: plain data, filled in by whoever ran the search.

use super::svg::Element;

/// A quantity that a device is asked for beside the task loss, such as latency in `ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Name in titles and columns, such as `latency`.
    pub name: String,
    /// Unit of every value of it, empty for a plain count.
    pub unit: String,
}

/// An architecture and how it did on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontPoint {
    /// The preference that it answers, task loss first, then one weight a quantity. Empty for an architecture that
    /// answers none, such as a random one.
    pub preference: Vec<f64>,
    /// The architecture as text, in the form of its search space.
    pub architecture: String,
    /// What the metapredictor says, one value a quantity, in the quantity's unit. May be empty.
    pub predicted: Vec<f64>,
    /// What the device took, one value a quantity; `None` where it was not measured.
    pub measured: Vec<Option<f64>>,
    /// Held-out accuracy, 0 to 1.
    pub accuracy: f64,
    /// Held-out loss.
    pub loss: f64,
}

impl FrontPoint {
    /// The measured value of a quantity, or else the predicted one.
    pub fn value(&self, quantity: usize) -> Option<f64> {
        let measured = self.measured.get(quantity).copied().flatten();
        measured.or_else(|| self.predicted.get(quantity).copied())
    }
}

/// One column of the plot's y axis: what of an architecture's quality is shown. Smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// Held-out loss.
    Loss,
    /// Held-out error in percent, `100 (1 - accuracy)`.
    Error,
}

impl Quality {
    /// The value of a point.
    pub fn of(self, point: &FrontPoint) -> f64 {
        match self {
            Self::Loss => point.loss,
            Self::Error => 100.0 * (1.0 - point.accuracy),
        }
    }

    /// The label of an axis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Loss => "held-out loss",
            Self::Error => "held-out error (%)",
        }
    }
}

/// A picture with a line about what it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What is to be seen, a sentence.
    pub caption: String,
    /// The picture, as the functions of [`plots`](super::plots) draw it.
    pub picture: Element,
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Note,
    /// A result may be worth less than it looks.
    Warning,
}

/// Something that a reader should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// The message.
    pub text: String,
}

/// A fact with its name, such as `("hypervolume", "0.94")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// All about one device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSection {
    /// The device profile's name.
    pub name: String,
    /// Shown as tiles under the name: hypervolume, Kendall tau, ...
    pub facts: Vec<Fact>,
    /// The quantities of `predicted` and `measured`, in their order.
    pub quantities: Vec<Quantity>,
    /// One row of the table each, in this order.
    pub front: Vec<FrontPoint>,
    /// The front, the predictor, cells, ...
    pub figures: Vec<Figure>,
    /// What a reader should know about this device.
    pub messages: Vec<Message>,
}

/// A whole report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The heading.
    pub title: String,
    /// A sentence or two under the heading.
    pub summary: String,
    /// Shown as tiles under the summary.
    pub facts: Vec<Fact>,
    /// What a reader should know about the run.
    pub messages: Vec<Message>,
    /// One section a device.
    pub devices: Vec<DeviceSection>,
    /// About the whole run: training curves, hypervolume of all devices.
    pub figures: Vec<Figure>,
    /// Versions, seed, hashes: what it takes to run it again.
    pub manifest: Vec<Fact>,
}
