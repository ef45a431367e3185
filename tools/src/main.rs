//! Developer tools of parnas.
fn main() {}
