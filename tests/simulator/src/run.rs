//! One run of one world, and how it ends.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::coverage::Coverage;
use crate::figures::Figures;
use crate::journal::{Chosen, Journal};
use crate::{Plan, World, incoming};

/// The worlds that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What becomes of emits.
    Emits,
    /// What becomes of the server's events.
    Incoming,
}

/// What a run shows that breaks no law.
#[derive(Debug, Default, Clone)]
pub struct Outcome {
    pub figures: Figures,
    pub coverage: Coverage,
    /// Milliseconds of virtual time.
    pub simulated: u64,
}

/// A law is broken.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Where it is checked: two runs that end there break the same law.
    pub law: String,
    pub message: String,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Emits, Self::Incoming];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emits => "emits",
            Self::Incoming => "incoming",
        }
    }

    /// What must have happened in [`ENOUGH`] runs.
    #[must_use]
    pub const fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Emits => &EMITS,
            Self::Incoming => &incoming::NEEDED,
        }
    }

    fn go(self, seed: u64, journal: Journal) -> Outcome {
        match self {
            Self::Emits => {
                let mut world = World::new(Plan::new(seed), seed, journal);
                world.run();
                world.outcome()
            }
            Self::Incoming => {
                let mut world = incoming::World::new(incoming::Plan::new(seed), seed, journal);
                world.run();
                world.outcome()
            }
        }
    }

    /// What kind of run the seed makes.
    #[must_use]
    pub fn plan(self, seed: u64) -> String {
        match self {
            Self::Emits => format!("{:?}", Plan::new(seed)),
            Self::Incoming => format!("{:?}", incoming::Plan::new(seed)),
        }
    }

    /// # Errors
    /// If a law is broken.
    pub fn run(self, seed: u64, journal: &Journal) -> Result<Outcome, Failure> {
        catch(|| self.go(seed, journal.clone()))
    }

    /// All of it, and nothing written down.
    ///
    /// # Errors
    /// If a law is broken.
    pub fn try_seed(self, seed: u64) -> Result<Outcome, Failure> {
        self.run(seed, &Journal::new(Chosen::All, false))
    }
}

/// So many runs have everything in them.
pub const ENOUGH: u64 = 200;

/// Of the world of emits.
const EMITS: [&str; 30] = [
    "cuts",
    "cuts inside a frame",
    "cuts inside a packet",
    "silences",
    "stalls",
    "sleeps",
    "killed",
    "took the lead",
    "lost the lead",
    "restarts with memory",
    "restarts without memory",
    "run again by a server that forgot",
    "emits",
    "too large",
    "with an attachment",
    "strays",
    "late looks",
    "late looks at several inputs",
    "dropped without a word",
    "volatile and must leave",
    "reconnects",
    "retries",
    "fate: delivered",
    "fate: acknowledged",
    "fate: refused",
    "fate: expired",
    "fate: dropped",
    "fate: cancelled",
    "fate: uncertain",
    "processes",
];

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// A law that is broken panics; where and why is kept instead of printed.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                return before(panic);
            }
            let law = panic.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let message = text.unwrap_or("a panic without a word").to_owned();
            LAST.set(Some(Failure { law, message }));
        }));
    });
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    QUIET.set(before);
    result.map_err(|_| LAST.take().expect("the hook was asked"))
}

/// A test's share of seeds: `SIMULATOR_RUNS` from `SIMULATOR_SEED` on.
///
/// # Panics
/// If a law is broken, or too little happens.
pub fn share(kind: Kind, runs: u64) {
    let variable = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (first, runs) = (variable("SIMULATOR_SEED", 1), variable("SIMULATOR_RUNS", runs));
    let (mut figures, mut coverage) = (Figures::default(), Coverage::default());
    for seed in first..first + runs {
        match kind.try_seed(seed) {
            Ok(outcome) => {
                figures += outcome.figures;
                coverage += outcome.coverage;
            }
            Err(Failure { law, message }) => panic!(
                "SIMULATOR_SEED={seed} SIMULATOR_RUNS=1 shows it again, and simulate --seed {seed} --world {} every step \
                 of it:\n{law}: {message}\n{}",
                kind.name(),
                kind.plan(seed)
            ),
        }
    }
    println!("seeds {first}..{}: {figures}", first + runs);
    assert_eq!(coverage.unknown().next(), None, "a transition that is not in the list");
    if runs >= ENOUGH {
        assert_eq!(figures.lacks(kind.needed()), None, "in {runs} runs");
    }
}
