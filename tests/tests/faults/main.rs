//! Real servers behind a proxy that does what networks, balancers and middleboxes do: what the application is told, how
//! long until it works again, and what is lost, which is nothing that was promised.
//!
//! Writes `.work/faults-native.md` and `.work/faults-cuts.md`. Times are shown, and not judged.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod rows;
mod servers;
mod subject;
mod sweep;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tests::{Certificate, Direction, Fault, PATIENCE, Place, Proxy, self_signed};
use tokio::time::timeout;

use self::rows::{Course, Row};
use self::servers::{Kind, Pace, Server};
use self::subject::{Account, LONGEST, Subject, quick};
use self::sweep::Sum;

/// Lines at the same time, two clients each.
const ABREAST: usize = 16;

/// After that an emit is sent again.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The servers by what they are, and those of which every byte takes its time.
struct Servers {
    quick: BTreeMap<&'static str, Server>,
    slow: BTreeMap<&'static str, Server>,
    secure: Server,
    certificate: Certificate,
    clients: AtomicU64,
}

impl Servers {
    async fn start() -> Self {
        let (mut quick, mut slow) = (BTreeMap::new(), BTreeMap::new());
        for kind in [Kind::Node, Kind::Socketioxide, Kind::Python] {
            quick.insert(kind.name(), Server::start(kind, Pace::QUICK).await);
            slow.insert(kind.name(), Server::start(kind, Pace::SLOW).await);
        }
        let certificate = self_signed();
        let secure = Server::secure(&certificate).await;
        Self { quick, slow, secure, certificate, clients: AtomicU64::new(0) }
    }

    fn of(&self, row: &Row) -> &Server {
        match row.course {
            Course::Works => &self.slow[row.kind.name()],
            _ if row.secure => &self.secure,
            _ => &self.quick[row.kind.name()],
        }
    }
}

/// One client's view of a line. `reliable`: with `retries`.
async fn endure(row: &Row, servers: &Servers, reliable: bool) -> (Duration, Account) {
    let server = servers.of(row);
    let proxy = Proxy::start(server.port);
    let asked = matches!(row.course, Course::Asked(_));
    let builder = quick(rows::url(row, proxy.port()), row.transports)
        // To ask for a session that was lost is an attempt of several requests.
        .recovery(!asked)
        .timeout(if row.course == Course::Works { PATIENCE } else { Duration::from_secs(1) })
        .retries(reliable.then_some(u32::MAX))
        .ack_timeout(reliable.then_some(ACK_TIMEOUT));
    let works = row.course == Course::Works;
    if works {
        proxy.set(row.fault.clone());
    }
    let begin = Instant::now();
    let subject = Subject::start(
        rows::trusting(builder, row, &servers.certificate),
        servers.clients.fetch_add(1, SeqCst),
    );
    subject.works(true).await;
    let began = begin.elapsed();
    let stop = AtomicBool::new(false);
    let emits = async {
        // As the server does.
        let mut pace = tokio::time::interval(server.pace.tick);
        while !stop.load(SeqCst) {
            pace.tick().await;
            subject.emit();
        }
    };
    let fault = async {
        let took = if works { began } else { suffer(row, &proxy, &subject).await };
        stop.store(true, SeqCst);
        took
    };
    let ((), took) = tokio::join!(emits, fault);
    if works {
        proxy.lift();
        subject.works(true).await;
    }
    // What a server says it has read, though it could not, is told as delivered.
    let confirmed = row.fault == Fault::Flip(Direction::Up, Place::Body);
    let account = subject.account(server, confirmed).await;
    row.tells(&account.words);
    (took, account)
}

