//! Our client over its public API, with its defaults but for the transports.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bench_peers::{
    Case, Done, IN_FLIGHT, Job, Measured, Message, Meter, OwnedMessage, Tally, Texts, WINDOW, anonymous_kib,
    percentile, run, stalled,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use socketio_client_native::{Client, ClientEvent, EmitError, Socket, Transport};
use tokio::sync::mpsc;

type Result<T> = std::result::Result<T, String>;

fn main() {
    run(|job| async move {
        match job.case {
            Case::Receive => receive(&job).await,
            Case::Send => send(&job).await,
            Case::Ack1 => ack1(&job).await,
            Case::Ack64 => ack64(&job).await,
            Case::ConnectWs => connects(&job).await,
            Case::ConnectUpgrade => connects_with_upgrade(&job).await,
            Case::Idle => idle(&job).await,
        }
    })
}

#[derive(Serialize)]
struct Flood {
    count: u64,
}

struct Ours {
    socket: Socket,
    tally: Arc<Mutex<Tally>>,
    done: mpsc::UnboundedReceiver<Done>,
    // The connection lives as long as this does.
    _client: Client,
}

impl Ours {
    /// Connected to the namespace `/`, with handlers for what the server says.
    async fn connect(url: &str) -> Result<Self> {
        let (client, socket) = websocket(url)?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let counted = Arc::clone(&tally);
        socket.on("m", move |message| {
            if let Ok(OwnedMessage { n, text }) = message.parse() {
                counted.lock().unwrap().add(n, &text);
            }
        });
        let (sender, done) = mpsc::unbounded_channel();
        socket.on("done", move |message| {
            if let Ok(done) = message.parse() {
                let _ = sender.send(done);
            }
        });
        socket.connected().await.map_err(text)?;
        Ok(Self { socket, tally, done, _client: client })
    }

    async fn done(&mut self) -> Result<Done> {
        self.done.recv().await.ok_or_else(|| "closed".to_owned())
    }

    async fn report(&mut self) -> Result<Done> {
        self.socket.emit("report", &()).map_err(text)?;
        self.done().await
    }

    async fn flood(&mut self, count: u64) -> Result<(Tally, Done)> {
        *self.tally.lock().unwrap() = Tally::default();
        self.socket.emit("flood", &Flood { count }).map_err(text)?;
        let done = self.done().await?;
        Ok((*self.tally.lock().unwrap(), done))
    }

    async fn emits(&mut self, texts: &Texts, range: std::ops::Range<u64>) -> Result<Done> {
        for i in range {
            let message = texts.message(i);
            loop {
                match self.socket.emit("m", &message) {
                    Ok(_) => break,
                    Err(EmitError::BufferFull { .. }) => self.socket.flushed().await.map_err(text)?,
                    Err(error) => return Err(text(error)),
                }
            }
            if i % WINDOW == WINDOW - 1 {
                tokio::task::yield_now().await;
            }
        }
        self.report().await
    }

    /// Whether the answer equals the request.
    async fn round_trip(&self, message: Message<'_>) -> Result<bool> {
        let answer: OwnedMessage = self.socket.emit_with_ack("echo", &message).await.map_err(text)?;
        Ok((answer.n, answer.text.as_str()) == (message.n, message.text))
    }
}

fn websocket(url: &str) -> Result<(Client, Socket)> {
    let client = Client::builder(url).transports([Transport::WebSocket]).build().map_err(text)?;
    let socket = client.socket("/");
    Ok((client, socket))
}

/// Leaves before the next connect starts, as the bare client does.
async fn leave(client: &Client) {
    client.close();
    client.closed().await;
}

async fn receive(job: &Job) -> Result<Measured> {
    let mut ours = Ours::connect(&job.url).await?;
    ours.flood(job.warmup).await?;
    let meter = Meter::start();
    let (tally, done) = ours.flood(job.count).await?;
    let measured = meter.stop().server(done);
    done.agrees(tally, job.count)?;
    Ok(measured)
}

async fn send(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut ours = Ours::connect(&job.url).await?;
    ours.emits(&texts, 0..job.warmup).await?;
    let meter = Meter::start();
    let done = ours.emits(&texts, 0..job.count).await?;
    let measured = meter.stop().server(done);
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured)
}

