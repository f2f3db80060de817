//! rust_socketio 0.6.0, asynchronous, as its documentation uses it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bench_peers::{
    Case, Done, IN_FLIGHT, Job, Measured, Message, Meter, Tally, Texts, anonymous_kib, run, stalled,
};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

type Result<T> = std::result::Result<T, String>;

fn main() {
    run(|job| async move {
        match job.case {
            Case::Receive => receive(&job).await,
            Case::Send => send(&job).await,
            Case::Ack1 => ack1(&job).await,
            Case::Ack64 => ack64(&job).await,
            Case::ConnectWs => connects(&job, TransportType::Websocket).await,
            Case::ConnectUpgrade => connects(&job, TransportType::Any).await,
            Case::Idle => idle(&job).await,
        }
    })
}

/// What came of a request.
#[derive(PartialEq, Eq)]
enum Answer {
    Right,
    /// It belongs to another request.
    Wrong,
    /// The callback was dropped uncalled.
    Lost,
}

struct Peer {
    client: Client,
    tally: Arc<Mutex<Tally>>,
    done: mpsc::UnboundedReceiver<Done>,
}

impl Peer {
    /// Connected to the namespace `/`.
    async fn connect(url: &str, transport: TransportType) -> Result<Self> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (done_sender, done) = mpsc::unbounded_channel();
        let (open_sender, mut open) = mpsc::unbounded_channel();
        let counted = Arc::clone(&tally);
        let client = ClientBuilder::new(url)
            .transport_type(transport)
            .on(Event::Connect, move |_, _| {
                let _ = open_sender.send(());
                async {}.boxed()
            })
            .on("m", move |payload, _| {
                if let Some((n, text)) = argument(&payload).and_then(fields) {
                    counted.lock().unwrap().add(n, text);
                }
                async {}.boxed()
            })
            .on("done", move |payload, _| {
                let done = argument(&payload).and_then(|value| serde_json::from_value(value.clone()).ok());
                if let Some(done) = done {
                    let _ = done_sender.send(done);
                }
                async {}.boxed()
            })
            .connect()
            .await
            .map_err(text)?;
        open.recv().await.ok_or("not connected")?;
        Ok(Self { client, tally, done })
    }

    async fn done(&mut self) -> Result<Done> {
        self.done.recv().await.ok_or_else(|| "closed".to_owned())
    }

    async fn report(&mut self) -> Result<Done> {
        self.client.emit("report", Vec::<Value>::new()).await.map_err(text)?;
        self.done().await
    }

    async fn flood(&mut self, count: u64) -> Result<(Tally, Done)> {
        *self.tally.lock().unwrap() = Tally::default();
        self.client.emit("flood", json!({ "count": count })).await.map_err(text)?;
        let done = self.done().await?;
        Ok((*self.tally.lock().unwrap(), done))
    }

    async fn emits(&mut self, texts: &Texts, range: std::ops::Range<u64>) -> Result<Done> {
        for i in range {
            self.client.emit("m", value(texts.message(i))).await.map_err(text)?;
        }
        self.report().await
    }

    async fn round_trip(&self, message: Message<'_>) -> Result<Answer> {
        let (sender, answer) = oneshot::channel();
        let mut sender = Some(sender);
        let callback = move |payload: Payload, _: Client| {
            if let Some(sender) = sender.take() {
                let _ = sender.send(payload);
            }
            async {}.boxed()
        };
        self.client
            .emit_with_ack("echo", value(message), Duration::from_secs(20), callback)
            .await
            .map_err(text)?;
        let Ok(payload) = answer.await else { return Ok(Answer::Lost) };
        let right = argument(&payload).and_then(fields) == Some((message.n, message.text));
        Ok(if right { Answer::Right } else { Answer::Wrong })
    }
}

async fn receive(job: &Job) -> Result<Measured> {
    let mut peer = Peer::connect(&job.url, TransportType::Websocket).await?;
    peer.flood(job.warmup).await?;
    let meter = Meter::start();
    let (tally, done) = peer.flood(job.count).await?;
    let measured = meter.stop().server(done);
    done.agrees(tally, job.count)?;
    Ok(measured)
}

