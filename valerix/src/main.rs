//! The one binary: the whole stack, each service, and the tools around them.
fn main() {}
