//! `spotloom`: parse arguments, run, exit code.

fn main() {}
