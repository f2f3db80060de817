//! What happened in runs.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// How often each kind of thing happened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Figures(BTreeMap<&'static str, u64>);

impl Figures {
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The first of these that never happened.
    #[must_use]
    pub fn lacks(&self, needed: &[&'static str]) -> Option<&'static str> {
        needed.iter().copied().find(|kind| self.of(kind) == 0)
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        other.0.into_iter().for_each(|(what, times)| self.add(what, times));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (what, times)) in self.0.iter().enumerate() {
            write!(f, "{}{what} {times}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
