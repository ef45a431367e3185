//! The pictures of a report. Each is plain data with a `draw` that gives an SVG [`Element`](super::svg::Element); none panics
//! and none writes NaN, whatever the data. What cannot be shown (a value that is not finite) is left out.

mod band;
mod cell;
mod curves;
mod front;
mod hypervolume;
mod predictor;
mod radar;
mod truth;

pub use band::{Band, BandPlot};
pub use cell::{CellEdge, CellPlot};
pub use curves::{Curve, CurvesPlot};
pub use front::FrontPlot;
pub use hypervolume::{Estimate, HypervolumePlot, HypervolumeRow};
pub use predictor::{PredictorPlot, PredictorPoint};
pub use radar::{RadarPlot, RadarSeries};
pub use truth::{TruthPlot, TruthSeries};
