//! An hour of random outages: every event of the server is delivered once, or lies in a gap that was told.
//!
//! `SIMULATOR_SEED` and `SIMULATOR_RUNS` choose other runs; a failure names its seed.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use simulator::run::{ENOUGH, Kind};

#[test]
fn each_event_comes_once_or_lies_in_a_gap() {
    simulator::run::share(Kind::Incoming, ENOUGH);
}
