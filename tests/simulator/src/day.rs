//! `soak --hours`: one client of each world for a day of outages, and what it takes at eight times of its life.
//!
//! A client of some age is that of a run which ends then: all runs of a seed are the same until they end, in a calm. What it takes
//! is what is free once it is dropped, so that nothing of the world is counted.

use std::env;
use std::process::{Command, ExitCode};

use socketio_client_core::codec::Json;
use socketio_client_core::{Manager, SocketId};

use crate::journal::{Chosen, Journal};
use crate::run::{Failure, Outcome, catch};
use crate::{Plan, World, incoming};

/// How many bytes are allocated now.
pub type Allocated = fn() -> usize;

/// By how much a client may grow from the first half of its life to the last quarter, where all that it remembers is full: by a
/// part of itself, and a block or two that a longer outage has left.
const SHARE: usize = 100;
const ROOM: usize = 1024;
/// A client is weighed so often.
const AGES: u64 = 8;

/// What a client takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    bytes: usize,
    /// Emits that wait, and those that wait for an answer.
    waiting: usize,
}

impl Weight {
    pub(crate) fn of(manager: Manager<Json>, sockets: &[SocketId], allocated: Allocated) -> Self {
        let of = |socket: &SocketId| manager.queued(*socket) + manager.pending_acks(*socket).count();
        let waiting = sockets.iter().map(of).sum();
        let before = allocated();
        drop(manager);
        Self { bytes: before - allocated(), waiting }
    }
}

/// One of both worlds.
#[derive(Debug, Clone, Copy)]
enum Day {
    Emits,
    Incoming,
}

impl Day {
    const ALL: [Self; 2] = [Self::Emits, Self::Incoming];

    const fn name(self) -> &'static str {
        match self {
            Self::Emits => "emits",
            Self::Incoming => "incoming",
        }
    }

    /// The client at this age.
    fn weigh(self, seed: u64, hours: u64, allocated: Allocated) -> Weight {
        let journal = Journal::new(Chosen::All, false);
        match self {
            Self::Emits => {
                let mut world = World::new(Plan::day(seed, hours), seed, journal);
                world.endure();
                world.weigh(allocated)
            }
            Self::Incoming => {
                let mut world = incoming::World::new(incoming::Plan::day(seed, hours), seed, journal);
                world.endure();
                world.fill();
                world.weigh(allocated)
            }
        }
    }

    /// The whole of it, with the farewell.
    fn run(self, seed: u64, hours: u64) -> Outcome {
        let journal = Journal::new(Chosen::All, false);
        match self {
            Self::Emits => {
                let mut world = World::new(Plan::day(seed, hours), seed, journal);
                world.run();
                world.outcome()
            }
            Self::Incoming => {
                let mut world = incoming::World::new(incoming::Plan::day(seed, hours), seed, journal);
                world.run();
                world.outcome()
            }
        }
    }

    /// What is wrong, in words.
    fn judge(self, seed: u64, hours: u64, allocated: Allocated) -> Result<(), String> {
        let name = self.name();
        let told = |Failure { law, message }| format!("{name} {seed}: {law}: {message}");
        let Outcome { figures, simulated, .. } = catch(|| self.run(seed, hours)).map_err(told)?;
        println!(
            "figures: soak: {name}, seed {seed}, {:.1} hours: {figures}",
            simulated as f64 / 3_600_000.0
        );
        let weigh = |age| catch(|| self.weigh(seed, age * hours / AGES, allocated)).map_err(told);
        let weights = (1..=AGES).map(weigh).collect::<Result<Vec<_>, _>>()?;
        let bytes: Vec<_> = weights.iter().map(|weight| weight.bytes).collect();
        let waiting: Vec<_> = weights.iter().map(|weight| weight.waiting).collect();
        let every = hours / AGES;
        println!(
            "figures: soak: {name}, seed {seed}: the client after each {every} hours: {bytes:?} bytes, {waiting:?} emits that wait"
        );
        // An answer that never comes is waited for as long as the application says.
        if most(&waiting[6..]) > most(&waiting[2..4]) + 1 {
            return Err(format!("{name} {seed}: more and more emits wait in a calm: {waiting:?}"));
        }
        let (before, after) = (most(&bytes[..4]), most(&bytes[6..]));
        let bound = before + before / SHARE + ROOM;
        if after > bound {
            return Err(format!("{name} {seed}: {after} bytes, where {bound} are enough"));
        }
        Ok(())
    }
}

fn most(of: &[usize]) -> usize {
    of.iter().copied().max().unwrap_or_default()
}

/// Hours, and a seed.
#[must_use]
pub fn day(args: impl Iterator<Item = String>, allocated: Allocated) -> ExitCode {
    let args: Vec<u64> = args.filter_map(|arg| arg.parse().ok()).collect();
    let [hours @ AGES..=u64::MAX, seed] = args[..] else {
        eprintln!("usage: day HOURS SEED; eight hours at least");
        return ExitCode::from(2);
    };
    let wrong: Vec<_> =
        Day::ALL.into_iter().filter_map(|day| day.judge(seed, hours, allocated).err()).collect();
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// That, in a program of its own, whose allocator counts.
///
/// # Panics
/// If cargo cannot be started.
#[must_use]
pub fn soak(hours: &str, seed: u64) -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "run",
        "--quiet",
        "--package",
        "simulator",
        "--bin",
        "day",
        "--",
        hours,
        &seed.to_string(),
    ]);
    let status = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).status();
    if status.expect("cargo can be started").success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
