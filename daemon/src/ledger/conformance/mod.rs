//! What every store has to do, as code: hold a new one against [`run`].
//!
//! Each case gets an empty ledger and reports what is wrong by panicking, like any test.

mod endings;
mod keeping;
mod ordering;
mod sample;
mod submitting;

pub use sample::{Bench, planned};

use super::api::Ledger;

/// Runs every case, each on a ledger of its own.
pub fn run(make: &dyn Fn() -> Box<dyn Ledger>) {
    for (name, case) in [submitting::CASES, ordering::CASES, endings::CASES, keeping::CASES].concat() {
        let ledger = make();
        let bench = Bench::new(&*ledger, name);
        case(&bench);
        bench.must(ledger.verify());
    }
}
