//! What the tests of pictures and of pages share.

use parnas::report::plots::FrontPlot;
use parnas::report::{FrontPoint, Quality, Quantity};
use roxmltree::{Document, ParsingOptions};

/// Checks that markup is well-formed and that every attribute which a viewer reads as numbers has only finite ones.
#[track_caller]
pub fn check(markup: &str) {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(markup, options).expect("well-formed");
    for node in document.descendants() {
        for attribute in node.attributes() {
            let text = attribute.value();
            if !matches!(attribute.name(), "title" | "aria-label" | "class" | "content") {
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
            let numeric = ["x", "y", "cx", "cy", "r", "width", "height"];
            if numeric.contains(&attribute.name()) {
                let value: f64 = text.parse().expect("a number");
                assert!(value.is_finite() && value.abs() < 1e5, "{value}");
            }
        }
    }
}

/// Latency in milliseconds, the only quantity.
pub fn latency() -> Vec<Quantity> {
    vec![Quantity { name: "latency".into(), unit: "ms".into() }]
}

/// A plot of loss against latency, both linear.
pub fn front_plot<'a>(quantities: &'a [Quantity], front: &'a [FrontPoint], random: &'a [FrontPoint]) -> FrontPlot<'a> {
    FrontPlot {
        device: "cpu_parnas_1",
        quantities,
        quantity: 0,
        quality: Quality::Loss,
        front,
        random,
        logarithmic: false,
        logarithmic_quality: false,
    }
}
