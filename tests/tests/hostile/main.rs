//! Servers that mean harm, by hand-written frames, heads and bodies: what the application is told, how much memory it takes,
//! and that the client works again with a server that does not.
//!
//! Writes `.work/hostile.md`.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod bomb;
mod opening;
mod polling;
mod rows;
mod server;
mod subject;
mod table;
mod websocket;

use std::time::Duration;

use futures::StreamExt as _;
use peak_alloc::PeakAlloc;
use tests::{NodeServer, Options, PATIENCE};

use self::rows::{Row, Told};
use self::server::{Cut, Server};
use self::subject::{App, LIMITS, Subject, Word};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Clients at the same time where memory is not that of one row.
const ABREAST: usize = 16;
/// Writes before which a server breaks off: inside the handshakes, between them, and in what follows.
const STEPS: usize = 6;

/// What one client went through.
pub(crate) struct Outcome {
    pub(crate) row: Row,
    /// The most that was allocated, beyond what was before.
    pub(crate) peak: usize,
    pub(crate) words: Vec<Word>,
    /// Writes of the server.
    steps: usize,
}

/// Waits for what the server's threads do, which tell nobody.
async fn until(condition: impl Fn() -> bool) -> bool {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.is_ok()
}

/// A row from beginning to end, alone.
async fn endure(row: Row, good: u16) -> Result<Outcome, String> {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let server = Server::start(row.attack, LIMITS, None);
    let subject = Subject::start(server.port, row.transports, row.app);
    let held_up = match row.app {
        App::Hears | App::Answers => true,
        App::Stuck => until(|| server.is_stalled()).await,
        App::Late => until(|| server.is_done()).await,
    };
    if !held_up {
        return Err("the server was not held back, or has not said all".to_owned());
    }
    subject.release();
    let told = subject.hears(|word| row.told.is(word)).await;
    let goes_on = matches!(row.told, Told::Survives | Told::NotUpgraded(_));
    let told = if goes_on && told.is_ok() { subject.hears(|word| *word == Word::Done).await } else { told };
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    let steps = server.steps();
    let words = told.map_err(|words| format!("told {words:.500?}"))?;
    if goes_on && words.iter().any(|word| matches!(word, Word::Open(_) | Word::Closed(..))) {
        return Err(format!("the session has ended: {words:.500?}"));
    }
    let bound = row.bound.bytes();
    if peak > bound {
        return Err(format!("{peak} bytes, above {bound}"));
    }
    recover(server, subject, good).await?;
    Ok(Outcome { row, peak, words, steps })
}

/// The client works with a good server, and ends.
async fn recover(server: Server, subject: Subject, good: u16) -> Result<(), String> {
    server.mend(good);
    if !subject.works().await {
        return Err("does not work again".to_owned());
    }
    if subject.ends().await { Ok(()) } else { Err("does not end".to_owned()) }
}

/// The same, but the server breaks off.
async fn cut(row: &Row, cut: Cut, good: u16) -> Result<(), String> {
    let server = Server::start(row.attack, LIMITS, Some(cut));
    let subject = Subject::start(server.port, row.transports, App::Hears);
    // Sooner or later something, if only what comes behind the attack that the cut has missed.
    subject.hears(|_| true).await.map_err(|_| "is told nothing".to_owned())?;
    recover(server, subject, good).await
}

/// The same, but the application closes the client in the middle of it.
async fn close(row: &Row, after: usize) -> Result<(), String> {
    let server = Server::start(row.attack, LIMITS, None);
    let subject = Subject::start(server.port, row.transports, row.app);
    if !until(|| server.steps() >= after).await {
        return Err(format!("the server did not come to step {after}"));
    }
    if subject.ends().await { Ok(()) } else { Err("does not end".to_owned()) }
}

fn chosen(only: &str) -> Vec<Row> {
    let is_chosen = |row: &Row| format!("{} {}", row.transport(), row.name).contains(only);
    rows::all().into_iter().filter(is_chosen).collect()
}

/// One test: the memory of all threads is counted together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_client_of_each_hostile_server() {
    let node = NodeServer::start(Options::new());
    let good = node.port();
    // Not in the first row that has use for them.
    let bombs = bomb::MESSAGE.len() + bomb::BODY.len();
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    let only = std::env::var("HOSTILE_ONLY").unwrap_or_default();
    for row in chosen(&only) {
        let what = format!("{}, {}", row.name, row.transport());
        match endure(row, good).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => failed.push(format!("{what}: {error}")),
        }
    }
    assert!(outcomes.len() + failed.len() > 0, "no line has `{only}` in it");
    if only.is_empty() {
        table::write(&outcomes);
    }
    let most = outcomes.iter().map(|outcome| outcome.peak).max().unwrap_or_default();
    println!(
        "figures: {} hostile servers, {bombs} bytes of bombs: each told as what it is, at most {} KiB, each under its bound; works \
         again after each",
        outcomes.len(),
        most.div_ceil(1024)
    );
    let full = std::env::var_os("TESTS_FULL").is_some();
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let ends = outcomes.iter().enumerate().flat_map(|(number, Outcome { row, steps, .. })| {
        let last = (*steps).min(STEPS);
        // A share: each row once each way, and all steps among all rows.
        let steps = (0..last).filter(move |step| full || step % last == number % last);
        steps.flat_map(move |step| {
            let cuts = [false, true].map(|reset| Some(Cut { after: step, reset }));
            cuts.into_iter().chain([None]).map(move |how| (row, step, how))
        })
    });
    let ended: Vec<_> = futures::stream::iter(ends)
        .map(|(row, step, how)| async move {
            let done = match how {
                Some(how) => cut(row, how, good).await,
                None => close(row, step).await,
            };
            done.map_err(|error| format!("{}, {}, step {step}, {how:?}: {error}", row.name, row.transport()))
        })
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    println!(
        "figures: {} of them broke off, were reset or were left by the application in their first {STEPS} writes",
        ended.len()
    );
    let mut bounds: Vec<_> = outcomes.iter().map(|outcome| outcome.row.bound.bytes()).collect();
    bounds.sort_unstable();
    let bound = bounds.iter().rev().take(ABREAST).sum::<usize>();
    if peak > bound {
        failed.push(format!("{ABREAST} at a time: {peak} bytes, above {bound}"));
    }
    failed.extend(ended.into_iter().filter_map(Result::err));
    assert!(failed.is_empty(), "{}:\n{}", failed.len(), failed.join("\n"));
}
