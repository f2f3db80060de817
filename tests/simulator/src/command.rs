//! `simulate`: runs of seeds, from the command line.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufWriter, Write as _, stdout};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::journal::{Chosen, Journal};
use crate::report::Report;
use crate::run::{Failure, Kind};
use crate::shrink::shrink;

const USAGE: &str = "\
usage: simulate [--seeds A..B] [--world emits|incoming] [--threads N] [--table FILE]
       simulate --seed N [--world emits|incoming] [--only 3,17,40 | --without 3,17,40]

With --seeds, each of them in both worlds, on all cores: what happened, how fast, and which states were seen. Of a seed that
fails the law that it breaks, the end of its trace, and the actions that it takes. With --seed the whole trace of one run.";

/// Lines of a trace, or actions, that are shown of a run that fails.
const TAIL: usize = 60;
/// Broken laws that are shown with everything.
const SHOWN: usize = 3;
/// Failed seeds that are named.
const NAMED: usize = 20;

#[derive(Debug)]
struct Options {
    seeds: Range<u64>,
    seed: Option<u64>,
    kinds: Vec<Kind>,
    chosen: Chosen,
    threads: usize,
    /// Where the tables go too, in Markdown.
    table: Option<PathBuf>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let threads = std::thread::available_parallelism().map_or(1, Into::into);
        let (kinds, chosen) = (Kind::ALL.to_vec(), Chosen::All);
        let mut options = Self { seeds: 0..1000, seed: None, kinds, chosen, threads, table: None };
        while let Some(name) = args.next() {
            let value = args.next()?;
            let numbers = || -> Option<BTreeSet<u32>> {
                value.split(',').map(|number| number.trim().parse().ok()).collect()
            };
            match name.as_str() {
                "--seeds" => {
                    let (from, to) = value.split_once("..")?;
                    options.seeds = from.parse().ok()?..to.parse().ok()?;
                }
                "--seed" => options.seed = Some(value.parse().ok()?),
                "--world" => options.kinds.retain(|kind| kind.name() == value),
                "--threads" => options.threads = value.parse().ok()?,
                "--table" => options.table = Some(value.into()),
                "--only" => options.chosen = Chosen::Only(numbers()?),
                "--without" => options.chosen = Chosen::Without(numbers()?),
                _ => return None,
            }
        }
        let whole = options.chosen == Chosen::All || options.seed.is_some();
        (whole && !options.kinds.is_empty() && !options.seeds.is_empty() && options.threads > 0)
            .then_some(options)
    }
}

/// What comes behind `simulate`.
#[must_use]
pub fn simulate(args: impl Iterator<Item = String>) -> ExitCode {
    let Some(options) = Options::parse(args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = match options.seed {
        Some(seed) => options.kinds.iter().filter(|kind| !trace(**kind, seed, &options.chosen)).count() == 0,
        None => range(&options),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(options: &Options) -> bool {
    let report = Report::of(&options.seeds, &options.kinds, options.threads);
    let tables = report.tables();
    println!("{tables}\n");
    if let Some(table) = &options.table
        && let Err(error) = fs::write(table, format!("{tables}\n"))
    {
        println!("{}: {error}", table.display());
        return false;
    }
    // One of each law.
    let mut laws = BTreeSet::new();
    for (kind, seed, failure) in &report.failures {
        if laws.len() < SHOWN && laws.insert(&failure.law) {
            explain(*kind, *seed, failure);
        }
    }
    for (kind, seed, failure) in report.failures.iter().take(NAMED) {
        println!("{} {seed}: {}: {}", kind.name(), failure.law, failure.message);
    }
    let wrong = report.wrong();
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    println!("figures: {}", report.summary());
    report.failures.is_empty() && wrong.is_empty()
}

/// The whole of one run.
fn trace(kind: Kind, seed: u64, chosen: &Chosen) -> bool {
    let journal = Journal::new(chosen.clone(), true);
    let result = kind.run(seed, &journal);
    let mut out = BufWriter::new(stdout().lock());
    let mut lines = vec![format!("{} {seed}: {}", kind.name(), kind.plan(seed))];
    lines.extend(journal.lines());
    // Whoever reads it may have seen enough.
    let seen = lines.iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    drop(out);
    if seen.is_err() {
        return result.is_ok();
    }
    match result {
        Ok(outcome) => println!("{} {seed}: {}", kind.name(), outcome.figures),
        Err(Failure { law, message }) => {
            println!("{} {seed}: {law}: {message}", kind.name());
            return false;
        }
    }
    true
}

/// Why a seed fails, and what it takes.
fn explain(kind: Kind, seed: u64, failure: &Failure) {
    let journal = Journal::new(Chosen::All, false);
    let again = kind.run(seed, &journal);
    println!("{} {seed}: {}", kind.name(), kind.plan(seed));
    println!("{}: {}\n", failure.law, failure.message);
    if again.is_ok() {
        return println!("it did not happen again: a run does not depend on its seed alone");
    }
    let actions = journal.actions();
    let all = actions.len();
    let left = shrink(kind, seed, failure, actions);
    let numbers: BTreeSet<u32> = left.iter().map(|action| action.number).collect();
    let journal = Journal::new(Chosen::Only(numbers.clone()), true);
    let last = kind.run(seed, &journal);
    println!("the end of it, with {} of {all} actions:", left.len());
    let lines = journal.lines();
    lines.iter().skip(lines.len().saturating_sub(TAIL)).for_each(|line| println!("  {line}"));
    if let Err(Failure { law, message }) = last {
        println!("  {law}: {message}");
    }
    println!("\nactions:");
    if left.len() > TAIL {
        println!("  […]");
    }
    left.iter().skip(left.len().saturating_sub(TAIL)).for_each(|action| println!("  {action}"));
    let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
    let only = if left.len() > TAIL { String::new() } else { format!(" --only {}", numbers.join(",")) };
    println!("\nagain: cargo run -p tests -- simulate --seed {seed} --world {}{only}\n", kind.name());
}
