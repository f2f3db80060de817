//! What a run does, for who reads it: its actions by number, and everything if somebody asks.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// Which of a run's actions are done. The others are drawn all the same, so that numbers and times stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Chosen {
    #[default]
    All,
    Only(BTreeSet<u32>),
    Without(BTreeSet<u32>),
}

impl Chosen {
    fn contains(&self, number: u32) -> bool {
        match self {
            Self::All => true,
            Self::Only(numbers) => numbers.contains(&number),
            Self::Without(numbers) => !numbers.contains(&number),
        }
    }
}

/// Something that the world does to a client, by chance.
#[derive(Debug, Clone)]
pub struct Action {
    pub number: u32,
    pub at: u64,
    pub what: String,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, at, what } = self;
        write!(f, "{:>6} at {}: {what}", format!("#{number}"), Time(*at))
    }
}

/// Milliseconds of virtual time.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        write!(f, "{}:{:02}:{:02}.{:03}", time / 3_600_000, time / 60_000 % 60, time / 1000 % 60, time % 1000)
    }
}

#[derive(Debug, Default)]
struct Inner {
    chosen: Chosen,
    traces: bool,
    lines: Vec<String>,
    drawn: u32,
    actions: Vec<Action>,
}

/// Outlives the run, also one that fails.
#[derive(Debug, Clone, Default)]
pub struct Journal(Rc<RefCell<Inner>>);

impl Journal {
    #[must_use]
    pub fn new(chosen: Chosen, traces: bool) -> Self {
        Self(Rc::new(RefCell::new(Inner { chosen, traces, ..Inner::default() })))
    }

    /// The number of the next action, and whether it is to be done.
    pub(crate) fn draw(&self, now: u64) -> (u32, bool) {
        let mut inner = self.0.borrow_mut();
        inner.drawn += 1;
        let number = inner.drawn;
        let done = inner.chosen.contains(number);
        if done {
            inner.actions.push(Action { number, at: now, what: String::new() });
        }
        (number, done)
    }

    /// Names the last action.
    pub(crate) fn action(&self, now: u64, what: impl FnOnce() -> String) {
        let mut inner = self.0.borrow_mut();
        let what = what();
        if inner.traces {
            let number = inner.actions.last().map_or(0, |action| action.number);
            inner.lines.push(format!("{} !! #{number} {what}", Time(now)));
        }
        if let Some(action) = inner.actions.last_mut() {
            let comma = if action.what.is_empty() { "" } else { ", " };
            action.what = format!("{}{comma}{what}", action.what);
        }
    }

    /// A line of the trace.
    pub(crate) fn tell(&self, now: u64, line: impl FnOnce() -> String) {
        if self.0.borrow().traces {
            let line = format!("{} {}", Time(now), line());
            self.0.borrow_mut().lines.push(line);
        }
    }

    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// Those that were done.
    #[must_use]
    pub fn actions(&self) -> Vec<Action> {
        self.0.borrow().actions.clone()
    }
}
