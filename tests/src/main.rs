//! The parts of the tests that are run by hand, or by `tests/run`, with arguments of their own.

mod soak;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("faults") => simulator::faults::faults(),
        Some("linear") => simulator::linear::linear(args),
        Some("simulate") => simulator::command::simulate(args),
        Some("soak") => soak::soak(args),
        _ => {
            eprintln!("usage: cargo run -p tests -- simulate --help | soak --help | faults | linear");
            ExitCode::from(2)
        }
    }
}
