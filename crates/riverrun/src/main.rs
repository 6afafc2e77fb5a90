//! riverrun
fn main() {}
