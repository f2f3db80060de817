//! `faults`: whether the laws find the faults that the client can be given by name.

use std::process::ExitCode;

#[cfg(not(socketio_faults))]
pub use build::faults;
#[cfg(socketio_faults)]
pub use search::faults;

/// A build of its own, in which the client has them.
#[cfg(not(socketio_faults))]
mod build {
    use std::env;
    use std::process::Command;

    use super::ExitCode;

    const CFG: &str = "--cfg socketio_faults";

    /// # Panics
    /// If cargo cannot be started.
    #[must_use]
    pub fn faults() -> ExitCode {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let flags = env::var("RUSTFLAGS").map_or_else(|_| CFG.into(), |flags| format!("{flags} {CFG}"));
        let mut command = Command::new(cargo);
        command.args(["run", "--quiet", "--package", "simulator", "--bin", "faults"]);
        // In a folder of its own: else each build would undo the other.
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
        let target = env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| ours.into());
        let status =
            command.arg("--target-dir").arg(format!("{target}/faults")).env("RUSTFLAGS", flags).status();
        if status.expect("cargo can be started").success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(socketio_faults)]
mod search {
    use std::thread::available_parallelism;

    use socketio_client_core::Fault;

    use super::ExitCode;
    use crate::report::Report;
    use crate::run::{Failure, Kind};

    /// Half of those that CI simulates.
    const SEEDS: std::ops::Range<u64> = 0..300;

    /// Each of them in turn, until a law breaks; and without any no law may.
    #[must_use]
    pub fn faults() -> ExitCode {
        Fault::choose(None);
        let threads = available_parallelism().map_or(1, Into::into);
        let intact = Report::of(&SEEDS, &Kind::ALL, threads).failures;
        for (kind, seed, Failure { law, message }) in &intact {
            println!("without a fault: {} {seed}: {law}: {message}", kind.name());
        }
        let mut found = 0;
        println!("| fault | found in | after seeds | by |\n|---|---|---|---|");
        for fault in Fault::ALL {
            Fault::choose(Some(fault));
            match search() {
                Some((kind, seeds, Failure { law, message })) => {
                    found += 1;
                    let message: String = told(&message).replace('|', "/").chars().take(100).collect();
                    println!("| {} | {} | {seeds} | {law}: {message} |", fault.name(), kind.name());
                }
                None => println!("| {} | **not found** | {} | |", fault.name(), SEEDS.end),
            }
        }
        let (all, runs) = (Fault::ALL.len(), (SEEDS.end - SEEDS.start) * Kind::ALL.len() as u64);
        let broken = intact.len();
        println!(
            "figures: faults found: {found} of {all}; laws broken in {runs} runs without a fault: {broken}"
        );
        if intact.is_empty() && found == all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Its first line, without what the standard library says.
    fn told(message: &str) -> &str {
        let line = message.lines().next().unwrap_or_default();
        line.trim_start_matches("assertion `left == right` failed: ")
    }

    fn search() -> Option<(Kind, u64, Failure)> {
        SEEDS.zip(1..).find_map(|(seed, seeds)| {
            Kind::ALL.into_iter().find_map(|kind| Some((kind, seeds, kind.try_seed(seed).err()?)))
        })
    }
}