async fn send(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut peer = Peer::connect(&job.url, TransportType::Websocket).await?;
    peer.emits(&texts, 0..job.warmup).await?;
    let meter = Meter::start();
    let done = peer.emits(&texts, 0..job.count).await?;
    let measured = meter.stop().server(done);
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured)
}

async fn ack1(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut peer = Peer::connect(&job.url, TransportType::Websocket).await?;
    for i in 0..job.warmup {
        peer.round_trip(texts.message(i)).await?;
    }
    peer.report().await?;
    let mut times = Vec::with_capacity(job.count as usize);
    let meter = Meter::start();
    for i in 0..job.count {
        let start = Instant::now();
        if peer.round_trip(texts.message(i)).await? != Answer::Right {
            return Err(format!("a wrong answer to request {i}"));
        }
        times.push(start.elapsed().as_nanos() as u64);
    }
    let measured = meter.stop();
    let done = peer.report().await?;
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured.server(done).times(times))
}

async fn ack64(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut peer = Peer::connect(&job.url, TransportType::Websocket).await?;
    let (answered, wrong, lost) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let requests = async |peer: &Peer, count: u64| {
        stream::iter(0..count)
            .map(|i| peer.round_trip(texts.message(i)))
            .buffer_unordered(IN_FLIGHT)
            .try_for_each(async |answer| {
                answered.fetch_add(1, Relaxed);
                wrong.fetch_add(u64::from(answer == Answer::Wrong), Relaxed);
                lost.fetch_add(u64::from(answer == Answer::Lost), Relaxed);
                Ok(())
            })
            .await
    };
    let state = || {
        let [answered, wrong, lost] = [&answered, &wrong, &lost].map(|n| n.load(Relaxed));
        format!("{answered} requests settled, {wrong} with another's answer, {lost} by a dropped callback")
    };
    let work = async {
        requests(&peer, job.warmup).await?;
        peer.report().await?;
        let meter = Meter::start();
        requests(&peer, job.count).await?;
        let measured = meter.stop();
        let done = peer.report().await?;
        done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
        if wrong.load(Relaxed) + lost.load(Relaxed) > 0 {
            return Err(state());
        }
        Ok(measured.server(done))
    };
    tokio::select! {
        measured = work => measured,
        () = stalled(|| answered.load(Relaxed)) => Err(format!("hangs: {}", state())),
    }
}

async fn connects(job: &Job, transport: TransportType) -> Result<Measured> {
    let mut times = Vec::with_capacity(job.count as usize);
    let mut meter = Meter::start();
    for i in 0..job.warmup + job.count {
        if i == job.warmup {
            meter = Meter::start();
        }
        let start = Instant::now();
        let peer = Peer::connect(&job.url, transport.clone()).await?;
        let time = start.elapsed().as_nanos() as u64;
        peer.client.disconnect().await.map_err(text)?;
        if i >= job.warmup {
            times.push(time);
        }
    }
    Ok(meter.stop().times(times))
}

async fn idle(job: &Job) -> Result<Measured> {
    let mut open = Vec::new();
    let mut before = 0;
    for i in 0..job.warmup + job.count {
        if i == job.warmup {
            before = anonymous_kib()?;
        }
        open.push(Peer::connect(&job.url, TransportType::Websocket).await?);
    }
    let kib = anonymous_kib()?.saturating_sub(before) as f64 / job.count as f64;
    Ok(Measured { kib: Some(kib), ..Measured::default() })
}

fn value(message: Message<'_>) -> Value {
    json!({ "n": message.n, "text": message.text })
}

/// The first argument; those of an ack come wrapped in one more array.
fn argument(payload: &Payload) -> Option<&Value> {
    let Payload::Text(arguments) = payload else { return None };
    match arguments.first()? {
        Value::Array(wrapped) => wrapped.first(),
        value => Some(value),
    }
}

fn fields(value: &Value) -> Option<(u64, &str)> {
    Some((value.get("n")?.as_u64()?, value.get("text")?.as_str()?))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
