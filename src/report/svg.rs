//! A tree of XML elements and how it is written. Whatever text goes in, what comes out is well-formed.

use std::fmt::Write;

/// An element with its attributes and children, for SVG and for XHTML-compatible HTML.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Element(Element),
    Text(String),
    /// Written as it is; only for style sheets of this crate.
    Raw(&'static str),
}

impl Element {
    /// An element without attributes and children.
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new() }
    }

    /// A `style` element around one of this crate's own style sheets.
    pub(super) fn style(sheet: &'static str) -> Self {
        let mut element = Self::new("style");
        element.children.push(Node::Raw(sheet));
        element
    }

    /// Sets an attribute, in place of an earlier value; it is escaped when it is written.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        match self.attributes.iter_mut().find(|(n, _)| *n == name) {
            Some(attribute) => attribute.1 = value,
            None => self.attributes.push((name, value)),
        }
        self
    }

    /// Sets an attribute to a number, written by [`number`].
    pub fn number(self, name: &'static str, value: f64) -> Self {
        self.with(name, number(value))
    }

    /// Sets the `class` attribute.
    pub fn class(self, names: &str) -> Self {
        self.with("class", names)
    }

    /// Appends text; it is escaped when it is written.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// Appends a child.
    pub fn child(mut self, child: Self) -> Self {
        self.push(child);
        self
    }

    /// Appends children.
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Appends a `title`, which a viewer shows where the pointer rests on the element.
    pub fn hover(self, text: impl Into<String>) -> Self {
        self.child(Self::new("title").text(text))
    }

    /// Appends a child in place.
    pub fn push(&mut self, child: Self) {
        self.children.push(Node::Element(child));
    }

    /// Puts a child before all others.
    pub(super) fn prepend(mut self, child: Self) -> Self {
        self.children.insert(0, Node::Element(child));
        self
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The markup.
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        // Elements that HTML closes by itself must not have an end tag, all others must.
        if self.children.is_empty() && matches!(self.name, "meta" | "link" | "br" | "hr" | "img") {
            out.push_str(" />");
            return;
        }
        out.push('>');
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(out),
                Node::Text(text) => escape(text, out),
                Node::Raw(text) => out.push_str(text),
            }
        }
        out.push_str("</");
        out.push_str(self.name);
        out.push('>');
    }
}

/// Escapes what markup would misread, and drops control characters, which XML has no way to write.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
}

/// A coordinate with at most two digits behind the point. A value that is not finite becomes 0: it must never reach a
/// viewer, and what draws leaves such points out before.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".into();
    }
    let mut text = format!("{value:.2}");
    while text.ends_with('0') {
        text.pop();
    }
    if text.ends_with('.') {
        text.pop();
    }
    if text == "-0" { "0".into() } else { text }
}

/// A path through points: `M x y L x y ...`; empty without points.
pub fn path(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(data, "{command}{} {}", number(x), number(y));
    }
    data
}
