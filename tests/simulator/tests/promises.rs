//! Random emits, networks and deaths: whatever happens, each emit has one end, and it is true.
//!
//! `SIMULATOR_SEED` and `SIMULATOR_RUNS` choose other runs; a failure names its seed.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use simulator::run::Kind;

#[test]
fn each_emit_has_one_end_and_it_is_true() {
    simulator::run::share(Kind::Emits, 500);
}
