//! `linear`: what each byte of a hostile server costs the core, over inputs that double.
//!
//! Instructions are counted (by callgrind), so that a verdict does not depend on the machine's load; times are only shown.

mod machine;
mod shapes;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use self::shapes::{SHAPES, SHOWN, Shape, Work};
use crate::page::{put, said};

/// The input doubles this often.
const DOUBLINGS: u32 = 3;

/// An input of twice the size may take so much more than twice the instructions: a logarithm, or a table that grows.
const MOST: f64 = 2.25;

/// Each time is the best of so many.
const ROUNDS: usize = 5;

/// Counted alone: whatever is done for one input, and nothing of what prepares it.
#[inline(never)]
pub(crate) fn counted_from_here(work: Work) -> usize {
    work()
}

/// Each shape at each size: its bytes, and the work.
fn each(mut run: impl FnMut(&Shape, u32, usize, Work)) {
    for shape in SHAPES.iter().chain(SHOWN) {
        for doubling in 0..=DOUBLINGS {
            let (bytes, work) = (shape.make)(shape.first << doubling);
            run(shape, doubling, bytes, work);
        }
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One number for each shape and size, in the order of [`each`], with the bytes.
fn table(title: &str, costs: &[(usize, f64)], unit: impl Fn(f64) -> String) -> String {
    let mut text = format!("{title}\n\n| sent | counted in | n | n | 2 n | 4 n | 8 n | 8 n : n |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (shape, costs) in SHAPES.iter().chain(SHOWN).zip(costs.chunks(1 + DOUBLINGS as usize)) {
        let each = |&(bytes, cost): &(usize, f64)| cost / bytes as f64;
        let _ = write!(text, "| {} | {} | {}", shape.name, shape.unit, grouped(shape.first as u64));
        for cost in costs {
            let _ = write!(text, " | {}", unit(each(cost)));
        }
        let _ = writeln!(text, " | {:.2} |", each(&costs[costs.len() - 1]) / each(&costs[0]));
    }
    text
}

/// Nanoseconds per byte. Shown, and not judged.
fn times(published: bool) -> ExitCode {
    let mut costs = Vec::new();
    each(|shape, doubling, bytes, work| {
        let mut best = time(work);
        for _ in 1..ROUNDS {
            best = best.min(time((shape.make)(shape.first << doubling).1));
        }
        costs.push((bytes, best.as_nanos() as f64));
    });
    let title = format!(
        "Nanoseconds of the core per byte, each the best of {ROUNDS} runs; {}, commit {}, {} cores, {}, {} build:",
        said("date", &["-u", "+%F"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
        thread::available_parallelism().map_or(1, usize::from),
        said("rustc", &["--version"]).split(' ').take(2).collect::<Vec<_>>().join(" "),
        if cfg!(debug_assertions) { "debug" } else { "release" }
    );
    let text = table(&title, &costs, |cost| format!("{cost:.1}"));
    println!("{text}");
    let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    match if published { put(page, "hostile times", &text) } else { Ok(()) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn time(work: Work) -> Duration {
    let begin = Instant::now();
    std::hint::black_box(counted_from_here(work));
    begin.elapsed()
}

/// Instructions per byte, which are judged.
fn instructions(file: Option<&Path>) -> ExitCode {
    let folder = env::temp_dir().join(format!("linear-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let mut sizes = Vec::new();
    each(|_, _, bytes, _| sizes.push(bytes));
    let mut valgrind = Command::new("valgrind");
    let counted = concat!(module_path!(), "::counted_from_here");
    valgrind
        .arg("--tool=callgrind")
        .args(["--zero-before", "--dump-after"].map(|when| format!("{when}={counted}")))
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(env::current_exe().expect("this program"))
        .args(["linear", "--run"]);
    let ended = valgrind.output().expect("valgrind can be started: apt-get install valgrind");
    // The last one, without a number, is of what comes behind.
    let read = |number: usize| {
        let text = fs::read_to_string(folder.join(format!("out.{}", number + 1))).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
        line.trim().parse::<f64>().ok()
    };
    let costs: Option<Vec<_>> =
        sizes.iter().enumerate().map(|(number, &bytes)| Some((bytes, read(number)?))).collect();
    let _ = fs::remove_dir_all(&folder);
    let Some(costs) = costs.filter(|_| ended.status.success()) else {
        eprintln!("valgrind counted nothing: {}", String::from_utf8_lossy(&ended.stderr));
        return ExitCode::FAILURE;
    };
    let title = format!(
        "Instructions of the core per byte that a server sends, over inputs that double. More than {MOST} times as many for twice the \
         input is a failure, also where emits that wait double too; but in the last {} lines, where the application's own \
         namespaces do:",
        SHOWN.len()
    );
    let text = table(&title, &costs, |cost| format!("{cost:.1}"));
    println!("{text}");
    if let Some(file) = file {
        fs::write(file, &text).expect("the table can be written");
    }
    let mut failed = false;
    for (shape, costs) in SHAPES.iter().zip(costs.chunks(1 + DOUBLINGS as usize)) {
        for pair in costs.windows(2) {
            let ratio = pair[1].1 / pair[0].1 * 2.0 * pair[0].0 as f64 / pair[1].0 as f64;
            if ratio > MOST {
                println!("{}: {ratio:.2} times for twice the input", shape.name);
                failed = true;
            }
        }
    }
    if failed {
        return ExitCode::FAILURE;
    }
    println!("figures: shapes of hostile input: {}, each linear in what the server sends", SHAPES.len());
    ExitCode::SUCCESS
}

/// `linear [--times [--publish] | --table FILE]`.
///
/// # Panics
/// If valgrind or a file is missing.
pub fn linear(mut args: impl Iterator<Item = String>) -> ExitCode {
    match args.next().as_deref() {
        None => instructions(None),
        Some("--table") => instructions(args.next().map(PathBuf::from).as_deref()),
        Some("--times") => times(args.next().as_deref() == Some("--publish")),
        // What is counted.
        Some("--run") => {
            each(|_, _, _, work| {
                std::hint::black_box(counted_from_here(work));
            });
            ExitCode::SUCCESS
        }
        Some(_) => {
            eprintln!("usage: cargo run -p tests -- linear [--times [--publish] | --table FILE]");
            ExitCode::from(2)
        }
    }
}
