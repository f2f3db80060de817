//! `simulate`: runs of seeds, from the command line.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _, stdout};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::journal::{Chosen, Journal};
use crate::report::Report;
use crate::run::{Failure, Kind, Outcome};
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
            print!("{}", explain(*kind, *seed, failure, |journal| kind.run(*seed, journal)));
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
fn explain(
    kind: Kind,
    seed: u64,
    failure: &Failure,
    run: impl Fn(&Journal) -> Result<Outcome, Failure>,
) -> String {
    let is_same =
        |result: &Result<Outcome, Failure>| result.as_ref().is_err_and(|other| other.law == failure.law);
    let journal = Journal::new(Chosen::All, false);
    let again = run(&journal);
    let mut text = format!("{} {seed}: {}\n", kind.name(), kind.plan(seed));
    let _ = writeln!(text, "{}: {}\n", failure.law, failure.message);
    if !is_same(&again) {
        text.push_str("it did not happen again: a run does not depend on its seed alone\n");
        return text;
    }
    let actions = journal.actions();
    let all = actions.len();
    let left = shrink(actions, |numbers| {
        let journal = Journal::new(Chosen::Only(numbers), false);
        is_same(&run(&journal)).then(|| journal.actions())
    });
    let numbers: BTreeSet<u32> = left.iter().map(|action| action.number).collect();
    let journal = Journal::new(Chosen::Only(numbers.clone()), true);
    let last = run(&journal);
    let _ = writeln!(text, "the end of it, with {} of {all} actions:", left.len());
    let lines = journal.lines();
    for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
        let _ = writeln!(text, "  {line}");
    }
    if let Err(Failure { law, message }) = last {
        let _ = writeln!(text, "  {law}: {message}");
    }
    text.push_str("\nactions:\n");
    if left.len() > TAIL {
        text.push_str("  […]\n");
    }
    for action in left.iter().skip(left.len().saturating_sub(TAIL)) {
        let _ = writeln!(text, "  {action}");
    }
    // One that fails before its first action needs none left out.
    let only = if left.is_empty() || left.len() > TAIL {
        String::new()
    } else {
        let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
        format!(" --only {}", numbers.join(","))
    };
    let again = format!("cargo run -p tests -- simulate --seed {seed} --world {}{only}", kind.name());
    let _ = writeln!(text, "\nagain: {again}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Action;
    use crate::run::catch;
    use crate::{Plan, World};

    /// Held to a law that is promised only with a middleware which neither side has here: each emit is run once. A short run, so
    /// that no action is left for want of time.
    fn run(seed: u64, journal: &Journal) -> Result<Outcome, Failure> {
        let plan = Plan { exactly_once: false, store: None, clients: 1, emits: 40, ..Plan::new(seed) };
        catch(|| {
            let mut world = World::new(plan, seed, journal.clone());
            world.plan.exactly_once = true;
            world.run();
            world.outcome()
        })
    }

    #[test]
    fn a_failure_is_shown_and_the_command_repeats_it() {
        let all = |seed| run(seed, &Journal::new(Chosen::All, false));
        let (seed, failure) = (1..100).find_map(|seed| Some((seed, all(seed).err()?))).unwrap();
        let text = explain(Kind::Emits, seed, &failure, |journal| run(seed, journal));
        println!("{text}");
        assert!(text.contains(&format!("{}: {}\n", failure.law, failure.message)));

        let (_, command) = text.split_once("\nagain: cargo run -p tests -- simulate ").unwrap();
        let options = Options::parse(command.split_whitespace().map(str::to_owned)).unwrap();
        assert_eq!((options.seed, &options.kinds[..]), (Some(seed), &[Kind::Emits][..]));
        let journal = Journal::new(options.chosen.clone(), true);
        let again = run(seed, &journal).unwrap_err();
        assert_eq!(again.law, failure.law);

        // These are shown, and none is left that it does not take.
        let actions = journal.actions();
        let numbers: BTreeSet<_> = actions.iter().map(|action| action.number).collect();
        assert_eq!(options.chosen, Chosen::Only(numbers.clone()));
        let (_, shown) = text.split_once(&format!("the end of it, with {} of ", actions.len())).unwrap();
        for part in actions.iter().map(Action::to_string).chain(journal.lines().last().cloned()) {
            assert!(shown.contains(&part), "{part}");
        }
        for number in &numbers {
            let others = numbers.iter().copied().filter(|other| other != number).collect();
            let fewer = run(seed, &Journal::new(Chosen::Only(others), false));
            assert!(fewer.err().is_none_or(|other| other.law != failure.law), "{number} of {numbers:?}");
        }
    }

    #[test]
    fn what_does_not_happen_again_is_told() {
        let failure = Failure { law: "law".into(), message: "broken".into() };
        let text = explain(Kind::Emits, 1, &failure, |journal| Kind::Emits.run(1, journal));
        assert!(
            text.ends_with("it did not happen again: a run does not depend on its seed alone\n"),
            "{text}"
        );
    }
}
