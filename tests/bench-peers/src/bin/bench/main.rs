//! Runs every contestant in every case, interleaved, and prints the medians side by side.

mod conditions;
mod plan;
mod process;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use plan::{Options, Row, rows};
use process::{Measurement, Runner};

const USAGE: &str = "\
usage: run [--rounds N] [--quick] [--case NAME,...] [--contestant NAME,...] [--without-ours]

--rounds N        rounds, outermost (default 7, with --quick 3)
--quick           a quarter of the messages
--case            only these rows
--contestant      only these contestants (ratios need the reference: bare, or socket.io-client)
--without-ours    builds and runs the others only

A complete run (no option but --rounds) also rewrites results.json and the results in README.md.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match bench().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether our own client passed every measurement.
async fn bench() -> Result<bool, String> {
    let options =
        Options::from_args(std::env::args().skip(1)).map_err(|error| format!("{error}\n\n{USAGE}"))?;
    let runner = Runner::new()?;
    let rows: Vec<Row> = rows(&options, |contestant| runner.has(contestant));
    let before = conditions::load();
    let mut measurements: Vec<Measurement> = Vec::new();
    for round in 0..options.rounds {
        for (index, row) in rows.iter().enumerate() {
            for turn in 0..row.contestants.len() {
                // Rotated, so that nobody always runs behind the same other.
                let contestant = &row.contestants[(turn + round) % row.contestants.len()];
                let measurement = runner.measure(round, index, row, contestant).await?;
                let outcome = measurement.measured.error.as_deref().unwrap_or("ok");
                eprintln!("round {} {} {}: {outcome}", round + 1, row.name, contestant.name);
                measurements.push(measurement);
            }
        }
    }
    let conditions = conditions::collect(&options, before);
    let results = table::results(&rows, &measurements);
    let text = table::text(&rows, &results, &measurements, &conditions);
    println!("{text}");
    let json = serde_json::json!({
        "conditions": conditions, "results": results, "measurements": measurements,
    });
    let json = serde_json::to_string_pretty(&json).map_err(|e| e.to_string())? + "\n";
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path =
        if options.complete() { here.join("results.json") } else { runner.directory().join("results.json") };
    std::fs::write(&path, json).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("All figures: {}", path.display());
    if options.complete() {
        table::write_readme(&here.join("README.md"), &text)?;
    }
    Ok(measurements.iter().all(|m| m.contestant != "ours" || m.measured.error.is_none()))
}
