//! `report.html`: one file with everything in it.

use super::data::{DeviceSection, Fact, Figure, FrontPoint, Message, Quantity, Report, Severity};
use super::scale::value_text;
use super::style::{self, PAGE_SHEET, PLOT_SHEET};
use super::svg::{Element, number};

/// The page as HTML that is well-formed XML too. Every text is escaped.
pub fn render(report: &Report) -> String {
    let head = Element::new("head")
        .child(Element::new("meta").with("charset", "utf-8"))
        .child(Element::new("meta").with("name", "viewport").with("content", "width=device-width, initial-scale=1"))
        .child(Element::new("meta").with("name", "color-scheme").with("content", "light dark"))
        .child(Element::new("title").text(&report.title))
        .child(Element::style(PAGE_SHEET))
        .child(Element::style(PLOT_SHEET));
    let mut main = Element::new("main");
    let mut header = Element::new("header").child(Element::new("h1").text(&report.title));
    if !report.summary.is_empty() {
        header.push(Element::new("p").class("summary").text(&report.summary));
    }
    main.push(header);
    if !report.facts.is_empty() {
        main.push(tiles(&report.facts));
    }
    main.push(messages(&report.messages));
    if report.devices.len() > 1 {
        main.push(contents(&report.devices));
    }
    for (index, device) in report.devices.iter().enumerate() {
        main.push(device_section(index, device));
    }
    if !report.figures.is_empty() {
        let section = Element::new("section").child(Element::new("h2").text("The run"));
        main.push(section.child(figures(&report.figures)));
    }
    if !report.manifest.is_empty() {
        main.push(manifest(&report.manifest));
    }
    let body = Element::new("body").child(main);
    let html = Element::new("html").with("lang", "en").child(head).child(body);
    format!("<!DOCTYPE html>\n{}\n", html.render())
}

/// The place of a device's section on the page. Names may hold anything, so the position makes it.
fn anchor(index: usize) -> String {
    format!("device-{index}")
}

fn contents(devices: &[DeviceSection]) -> Element {
    let link = |(index, device): (usize, &DeviceSection)| {
        let href = format!("#{}", anchor(index));
        Element::new("a").with("href", href).text(&device.name)
    };
    Element::new("nav").children(devices.iter().enumerate().map(link))
}

fn tiles(facts: &[Fact]) -> Element {
    let tile = |fact: &Fact| {
        Element::new("div").child(Element::new("dt").text(&fact.name)).child(Element::new("dd").text(&fact.value))
    };
    Element::new("dl").class("tiles").children(facts.iter().map(tile))
}

fn messages(messages: &[Message]) -> Element {
    let message = |message: &Message| {
        let (class, word) = match message.severity {
            Severity::Note => ("message note", "Note"),
            Severity::Warning => ("message warning", "Warning"),
        };
        Element::new("p").class(class).child(Element::new("strong").text(word)).text(" ").text(&message.text)
    };
    Element::new("div").children(messages.iter().map(message))
}

fn figures(figures: &[Figure]) -> Element {
    let figure = |figure: &Figure| {
        // A wide picture takes the page's width, smaller ones share it.
        let width = figure.picture.attribute("width").and_then(|w| w.parse().ok());
        let wide = width.is_some_and(|w: f64| w > 700.0);
        let mut element =
            Element::new("figure").class(if wide { "wide" } else { "small" }).child(figure.picture.clone());
        if !figure.caption.is_empty() {
            element.push(Element::new("figcaption").text(&figure.caption));
        }
        element
    };
    Element::new("div").class("figures").children(figures.iter().map(figure))
}

fn device_section(index: usize, device: &DeviceSection) -> Element {
    let mut section = Element::new("section").with("id", anchor(index)).child(Element::new("h2").text(&device.name));
    if !device.facts.is_empty() {
        section.push(tiles(&device.facts));
    }
    section.push(messages(&device.messages));
    section.push(figures(&device.figures));
    section.push(match device.front.is_empty() {
        true => Element::new("p").class("empty").text("No architecture was found."),
        false => front_table(&device.quantities, &device.front),
    });
    section
}

