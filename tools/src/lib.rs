//! Developer tools of parnas. [`lint`] holds the rules for shaders that naga does not check, [`accept`] the checks that take
//! whole searches.

pub mod accept;
pub mod lint;
