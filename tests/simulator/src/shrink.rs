//! Which of a run's actions a broken law needs.

use std::collections::BTreeSet;

use crate::journal::{Action, Chosen, Journal};
use crate::run::{Failure, Kind};

/// Runs that it may take.
const RUNS: usize = 200;

/// Leaves out whatever the same law is broken without (delta debugging). What is left is done, in their order.
pub(crate) fn shrink(kind: Kind, seed: u64, failure: &Failure, actions: Vec<Action>) -> Vec<Action> {
    let mut left = actions;
    let mut runs = 0;
    let mut parts = 2;
    while left.len() > 1 && runs < RUNS {
        let size = left.len().div_ceil(parts);
        let mut shrunk = None;
        for part in 0..left.len().div_ceil(size) {
            if runs == RUNS {
                break;
            }
            runs += 1;
            let (from, to) = (part * size, ((part + 1) * size).min(left.len()));
            let numbers: BTreeSet<_> =
                left[..from].iter().chain(&left[to..]).map(|action| action.number).collect();
            let journal = Journal::new(Chosen::Only(numbers), false);
            if kind.run(seed, &journal).is_err_and(|other| other.law == failure.law) {
                // Those after the end are not needed either.
                shrunk = Some(journal.actions());
                break;
            }
        }
        match shrunk {
            Some(fewer) => {
                left = fewer;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(left.len()),
        }
    }
    left
}
