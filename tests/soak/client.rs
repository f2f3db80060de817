//! The client of a soak, in a process of its own, whose memory is its own too.
//!
//! `client '{"url":…,"store":…,"rate":…}'`: `rate` emits a second once it is told to begin, most of them through the outbox and
//! run exactly once, one in twenty volatile. Five times a second it prints
//! `{"events":[…],"fates":[…],"connected":…,"heap":…,"unsettled":…}`: what it has heard since, and what became of its emits, as
//! ranges without their ends; bytes that are allocated; emits without an end. Lines on standard input: `"go"`;
//! `"stop"`, answered with `{"emitted":[op, volatile]}`; `"end"`.

#[path = "../cuts/process.rs"]
mod process;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde::Deserialize;
use serde_json::{Value, json};
use socketio_client_native::{Client, EmitId, Message, Socket};

use self::process::{commands, print};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What may wait while the network is gone: the default is for those who emit less.
const HELD: usize = 50_000;
/// With more than this nothing is emitted for a while: the machine does not keep up.
const ENOUGH: usize = 40_000;
/// Emits on their way at once, for the same reason.
const WINDOW: u32 = 256;
const TEXT: &str = "some text, as chats have it: sixty-four characters in one event.";
/// One emit in so many is volatile.
const VOLATILE: u64 = 20;

#[derive(Deserialize)]
struct Job {
    url: String,
    store: PathBuf,
    rate: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Go,
    Stop,
    End,
}

/// What has come since the last line.
#[derive(Default)]
struct News {
    events: Vec<Value>,
    heard: Option<(u64, u64)>,
}

impl News {
    fn heard(&mut self, n: u64) {
        match &mut self.heard {
            Some((_, to)) if *to == n => *to += 1,
            _ => {
                self.close();
                self.heard = Some((n, n + 1));
            }
        }
    }

    fn close(&mut self) {
        if let Some((from, to)) = self.heard.take() {
            self.events.push(json!(["heard", from, to]));
        }
    }

    fn tell(&mut self, event: Value) {
        self.close();
        self.events.push(event);
    }
}

type Shared = Arc<Mutex<News>>;

fn lock(news: &Shared) -> MutexGuard<'_, News> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(socket: &Socket, news: &Shared) {
    let (shared, joined) = (Arc::clone(news), socket.clone());
    socket.on_connect(move || lock(&shared).tell(json!(["joined", joined.recovered()])));
    let shared = Arc::clone(news);
    socket.on_disconnect(move |reason| lock(&shared).tell(json!(["left", reason.as_str()])));
    let shared = Arc::clone(news);
    socket.on_gap(move |gap| lock(&shared).tell(json!(["gap", gap.reason.as_str()])));
    let shared = Arc::clone(news);
    socket.on("n", move |message: Message| match message.parse::<(u64, String)>() {
        Ok((n, text)) if text == TEXT => lock(&shared).heard(n),
        _ => lock(&shared).tell(json!(["strange", message.args_json()])),
    });
}

/// What is emitted, and what became of it.
struct Emits {
    socket: Socket,
    /// Of `op` and `volatile`.
    next: [u64; 2],
    unsettled: HashMap<EmitId, (usize, u64)>,
    /// Fate, which of both, from, to.
    fates: Vec<(&'static str, usize, u64, u64)>,
}

impl Emits {
    fn emit(&mut self) {
        let kind = usize::from((self.next[0] + self.next[1]) % VOLATILE == VOLATILE - 1);
        let n = self.next[kind];
        self.next[kind] += 1;
        let emitted = if kind == 1 {
            self.socket.volatile().emit("volatile", &n)
        } else {
            self.socket.emit("op", &(n, TEXT))
        };
        match emitted {
            Ok(ticket) => drop(self.unsettled.insert(ticket, (kind, n))),
            Err(_) => self.settled("refused", kind, n),
        }
    }

    fn settled(&mut self, fate: &'static str, kind: usize, n: u64) {
        let same =
            |(of, at, _, to): &&mut (&'static str, usize, u64, u64)| (*of, *at, *to) == (fate, kind, n);
        match self.fates.iter_mut().rev().take(8).find(same) {
            Some((_, _, _, to)) => *to += 1,
            None => self.fates.push((fate, kind, n, n + 1)),
        }
    }
}

fn report(news: &Shared, emits: &mut Emits) {
    let events = {
        let mut news = lock(news);
        news.close();
        std::mem::take(&mut news.events)
    };
    let fates = std::mem::take(&mut emits.fates);
    print(&json!({
        "events": events,
        "fates": fates,
        "connected": emits.socket.is_connected(),
        "heap": HEAP.current_usage(),
        "unsettled": emits.unsettled.len(),
    }));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: client JOB")?)?;
    let client = Client::builder(&job.url)
        .exactly_once(true)
        .outbox(&job.store)
        .buffer_size(HELD)
        .retry_window(WINDOW)
        .build()?;
    let socket = client.default_socket();
    let news = Shared::default();
    listen(&socket, &news);
    let mut fates = socket.fates();
    let mut emits = Emits { socket, next: [0; 2], unsettled: HashMap::new(), fates: Vec::new() };
    let mut commands = commands();
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let mut reports = tokio::time::interval(Duration::from_millis(200));
    let mut goes = false;
    // When the next emit is due.
    let mut next = Instant::now();
    let pause = Duration::from_secs(1) / job.rate;
    loop {
        tokio::select! {
            change = fates.next() => {
                let change = change.ok_or("the fates have ended")?;
                if change.fate.is_final() && let Some((kind, n)) = emits.unsettled.remove(&change.emit) {
                    emits.settled(change.fate.as_str(), kind, n);
                }
            }
            now = pace.tick() => while goes && next <= now.into() {
                if emits.unsettled.len() < ENOUGH {
                    emits.emit();
                }
                next += pause;
            },
            _ = reports.tick() => report(&news, &mut emits),
            Some(line) = commands.recv() => match serde_json::from_str(&line)? {
                Command::Go => (goes, next) = (true, Instant::now()),
                Command::Stop => {
                    goes = false;
                    print(&json!({"emitted": emits.next}));
                }
                Command::End => break,
            },
        }
    }
    client.close();
    client.closed().await;
    Ok(())
}
