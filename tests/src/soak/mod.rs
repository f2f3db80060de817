//! `soak`: the native client beside a real server for a long time, and the simulated one for longer.

mod account;
mod page;
mod plot;
mod results;
mod run;
mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use self::results::Results;

const USAGE: &str = "\
usage: soak [--seconds N] [--seed N] [--release] [--client FILE] [--save FILE]
       soak --hours N [--seed N]
       soak --publish FILE

Two thousand events a second each way between the native client, in a process of its own, and a Node server, with a cut every
ten seconds. It fails unless every event is accounted for and what the client takes is flat. --client is a client that was built
before; --save keeps what was measured, and --publish draws that as tests/soak.svg, with a table in tests/README.md.
With --hours the client's core in both simulated worlds, for so many hours of virtual time.";

#[derive(Debug)]
struct Options {
    seconds: u32,
    hours: Option<String>,
    seed: u64,
    release: bool,
    client: Option<PathBuf>,
    save: Option<PathBuf>,
    publish: Option<PathBuf>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let (client, save, publish) = (None, None, None);
        let mut options = Self { seconds: 120, hours: None, seed: 1, release: false, client, save, publish };
        while let Some(name) = args.next() {
            if name == "--release" {
                options.release = true;
                continue;
            }
            let value = args.next()?;
            match name.as_str() {
                "--seconds" => options.seconds = value.parse().ok().filter(|seconds| *seconds >= 60)?,
                "--hours" => options.hours = Some(value),
                "--seed" => options.seed = value.parse().ok()?,
                "--client" => options.client = Some(value.into()),
                "--save" => options.save = Some(value.into()),
                "--publish" => options.publish = Some(value.into()),
                _ => return None,
            }
        }
        Some(options)
    }
}

/// What comes behind `soak`.
pub(crate) fn soak(args: impl Iterator<Item = String>) -> ExitCode {
    let Some(options) = Options::parse(args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = match (&options.publish, &options.hours) {
        (Some(file), _) => publish(file),
        (_, Some(hours)) => return simulator::day::soak(hours, options.seed),
        _ => run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            println!("{wrong}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let client = options.client.clone().unwrap_or_else(|| build(options.release));
    let (results, mut wrong) = run::run(options.seconds, options.seed, &client);
    if let Some(file) = &options.save {
        fs::write(file, format!("{}\n", results.to_json()))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    results.figures().iter().for_each(|line| println!("figures: soak: {line}"));
    wrong.extend(results.medians().judge());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn publish(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let results = Results::of_json(&value);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(tests.join("soak.svg"), plot::draw(&results)).map_err(|error| format!("soak.svg: {error}"))?;
    page::write(&tests.join("README.md"), &results)
}

/// The client, as an example of this package.
fn build(release: bool) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["build", "--package=tests", "--features=outbox", "--example=soak"])
        .args(release.then_some("--release"))
        .arg("--message-format=json-render-diagnostics")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("cannot run cargo: {error}"));
    assert!(out.status.success(), "the client does not build: see the compiler's messages above");
    let text = String::from_utf8_lossy(&out.stdout);
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let path = lines.filter_map(|line| Some(PathBuf::from(line["executable"].as_str()?))).next_back();
    path.unwrap_or_else(|| panic!("cargo built no executable named soak"))
}
