//! What `cargo run -p tests -- soak --hours 24` runs: its allocator counts.

use std::process::ExitCode;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    simulator::day::day(std::env::args().skip(1), || HEAP.current_usage())
}
