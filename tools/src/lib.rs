//! Developer tools of parnas. [`lint`] holds the rules for shaders that naga does not check.

pub mod lint;
