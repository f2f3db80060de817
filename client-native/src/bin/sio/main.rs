//! `sio`: Socket.IO on the command line.

mod args;
mod call;
mod connect;
mod delivery;
mod emit;
mod exit;
mod fates;
mod lines;
mod listen;
mod outbox;
mod output;
mod questions;
mod session;
mod value;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, which may be closed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Handlers wait while nobody reads our output; the connection must go on beside them.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Exit::Output(format!("no threads: {error}")).report(),
    };
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Connect { connection } => connect::run(connection).await,
            Command::Listen { connection, events, count, period } => {
                listen::run(connection, events, count, period).await
            }
            Command::Emit { connection, event } => emit::run(connection, event).await,
            Command::Call { connection, event } => call::run(connection, event).await,
            Command::Outbox { file, clear } => tokio::task::block_in_place(|| outbox::run(&file, clear)),
        }
    });
    // A handler may hang behind output that nobody reads.
    runtime.shutdown_background();
    exit.unwrap_or_else(|exit| exit).report()
}
