//! `sio`, killed at random while it sends from a durable outbox to a server with the middleware: every event is handled
//! once, in order. `SEED` in the environment changes when.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{LineProcess, Scratch, Sio};

/// How many events each process is given.
const GIVEN: u64 = 100;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }
}

struct Server {
    process: LineProcess,
    url: String,
}

impl Server {
    fn start(seed: u64) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/servers/exactly-once.mjs");
        let mut command = Command::new("node");
        command.arg(script).env("HANDLER_MS", "3").env("SEED", seed.to_string());
        let mut process = LineProcess::start("server with the middleware", &mut command);
        let port = process.wait_for("port", |line| line.get("port").is_some())["port"].take();
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }

    /// The events that were handled so far.
    fn handled(&mut self) -> Vec<u64> {
        // What it has printed before is read then.
        self.process.send_text("stats");
        self.process.wait_for("stats", |line| line.get("stats").is_some());
        self.process.lines().iter().filter_map(|line| line["run"]["n"].as_u64()).collect()
    }
}

fn connect(server: &Server, file: &str) -> Sio {
    let options =
        ["--exactly-once", "--outbox", file, "--transports", "websocket", "--reconnection-delay", "10ms"];
    Sio::connect(&server.url, &options)
}

/// The events that are in the outbox.
fn stored(file: &Path) -> Vec<u64> {
    if !file.exists() {
        return Vec::new();
    }
    let listed = Sio::run(["outbox", &file.display().to_string()]).wait();
    assert_eq!((listed.code(), listed.stderr.as_str()), (0, ""));
    listed.lines.iter().filter_map(|line| line["args"][0]["n"].as_u64()).collect()
}

fn event(n: u64) -> Value {
    json!({"emit": "op", "args": [{"client": "sio", "n": n}], "id": n})
}

#[test]
fn a_killed_process_loses_nothing_and_repeats_nothing() {
    kill(20);
}

#[test]
#[ignore = "the same for two minutes"]
fn a_process_killed_two_hundred_times_loses_nothing_and_repeats_nothing() {
    kill(200);
}

fn kill(kills: u64) {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("SEED={seed}");
    let mut random = Random(seed | 1);
    let folder = Scratch::new();
    let path = folder.file("events.outbox");
    let file = path.display().to_string();
    let mut server = Server::start(seed);
    let (mut accepted, mut left_over, mut before_any) = (0, 0, 0);
    for kill in 0..kills {
        let mut sio = connect(&server, &file);
        for n in accepted + 1..=accepted + GIVEN {
            sio.send(&event(n));
        }
        // Three lines for each event: at any point of their course, and between two.
        let moment = random.below(3 * GIVEN);
        for _ in 0..moment {
            sio.wait_for("another line", |line| line["type"] != "outbox_settled");
        }
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        sio.kill();

        let stored = stored(&path);
        let handled = server.handled();
        let newest = stored.iter().chain(&handled).copied().max().unwrap_or(0);
        before_any += u64::from(newest == accepted);
        left_over += stored.len();
        // What it had accepted is there or was handled, up to the newest, and nothing twice.
        let mut all: Vec<_> = handled.iter().chain(&stored).copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (1..=newest).collect::<Vec<_>>(), "kill {kill}, SEED={seed}");
        accepted = newest;
    }
    // One that is not killed.
    let mut sio = connect(&server, &file);
    sio.send(&event(accepted + 1));
    let ended = sio.finish();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(server.handled(), (1..=accepted + 1).collect::<Vec<_>>(), "once each, in order; SEED={seed}");
    assert_eq!(stored(&path), [0; 0], "nothing is left; SEED={seed}");
    println!(
        "figures: SEED={seed}, {kills} kills: {} events, each handled once, in order; {left_over} were in the outbox when it was killed, \
         {before_any} kills came before anything was accepted",
        accepted + 1
    );
}
