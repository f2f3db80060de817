//! `bench-stores KIND COMMAND DIR [NUMBER] [SEED]`: see README.md.

mod contestants;
mod damage;
mod full;
mod kill;
mod latency;

use std::path::PathBuf;
use std::process::ExitCode;

/// What every contestant does for an outbox.
pub(crate) trait Db {
    /// One transaction, durable when it returns.
    fn append(&mut self, first: u64, values: &[Vec<u8>]) -> Result<(), String>;
    /// It need not be durable: what comes back is sent again, and known there.
    fn erase(&mut self, first: u64, count: u64) -> Result<(), String>;
    /// In order.
    fn all(&mut self) -> Result<Vec<(u64, Vec<u8>)>, String>;
}

/// What is stored under a number, so that anybody can tell whether it is right.
pub(crate) fn value(seq: u64) -> Vec<u8> {
    let mut random = Random(seq);
    (0..32).flat_map(|_| random.next().to_le_bytes()).collect()
}

pub(crate) fn values(first: u64, count: u64) -> Vec<Vec<u8>> {
    (first..first + count).map(value).collect()
}

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// What a run is asked to do.
pub(crate) struct Task {
    pub(crate) kind: String,
    pub(crate) dir: PathBuf,
    pub(crate) number: u64,
    pub(crate) seed: u64,
}

fn run() -> Result<ExitCode, String> {
    let mut args = std::env::args().skip(1);
    let (Some(kind), Some(command), Some(dir)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: bench-stores KIND COMMAND DIR [NUMBER] [SEED]".to_owned());
    };
    let mut number =
        |default| args.next().map_or(Ok(default), |arg| arg.parse::<u64>().map_err(|e| e.to_string()));
    let task = Task { kind, dir: dir.into(), number: number(0)?, seed: number(1)? };
    match command.as_str() {
        "latency" => latency::run(&task),
        "kill" => kill::run(&task),
        "kill-child" => kill::child(&task),
        "damage" => damage::run(&task),
        "damage-child" => return damage::child(&task),
        "full" => full::run(&task),
        "full-child" => full::child(&task),
        "open" => contestants::open(&task.kind, &task.dir).map(drop),
        _ => Err(format!("unknown command {command}")),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}