fn front_table(quantities: &[Quantity], front: &[FrontPoint]) -> Element {
    let heading = |text: &str, unit: &str| {
        let mut cell = Element::new("th").with("scope", "col").text(text);
        if !unit.is_empty() {
            cell.push(Element::new("small").text(unit));
        }
        cell
    };
    let mut head = Element::new("tr")
        .child(heading("preference", &preference_order(quantities)))
        .child(heading("architecture", ""));
    for quantity in quantities {
        head.push(heading(&format!("predicted {}", quantity.name), &quantity.unit));
        head.push(heading(&format!("measured {}", quantity.name), &quantity.unit));
    }
    head.push(heading("accuracy", "%"));
    head.push(heading("loss", ""));
    // Neighbouring preferences often have one answer: one row, not many alike.
    let same = |a: &FrontPoint, b: &FrontPoint| {
        a.architecture == b.architecture && a.measured == b.measured && a.accuracy == b.accuracy
    };
    let rows = front.chunk_by(same).map(|alike| front_row(quantities.len(), alike));
    let table =
        Element::new("table").child(Element::new("thead").child(head)).child(Element::new("tbody").children(rows));
    Element::new("div").class("table").child(table)
}

/// `loss, latency`: what the weights of a preference belong to.
fn preference_order(quantities: &[Quantity]) -> String {
    let names = quantities.iter().map(|q| q.name.as_str());
    let all: Vec<&str> = std::iter::once("loss").chain(names).collect();
    all.join(", ")
}

/// A row for points that differ only in their preference; `alike` has at least one.
fn front_row(quantities: usize, alike: &[FrontPoint]) -> Element {
    let Some(point) = alike.first() else {
        return Element::new("tr");
    };
    let value = |value: Option<f64>| {
        let text = value.map_or_else(|| "–".into(), value_text);
        Element::new("td").class("value").text(text)
    };
    let mut row = Element::new("tr").child(preference_cell(alike)).child(architecture_cell(&point.architecture));
    for quantity in 0..quantities {
        let predicted = point.predicted.get(quantity).copied();
        let measured = point.measured.get(quantity).copied().flatten();
        row.push(value(predicted));
        let mut cell = value(measured);
        if let (Some(predicted), Some(measured)) = (predicted, measured) {
            let off = predicted / measured - 1.0;
            if off.is_finite() {
                cell = cell.with("title", format!("predicted {:+.1} %", 100.0 * off));
            }
        }
        row.push(cell);
    }
    let percent = match point.accuracy.is_finite() {
        true => format!("{:.2}", 100.0 * point.accuracy),
        false => "–".into(),
    };
    row.push(Element::new("td").class("value strong").text(percent));
    row.child(value(Some(point.loss)))
}

/// The weights of the first and the last preference, each with a bar that is filled by the weight of the task loss.
fn preference_cell(alike: &[FrontPoint]) -> Element {
    let mut cell = Element::new("td").class("preference");
    let ends = alike.first().into_iter().chain(alike.get(1..).and_then(<[_]>::last));
    for point in ends {
        let weights: Vec<String> = point.preference.iter().map(|w| format!("{w:.2}")).collect();
        let mut line = Element::new("div");
        if let Some(weight) = point.preference.first().filter(|w| w.is_finite()) {
            let style =
                format!("width:{}%;background:{}", number(100.0 * weight.clamp(0.0, 1.0)), style::preference(*weight));
            let fill = Element::new("span").with("style", style);
            line.push(Element::new("span").class("bar").child(fill));
        }
        let text = if weights.is_empty() { "–".into() } else { weights.join("  ") };
        cell.push(line.child(Element::new("span").text(text)));
    }
    if alike.len() > 2 {
        let note = format!("{} preferences, first and last shown", alike.len());
        cell = cell.with("title", note);
    }
    cell
}

/// The text, and where it lists operations, a square for each in the operation's colour.
fn architecture_cell(architecture: &str) -> Element {
    let mut cell = Element::new("td").class("architecture");
    let operations: Vec<&str> = architecture
        .split(['|', '+'])
        .filter_map(|part| part.rsplit_once('~'))
        .map(|(operation, _)| operation)
        .collect();
    if !operations.is_empty() {
        let square = |operation: &&str| {
            Element::new("i")
                .with("style", format!("background:{}", style::operation(operation)))
                .with("title", style::operation_label(operation))
        };
        let strip = Element::new("span").class("strip");
        cell.push(strip.children(operations.iter().map(square)));
    }
    cell.child(Element::new("code").text(architecture))
}

fn manifest(manifest: &[Fact]) -> Element {
    let row = |fact: &Fact| {
        Element::new("tr")
            .child(Element::new("th").with("scope", "row").text(&fact.name))
            .child(Element::new("td").child(Element::new("code").text(&fact.value)))
    };
    let body = Element::new("tbody").children(manifest.iter().map(row));
    let table = Element::new("table").class("manifest").child(body);
    Element::new("section")
        .child(Element::new("h2").text("To run it again"))
        .child(Element::new("div").class("table").child(table))
}
