//! Which of a run's actions a broken law needs.

use std::collections::BTreeSet;

use crate::journal::Action;

/// Runs that it may take.
const RUNS: usize = 200;

/// Leaves out whatever a run fails without in the same way (delta debugging). What is left is done, in their order. `fails` tells
/// what a run with these actions alone has done until then, if it does.
pub(crate) fn shrink(
    actions: Vec<Action>,
    mut fails: impl FnMut(BTreeSet<u32>) -> Option<Vec<Action>>,
) -> Vec<Action> {
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
            let numbers = left[..from].iter().chain(&left[to..]).map(|action| action.number).collect();
            // Those after the end are not needed either.
            shrunk = fails(numbers);
            if shrunk.is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run of these actions has done when the last of those that it fails by is done.
    fn run(numbers: &BTreeSet<u32>, needed: &[u32]) -> Option<Vec<Action>> {
        let end = needed.iter().max().copied().unwrap_or_default();
        let action = |number: &u32| Action { number: *number, at: 0, what: String::new() };
        let fails = needed.iter().all(|number| numbers.contains(number));
        fails.then(|| numbers.range(..=end).map(action).collect())
    }

    /// What is left, and in how many runs.
    fn shrunk(all: u32, needed: &[u32]) -> (Vec<u32>, usize) {
        let actions = run(&(1..=all).collect(), needed).unwrap();
        let mut runs = 0;
        let left = shrink(actions, |numbers| {
            runs += 1;
            run(&numbers, needed)
        });
        (left.iter().map(|action| action.number).collect(), runs)
    }

    #[test]
    fn what_is_left_is_what_it_takes() {
        let cases: [(u32, &[u32]); 7] = [
            (1, &[1]),
            (2, &[2]),
            (100, &[1]),
            (100, &[100]),
            (1000, &[3, 17, 40]),
            (1000, &[1, 500, 1000]),
            (7, &[1, 2, 3, 4, 5, 6, 7]),
        ];
        for (all, needed) in cases {
            let (left, runs) = shrunk(all, needed);
            assert_eq!(left, needed, "of {all}, in {runs} runs");
        }
    }

    #[test]
    fn what_takes_too_long_is_left() {
        let needed: Vec<_> = (1..=1000).step_by(2).collect();
        let (left, runs) = shrunk(1000, &needed);
        assert_eq!(runs, RUNS);
        assert!(needed.iter().all(|number| left.contains(number)), "{left:?}");
    }
}
