//! `bench-outbox MODE URL COUNT [FILE]`: emits of one kind, as fast as they go; one line of JSON.
//!
//! `plain` waits for nothing, `acked` wants its text back, `reliable` sends each until an answer comes, and `stored-first`
//! and `write-behind` keep each in the store FILE until then; these answers are empty, `reliable-echoed` is answered with its
//! text. `append` writes the same records to the store alone, without a client; `bare` reads an answer to each without one.

mod bare;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bench_peers::{Measured, Meter, Texts, WINDOW, percentile};
use socketio_client_native::store::{FileStore, Record, Store as _};
use socketio_client_native::{Client, Durability, EmitError, Fate, Socket, Transport};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Emits that a reliable mode has on their way.
const RETRY_WINDOW: u32 = 256;
/// Emits that a client keeps; in memory few, so that it is not the size of the cache that is measured.
const AHEAD: usize = 4 * RETRY_WINDOW as usize;
const AHEAD_STORED: usize = 20_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mode, url, count, rest @ ..] = args.as_slice() else {
        return Err("usage: bench-outbox MODE URL COUNT [FILE]".into());
    };
    let count: u64 = count.parse()?;
    if mode == "append" {
        return append(rest.first().ok_or("append needs a FILE")?, count);
    }
    if mode == "bare" {
        let mut bare = bare::Bare::connect(url).await?;
        bare.work(count / 10).await?;
        let meter = Meter::start();
        bare.work(count).await?;
        report(mode, count, &meter.stop(), Vec::new());
        return Ok(());
    }
    let mut builder = Client::builder(url).transports([Transport::WebSocket]).buffer_size(AHEAD);
    match mode.as_str() {
        "plain" | "acked" => {}
        "reliable" | "reliable-echoed" => {
            builder = builder.retries(Some(u32::MAX)).retry_window(RETRY_WINDOW)
        }
        "stored-first" | "write-behind" => {
            let file = rest.first().ok_or("a stored mode needs a FILE")?;
            let durability =
                if mode == "stored-first" { Durability::StoredFirst } else { Durability::WriteBehind };
            builder = builder
                .buffer_size(AHEAD_STORED)
                .retry_window(RETRY_WINDOW)
                .outbox(file)
                .outbox_durability(durability);
        }
        other => return Err(format!("no mode is called {other}").into()),
    }
    let client = builder.build()?;
    let socket = client.socket("/");
    socket.connected().await?;
    let texts = Texts::default();
    work(&socket, mode, &texts, count / 10).await?;
    let meter = Meter::start();
    let latencies = work(&socket, mode, &texts, count).await?;
    report(mode, count, &meter.stop(), latencies);
    Ok(())
}

/// The store alone: records of the same size, in groups as large as the client's window, each erased later.
fn append(file: &str, count: u64) -> Result<()> {
    let texts = Texts::default();
    let mut store = FileStore::new(file);
    store.open()?;
    store.reserve(count)?;
    let mut latencies = Vec::new();
    let meter = Meter::start();
    for first in (0..count).step_by(RETRY_WINDOW as usize) {
        let seqs: Vec<u64> = (first..count.min(first + u64::from(RETRY_WINDOW))).collect();
        let records: Vec<Record> = seqs
            .iter()
            .map(|seq| Record {
                namespace: "/".into(),
                seq: *seq,
                text: format!(r#"["note",{}]"#, serde_json::json!(texts.message(*seq))).into(),
                attachments: Vec::new(),
                created_at: 0,
                expires_at: None,
                attempts: 0,
            })
            .collect();
        let begin = Instant::now();
        store.append(&records)?;
        latencies.push(begin.elapsed().as_nanos() as u64);
        store.erase("/", &seqs)?;
    }
    report("append", count, &meter.stop(), latencies);
    Ok(())
}

fn report(mode: &str, count: u64, measured: &Measured, mut latencies: Vec<u64>) {
    let line = serde_json::json!({
        "mode": mode,
        "count": count,
        "cpuUs": measured.cpu_ns.map(|ns| ns as f64 / 1000.0 / count as f64),
        "rate": measured.wall_ns.map(|ns| count as f64 * 1e9 / ns as f64),
        "p50Us": percentile(&mut latencies, 0.5).map(|ns| ns as f64 / 1000.0),
        "p99Us": percentile(&mut latencies, 0.99).map(|ns| ns as f64 / 1000.0),
    });
    println!("{line}");
}

/// Emits so many, and waits until all have ended well. Times from emit to answer, where there is one.
async fn work(socket: &Socket, mode: &str, texts: &Texts, count: u64) -> Result<Vec<u64>> {
    match mode {
        "plain" => {
            for i in 0..count {
                emit(socket, "m", texts, i).await?;
                if i % WINDOW == WINDOW - 1 {
                    tokio::task::yield_now().await;
                }
            }
            socket.flushed().await?;
            Ok(Vec::new())
        }
        "acked" => acked(socket, texts, count).await,
        "reliable-echoed" => reliable(socket, "echo", texts, count).await,
        _ => reliable(socket, "note", texts, count).await,
    }
}

async fn acked(socket: &Socket, texts: &Texts, count: u64) -> Result<Vec<u64>> {
    let answered = Arc::new(AtomicU64::new(0));
    for i in 0..count {
        let answer = socket.emit_with_ack::<socketio_client_native::Value>("echo", &texts.message(i)).send();
        let counted = Arc::clone(&answered);
        tokio::spawn(async move {
            if answer.await.is_ok() {
                counted.fetch_add(1, Relaxed);
            }
        });
        while i - answered.load(Relaxed) >= u64::from(RETRY_WINDOW) {
            tokio::task::yield_now().await;
        }
    }
    until(|| answered.load(Relaxed) == count).await?;
    Ok(Vec::new())
}

async fn reliable(socket: &Socket, event: &str, texts: &Texts, count: u64) -> Result<Vec<u64>> {
    let mut latencies = Vec::new();
    for i in 0..count {
        let begin = Instant::now();
        let ticket = emit(socket, event, texts, i).await?;
        // Watching all would be a cost that an application need not have.
        if i % 1024 == 1023 || i + 1 == count {
            match socket.settled(ticket).await {
                Some(Fate::Acknowledged) => {}
                other => return Err(format!("it ended as {other:?}").into()),
            }
            latencies.push(begin.elapsed().as_nanos() as u64);
        }
    }
    Ok(latencies)
}

async fn emit(socket: &Socket, event: &str, texts: &Texts, i: u64) -> Result<socketio_client_native::EmitId> {
    loop {
        match socket.emit(event, &texts.message(i)) {
            Ok(ticket) => return Ok(ticket),
            Err(EmitError::BufferFull { .. }) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn until(done: impl Fn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !done() {
        if begin.elapsed() > Duration::from_secs(60) {
            return Err("no answer for a minute".into());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
