//! Plots and pages that people look at.
//!
//! Whoever ran a search fills in the plain structs of [`data`], draws pictures with [`plots`] and hands all to
//! [`page::render`], which gives one HTML file: no script, no font, nothing from outside, so that it opens anywhere and
//! for good. Pictures are SVG; [`standalone`] makes a file of one.
//!
//! This room leaves to its caller: reading a run folder, computing correlations and hypervolumes, writing files.

pub mod data;
mod frame;
pub mod page;
pub mod plots;
pub mod scale;
pub mod style;
pub mod svg;

pub use data::{DeviceSection, Fact, Figure, FrontPoint, Message, Quality, Quantity, Report, Severity};
pub use frame::standalone;
