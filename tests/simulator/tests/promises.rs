//! Random emits, networks and deaths: whatever happens, each emit has one end, and it is true.
//!
//! `SIMULATOR_SEED` and `SIMULATOR_RUNS` choose other runs; a failure names its seed.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use simulator::dice::Dice;
use simulator::{Figures, Plan, World};
use socketio_client_core::{BufferPolicy, Durability};

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn plan(seed: u64) -> Plan {
    let mut dice = Dice::new(seed.wrapping_mul(31));
    let exactly_once = dice.roll(2) == 0;
    let store = match dice.roll(4) {
        0 => Some(Durability::StoredFirst),
        1 if exactly_once => Some(Durability::WriteBehind),
        _ => None,
    };
    Plan {
        exactly_once,
        window: [1, 4, 16][dice.roll(3) as usize],
        store,
        clients: if store == Some(Durability::StoredFirst) { 1 + dice.roll(2) as usize } else { 1 },
        ping: dice.roll(2) == 0,
        policy: [BufferPolicy::Refuse, BufferPolicy::DropOldest, BufferPolicy::DropNewest]
            [dice.roll(3) as usize],
        cuts: 50 + dice.roll(400),
        ack_timeout: (dice.roll(2) == 0).then(|| 40 + dice.roll(200)),
        heartbeat: [(3000, 2000), (300, 200)][dice.roll(2) as usize],
        emits: 150,
    }
}

#[test]
fn each_emit_has_one_end_and_it_is_true() {
    let first = variable("SIMULATOR_SEED", 1);
    let runs = variable("SIMULATOR_RUNS", 500);
    let mut figures = Figures::default();
    for seed in first..first + runs {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(plan(seed), seed);
            world.run();
            world.figures
        });
        let Ok(of_seed) = result else {
            panic!("SIMULATOR_SEED={seed} SIMULATOR_RUNS=1 shows it again: {:?}", plan(seed))
        };
        figures += of_seed;
    }
    println!("seeds {first}..{}: {figures}", first + runs);
}
