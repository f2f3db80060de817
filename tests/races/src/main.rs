//! The lock, the wakers and the queue of the native shell under many orders of their threads.
//!
//! `RACES_SEED` and `RACES_RUNS` choose other orders; a failure names its seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, Runner};

mod waker;

#[allow(dead_code, unreachable_pub)]
mod variants {
    use super::Scenario;

    include!(concat!(env!("OUT_DIR"), "/variants.rs"));
}

/// What an application does, and what it waits for.
type Scenario = (&'static str, fn());

/// Orders of each scenario.
const RUNS: usize = 1_000;
/// Of one scenario, before another one has its turn to find a fault.
const TURN: usize = 20;
/// Places where a thread is held back for long, in every other order.
const DEPTH: usize = 3;

fn variable<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Half of the orders are quite at random; the others run one thread as long as it can, but for a few places. Counts them.
fn explore(scenario: fn(), seed: u64, runs: usize, config: &Config, count: &Arc<AtomicUsize>) {
    let counted = || {
        let count = Arc::clone(count);
        move || {
            count.fetch_add(1, Ordering::Relaxed);
            scenario();
        }
    };
    Runner::new(PctScheduler::new_from_seed(seed, DEPTH, runs / 2), config.clone()).run(counted());
    Runner::new(RandomScheduler::new_from_seed(seed, runs - runs / 2), config.clone()).run(counted());
}

#[test]
fn no_order_of_the_threads_loses_a_wake_up() {
    let seed = variable("RACES_SEED", 1);
    let runs = variable("RACES_RUNS", RUNS);
    let config = Config::new();
    let scenarios = variants::intact::model::SCENARIOS;
    let count = Arc::default();
    for (name, scenario) in scenarios {
        println!("{name}: RACES_SEED={seed} RACES_RUNS={runs}");
        explore(*scenario, seed, runs, &config, &count);
    }
    println!(
        "figures: {} scenarios, {} orders of threads, seed {seed}",
        scenarios.len(),
        count.load(Ordering::Relaxed)
    );
}

#[test]
fn each_fault_is_found() {
    let seed = variable("RACES_SEED", 1);
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    let mut most = 0;
    for (name, scenarios) in variants::FAULTY {
        let count = Arc::default();
        let found = (0..RUNS / TURN).find_map(|turn| {
            let seed = seed + turn as u64;
            let fails = |scenario| explore(scenario, seed, TURN, &config, &count);
            scenarios
                .iter()
                .find(|(_, scenario)| catch_unwind(AssertUnwindSafe(|| fails(*scenario))).is_err())
        });
        let Some((scenario, _)) = found else { panic!("{name} is not found, RACES_SEED={seed}") };
        let orders = count.load(Ordering::Relaxed);
        println!("{name}: found by {scenario} after {orders} orders");
        most = most.max(orders);
    }
    println!(
        "figures: {0} of {0} faults found, each within {most} orders, seed {seed}",
        variants::FAULTY.len()
    );
}
