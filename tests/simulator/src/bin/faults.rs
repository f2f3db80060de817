//! What `cargo run -p tests -- faults` runs, built with `--cfg socketio_faults`.

use std::process::ExitCode;

fn main() -> ExitCode {
    simulator::faults::faults()
}
