//! One run: the server, the proxy and the client, cuts and samples.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::dice::Dice;
use tests::{Direction, End, Fault, LineProcess, PATIENCE, Proxy, Scratch};

use super::account::Account;
use super::results::Results;
use super::sample::Sample;

/// Events a second, each way.
const RATE: u64 = 2000;
/// Longer runs are looked at less often.
const LONG: u32 = 600;
/// Seconds between cuts, and to the first one.
const CUTS: f64 = 10.0;
const FIRST: f64 = 5.0;
/// How connections end, in turn.
const ENDS: [(End, &str); 4] =
    [(End::Reset, "reset"), (End::Stall, "stall"), (End::Close, "close"), (End::HalfClose, "half-close")];
/// The first is an outage, of so many seconds: the longest of all. What waits then is as much as will ever wait, so that buffers
/// have grown before their size is compared.
const OUTAGE: f64 = 6.0;
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
/// How often is looked whether the end has come.
const GLANCE: Duration = Duration::from_millis(50);

struct Soak {
    server: LineProcess,
    client: LineProcess,
    account: Account,
    /// What the client has said last.
    line: Value,
    /// Numbers that were asked for: of events that were sent, and of emits.
    sent: Option<u64>,
    emitted: Option<[u64; 2]>,
    flushed: bool,
}

impl Soak {
    fn hear(&mut self) {
        for line in self.server.take_new() {
            self.account.ran(&line);
            self.sent = line["sent"].as_u64().or(self.sent);
            self.flushed |= line.get("flushed").is_some();
        }
        for line in self.client.take_new() {
            self.account.events(&line);
            self.account.fates(&line);
            if let (Some(op), Some(volatile)) = (line["emitted"][0].as_u64(), line["emitted"][1].as_u64()) {
                self.emitted = Some([op, volatile]);
            } else {
                self.line = line;
            }
        }
    }

    /// What does not come in time is missed by whoever judges.
    fn wait(&mut self, condition: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        self.hear();
        while !condition(self) && begin.elapsed() < PATIENCE {
            thread::sleep(GLANCE);
            self.hear();
        }
    }

    /// No more is sent, and all of it comes to its end.
    fn end(&mut self) -> (u64, [u64; 2]) {
        self.server.send(&json!("stop"));
        self.client.send(&json!("stop"));
        self.wait(|soak| soak.sent.is_some() && soak.emitted.is_some());
        let sent = self.sent.expect("the server says what it has sent");
        let emitted = self.emitted.expect("the client says what it has emitted");
        self.wait(|soak| soak.account.is_even(sent) && soak.account.settled() >= emitted[0] + emitted[1]);
        self.server.send(&json!("flush"));
        self.wait(|soak| soak.flushed);
        (sent, emitted)
    }
}

/// What was measured, and what is wrong with it.
pub(super) fn run(seconds: u32, seed: u64, client: &Path) -> (Results, Vec<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/soak.mjs");
    let job = json!({"rate": RATE}).to_string();
    let mut server = LineProcess::start("soak.mjs", Command::new("node").arg(script).arg(job));
    let port = server.wait_for("port", |line| line.get("port").is_some())["port"].as_u64();
    let proxy = Proxy::start(port.and_then(|port| port.try_into().ok()).expect("a port"));
    let scratch = Scratch::new();
    let job = json!({"url": proxy.url(), "store": scratch.file("outbox"), "rate": RATE}).to_string();
    let client = LineProcess::start("client", Command::new(client).arg(job));
    let (account, line) = (Account::default(), Value::Null);
    let mut soak = Soak { server, client, account, line, sent: None, emitted: None, flushed: false };
    soak.wait(|soak| soak.account.joins > 0);
    soak.server.send(&json!("go"));
    soak.client.send(&json!("go"));

    let begin = Instant::now();
    let end = f64::from(seconds);
    // Not in step with the cuts.
    let every = if seconds > LONG { 9.0 } else { 1.0 };
    let (mut next_sample, mut next_cut, mut lift) = (every, FIRST, f64::MAX);
    let (mut samples, mut cuts) = (Vec::new(), Vec::new());
    let mut happened = 0;
    let mut dice = Dice::new(seed);
    while next_sample <= end {
        let next = next_sample.min(next_cut).min(lift);
        thread::sleep((begin + Duration::from_secs_f64(next)).saturating_duration_since(Instant::now()));
        soak.hear();
        if next == lift {
            happened += proxy.fired().min(1);
            proxy.lift();
            lift = f64::MAX;
        }
        if next == next_cut {
            // An outage was counted at its end.
            happened += if cuts.len() == 1 { 0 } else { proxy.fired() };
            // The last is over before the end.
            if cuts.is_empty() {
                proxy.set(Fault::Answer(BUSY.to_vec()));
                lift = next_cut + OUTAGE;
                cuts.push((next_cut, "outage".to_owned()));
                next_cut += CUTS;
            } else if next_cut + CUTS <= end {
                let (end, name) = ENDS[cuts.len() % ENDS.len()];
                let (way, of) =
                    if dice.one_in(2) { (Direction::Up, "ours") } else { (Direction::Down, "the server's") };
                proxy.set(Fault::Cut(way, dice.roll(4096), end));
                cuts.push((next_cut, format!("{name}, in {of}")));
                next_cut += CUTS;
            } else {
                next_cut = f64::MAX;
            }
        }
        if next == next_sample {
            let at = begin.elapsed().as_secs_f64();
            samples.push(Sample::take(soak.client.id(), at, &soak.line));
            // Who waits for an hour sees that it goes on.
            if seconds > LONG && samples.len().is_multiple_of(20) {
                eprintln!(
                    "{at:.0} s, {} cuts, {} events: {:?}",
                    cuts.len(),
                    soak.account.heard,
                    samples.last()
                );
            }
            next_sample += every;
        }
    }
    let (sent, emitted) = soak.end();
    let Soak { mut client, account, .. } = soak;
    client.send(&json!("end"));
    let ended = client.wait();
    let (account, mut wrong) = account.judge(sent, emitted);
    if !ended.status.success() {
        wrong.push(format!("the client's process ended with {}: {}", ended.status, ended.stderr));
    }
    if happened != cuts.len() as u64 {
        wrong.push(format!("{happened} of {} cuts happened", cuts.len()));
    }
    (Results::new(seconds, seed, &account, sent, emitted, cuts, samples), wrong)
}