async fn ack1(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut ours = Ours::connect(&job.url).await?;
    for i in 0..job.warmup {
        ours.round_trip(texts.message(i)).await?;
    }
    ours.report().await?;
    let mut times = Vec::with_capacity(job.count as usize);
    let meter = Meter::start();
    for i in 0..job.count {
        let start = Instant::now();
        if !ours.round_trip(texts.message(i)).await? {
            return Err(format!("a wrong answer to request {i}"));
        }
        times.push(start.elapsed().as_nanos() as u64);
    }
    let measured = meter.stop();
    let done = ours.report().await?;
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured.server(done).times(times))
}

async fn ack64(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut ours = Ours::connect(&job.url).await?;
    let (answered, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
    let requests = async |ours: &Ours, count: u64| {
        stream::iter(0..count)
            .map(|i| ours.round_trip(texts.message(i)))
            .buffer_unordered(IN_FLIGHT)
            .try_for_each(async |right| {
                answered.fetch_add(1, Relaxed);
                wrong.fetch_add(u64::from(!right), Relaxed);
                Ok(())
            })
            .await
    };
    let work = async {
        requests(&ours, job.warmup).await?;
        ours.report().await?;
        let meter = Meter::start();
        requests(&ours, job.count).await?;
        let measured = meter.stop();
        let done = ours.report().await?;
        done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
        match wrong.load(Relaxed) {
            0 => Ok(measured.server(done)),
            wrong => Err(format!("{wrong} requests with another's answer")),
        }
    };
    tokio::select! {
        measured = work => measured,
        () = stalled(|| answered.load(Relaxed)) => Err(format!("hangs: {} answered", answered.load(Relaxed))),
    }
}

async fn connects(job: &Job) -> Result<Measured> {
    let mut times = Vec::with_capacity(job.count as usize);
    let mut meter = Meter::start();
    for i in 0..job.warmup + job.count {
        if i == job.warmup {
            meter = Meter::start();
        }
        let start = Instant::now();
        let (client, socket) = websocket(&job.url)?;
        socket.connected().await.map_err(text)?;
        let time = start.elapsed().as_nanos() as u64;
        leave(&client).await;
        if i >= job.warmup {
            times.push(time);
        }
    }
    Ok(meter.stop().times(times))
}

async fn connects_with_upgrade(job: &Job) -> Result<Measured> {
    let (mut connected, mut upgraded) = (Vec::new(), Vec::new());
    let mut meter = Meter::start();
    for i in 0..job.warmup + job.count {
        if i == job.warmup {
            meter = Meter::start();
        }
        let start = Instant::now();
        let client = Client::builder(&job.url)
            .transports([Transport::Polling, Transport::WebSocket])
            .build()
            .map_err(text)?;
        let (sender, mut upgrade) = mpsc::unbounded_channel();
        client.on_event(move |event| match event {
            ClientEvent::Upgrade(_) => drop(sender.send(Ok(start.elapsed().as_nanos() as u64))),
            ClientEvent::UpgradeError(error) => drop(sender.send(Err(error))),
            _ => {}
        });
        let socket = client.socket("/");
        socket.connected().await.map_err(text)?;
        let time = start.elapsed().as_nanos() as u64;
        let upgrade = upgrade.recv().await.ok_or("no upgrade")??;
        leave(&client).await;
        if i >= job.warmup {
            connected.push(time);
            upgraded.push(upgrade);
        }
    }
    let upgraded_p50_ns = percentile(&mut upgraded, 0.5);
    Ok(Measured { upgraded_p50_ns, ..meter.stop().times(connected) })
}

async fn idle(job: &Job) -> Result<Measured> {
    let mut open = Vec::new();
    let mut before = 0;
    for i in 0..job.warmup + job.count {
        if i == job.warmup {
            before = anonymous_kib()?;
        }
        open.push(Ours::connect(&job.url).await?);
    }
    let kib = anonymous_kib()?.saturating_sub(before) as f64 / job.count as f64;
    Ok(Measured { kib: Some(kib), ..Measured::default() })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