/// From the fault until it works again; how long that took after its end.
async fn suffer(row: &Row, proxy: &Proxy, subject: &Subject) -> Duration {
    let words = subject.words();
    proxy.set(row.fault.clone());
    let once = matches!(row.fault, Fault::Cut(..) | Fault::Flip(..));
    let begin = Instant::now();
    subject.hears_of(&row.says, words).await;
    // An attempt that has waited, too.
    let least = if matches!(row.course, Course::Asked(_)) { 2 } else { 0 };
    while proxy.fired() == 0 || proxy.answered().len() < least {
        // The proxy's threads tell nobody.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    proxy.lift();
    let lifted = Instant::now();
    subject.works(true).await;
    if let Course::Asked(wait) = row.course {
        let between: Vec<_> = proxy.answered().windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(between.iter().all(|between| *between >= wait), "{between:?}");
        let waits = subject.waits();
        assert!(waits.iter().any(|told| *told >= wait), "{waits:?}");
        assert!(waits.iter().all(|told| *told <= 10 * LONGEST), "{waits:?}");
    }
    if once { begin.elapsed() } else { lifted.elapsed() }
}

async fn line(row: Row, servers: Arc<Servers>) -> (Row, Duration, Account, Account) {
    let both = async { tokio::join!(endure(&row, &servers, false), endure(&row, &servers, true)) };
    let ((first, plain), (second, reliable)) = timeout(4 * PATIENCE, both).await.expect("the line ends");
    assert_eq!(reliable.acknowledged, reliable.emits, "{}: what is sent again arrives", row.name);
    (row, first.max(second), plain, reliable)
}

fn seed() -> u64 {
    std::env::var("FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_client_behind_each_fault() {
    let servers = Arc::new(Servers::start().await);
    let seed = seed();
    let rows = rows::all(servers.secure.port, seed);
    let only = std::env::var("FAULTS_ONLY").unwrap_or_default();
    let chosen = rows.into_iter().filter(|row| format!("{} {}", row.kind.name(), row.name).contains(&only));
    let ended: Vec<_> = futures::stream::iter(chosen.enumerate())
        .map(|(number, row)| {
            let servers = Arc::clone(&servers);
            async move {
                let what = format!("{}, {}, {}", row.name, row.kind.name(), row.transport());
                let done = tokio::spawn(line(row, servers)).await;
                done.map(|line| (number, line)).map_err(|error| format!("{what}: {error}"))
            }
        })
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for line in ended {
        match line {
            Ok(line) => lines.push(line),
            Err(error) => failed.push(error),
        }
    }
    lines.sort_by_key(|(number, (row, ..))| (row.kind as usize, *number));
    let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    let emits: usize = lines.iter().map(|(_, _, plain, reliable)| plain.emits + reliable.emits).sum();
    let missed: u64 = lines.iter().map(|(_, _, plain, reliable)| plain.missed + reliable.missed).sum();
    println!(
        "figures: seed {seed}, {} faults: each told and survived; {emits} emits, each with its true fate; {missed} events missed, each in \
         a gap that was told",
        lines.len()
    );
    assert!(lines.len() + failed.len() > 0, "no line has `{only}` in it");
    if only.is_empty() {
        table::write("faults-native.md", &table::faults(&lines));
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), failed.len() + lines.len(), failed.join("\n"));
}

/// Every byte in a full run.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_and_upgrades_that_are_cut() {
    let seed = seed();
    let full = std::env::var_os("TESTS_FULL").is_some();
    let mut all = Vec::new();
    for kind in [Kind::Node, Kind::Socketioxide, Kind::Python] {
        // For each of three ways in both directions.
        let share = match (kind, full) {
            (Kind::Node, true) => None,
            (Kind::Node, false) => Some(40),
            (_, true) => Some(64),
            (_, false) => Some(11),
        };
        let sums = sweep::run(kind, share, seed).await;
        for sum in &sums {
            let Sum { way, direction, tried, cut, .. } = sum;
            let part = format!("{}, {way} {direction}", kind.name());
            assert_eq!(*cut, *tried as u64, "{part}: each cut meets a byte");
        }
        let [tried, within] = [|sum: &Sum| sum.tried, |sum: &Sum| sum.within]
            .map(|count| sums.iter().map(count).sum::<usize>());
        // The others are exchanges that were shorter than the longest, which may have been long indeed.
        assert!(within * 4 >= tried, "{}: {within} of {tried} cuts within the exchange", kind.name());
        println!(
            "figures: seed {seed}, {}: {tried} cut offsets tried, each met a byte, {within} of them within the exchange, all worked again",
            kind.name()
        );
        all.push((kind, sums));
    }
    table::write("faults-cuts.md", &table::cuts(&all, seed));
}
