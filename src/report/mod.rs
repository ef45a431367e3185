//! Plots and pages that people look at.
