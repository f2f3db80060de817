//! Seeds that once broke a law, each with what it was.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use simulator::incoming::{Plan, World};
use simulator::{Chosen, Journal};

fn again(seeds: &[(u64, &str)], plan: impl Fn(u64) -> Plan) {
    for (seed, what) in seeds {
        println!("{seed}: {what}");
        World::new(plan(*seed), *seed, Journal::new(Chosen::All, false)).run();
    }
}

/// Of the first worlds, whose plans and troubles stay as they were for this.
const PLAIN: [(u64, &str); 2] = [
    (1_774_932_356, "a server's clock was set back, and another process heard an event twice"),
    (1_774_931_677, "a server was stopped, and a connection stayed deaf"),
];

#[test]
fn seeds_of_the_first_worlds_that_once_failed() {
    again(&PLAIN, Plan::plain);
}

/// Of the worlds that grew, before what becomes of emits was judged in them.
const GROWN: [(u64, &str); 3] = [
    (7_000_125, "a server gave an upgrade up during a sleep, and a connection stayed deaf"),
    (
        7418,
        "a server gave a new session the name of one that was claimed, and a connection was deaf after the next claim",
    ),
    (5037, "what came during a sleep was overtaken by what came at its end"),
];

#[test]
fn seeds_that_once_failed() {
    again(&GROWN, |seed| Plan::new(seed).unjudged());
}

/// Of those, before emits were sent again in them.
const JUDGED: [(u64, &str); 2] = [
    (57_469_385, "a server threw out a client that was just leaving, whose last emits were still to go"),
    (78178, "a stall held up the last that came before a silence"),
];

#[test]
fn seeds_of_emits_among_events_that_once_failed() {
    again(&JUDGED, |seed| Plan { window: None, ..Plan::new(seed) });
}

/// Of emits, before the server restarted in them.
const EMITS: [(u64, &str); 1] = [(
    3_117_030_142,
    "a full sink kept a connection that nobody wanted, and its end came with the last look for frames",
)];

#[test]
fn seeds_of_emits_that_once_failed() {
    for (seed, what) in EMITS {
        println!("{seed}: {what}");
        let plan = simulator::Plan { restarts: None, ..simulator::Plan::new(seed) };
        simulator::World::new(plan, seed, Journal::new(Chosen::All, false)).run();
    }
}
