//! An hour of random outages: every event of the server is delivered once, or lies in a gap that was told.
//!
//! `SIMULATOR_SEED` and `SIMULATOR_RUNS` choose other runs; a failure names its seed.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use simulator::incoming::{Figures, Plan, World};

/// What must have happened in so many runs.
const NEEDED: [&str; 25] = [
    "cuts",
    "half-open: ours was closed",
    "half-open: silence",
    "half-open: the server's was closed",
    "half-open: deaf one way",
    "outages",
    "closed by the server",
    "restarts with memory",
    "restarts without memory",
    "take-overs",
    "polling sessions ended",
    "recovered",
    "replayed",
    "dropped as known",
    "none-offered",
    "no-offset",
    "server-not-noticed",
    "unknown-session",
    "namespace-disconnect",
    "overflow",
    "one of two servers down",
    "new-node",
    "seam",
    "sessions taken up",
    "storage",
];
/// Runs in which all of that happens.
const ENOUGH: u64 = 200;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn each_event_comes_once_or_lies_in_a_gap() {
    let first = variable("SIMULATOR_SEED", 1);
    let runs = variable("SIMULATOR_RUNS", ENOUGH);
    let mut figures = Figures::default();
    for seed in first..first + runs {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(Plan::new(seed), seed);
            world.run();
            world.figures
        });
        let Ok(of_seed) = result else {
            panic!("SIMULATOR_SEED={seed} SIMULATOR_RUNS=1 shows it again: {:?}", Plan::new(seed))
        };
        figures += of_seed;
    }
    println!("seeds {first}..{}: {figures}", first + runs);
    if runs >= ENOUGH {
        for kind in NEEDED {
            assert!(figures.of(kind) > 0, "no {kind:?} in {runs} runs");
        }
    }
}
