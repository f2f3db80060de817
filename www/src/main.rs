//! Builds the demonstration pages and serves them, with a Socket.IO chat server beside it.
//!
//! `cargo run -p www` is the whole command; `--help` lists the options.

mod args;
mod build;
mod chat;
mod package;
mod serve;

use std::process::ExitCode;

use args::Args;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("www: {message} (--help lists the options)");
            return ExitCode::from(2);
        }
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("www: {message}");
            ExitCode::FAILURE
        }
    }
}

/// One line per failure: what happened, and what to do about it.
fn run(args: Args) -> Result<(), String> {
    // One thread: socketioxide starts a task per packet, and only a single-threaded runtime, which is
    // first in, first out, keeps those tasks (and so a person's messages) in order.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        // Taken before the build, so that a busy port is known at once; opened after it, so that nobody
        // is let in to a page that does not exist yet.
        let port = serve::reserve(args.port)?;
        let page = build::page()?;
        serve::run(port, page, package::module(), args.server).await
    })
}
