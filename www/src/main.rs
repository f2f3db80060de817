//! Builds and serves the demonstration page.
fn main() {}
