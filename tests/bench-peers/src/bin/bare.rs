//! The ceiling: tokio-tungstenite, packets by hand, one task, writes flushed every 256 messages.
//! No listeners, no reconnection, no buffer. `READ_BUFFER=4096` sets the read buffer (default: the crate's).

use std::time::Instant;

use bench_peers::{
    Case, Done, IN_FLIGHT, Job, Measured, Message, Meter, OwnedMessage, Tally, Texts, WINDOW, anonymous_kib,
    run,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

type Result<T> = std::result::Result<T, String>;

fn main() {
    run(|job| async move {
        match job.case {
            Case::Receive => receive(&job).await,
            Case::Send => send(&job).await,
            Case::Ack1 => ack1(&job).await,
            Case::Ack64 => ack64(&job).await,
            Case::ConnectWs => connects(&job).await,
            Case::ConnectUpgrade => Err("the bare client does not poll".to_owned()),
            Case::Idle => idle(&job).await,
        }
    })
}

struct Bare {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Bare {
    /// Connected to the namespace `/`.
    async fn connect(url: &str) -> Result<Self> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1));
        let mut config = WebSocketConfig::default();
        if let Ok(size) = std::env::var("READ_BUFFER") {
            config = config.read_buffer_size(size.parse().map_err(text)?);
        }
        let (socket, _) = connect_async_with_config(url, Some(config), true).await.map_err(text)?;
        let mut bare = Self { socket };
        bare.expect("0").await?;
        bare.socket.send(Frame::text("40")).await.map_err(text)?;
        bare.expect("40").await?;
        Ok(bare)
    }

    async fn expect(&mut self, prefix: &str) -> Result<()> {
        let packet = self.packet().await?;
        if packet.starts_with(prefix) { Ok(()) } else { Err(format!("not expected: {packet}")) }
    }

    /// The next packet; heartbeats are answered here.
    async fn packet(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.socket.next().await {
                Some(Ok(Frame::Text(packet))) if packet.as_str() == "2" => {
                    self.socket.send(Frame::text("3")).await.map_err(text)?;
                }
                Some(Ok(Frame::Text(packet))) => return Ok(packet),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(text(error)),
                None => return Err("closed".to_owned()),
            }
        }
    }

    async fn feed(&mut self, packet: String) -> Result<()> {
        self.socket.feed(Frame::text(packet)).await.map_err(text)
    }

    async fn flush(&mut self) -> Result<()> {
        self.socket.flush().await.map_err(text)
    }

    async fn report(&mut self) -> Result<Done> {
        self.feed(r#"42["report"]"#.to_owned()).await?;
        self.flush().await?;
        event(&self.packet().await?, r#"42["done","#)
    }

    async fn flood(&mut self, count: u64) -> Result<(Tally, Done)> {
        self.feed(format!(r#"42["flood",{{"count":{count}}}]"#)).await?;
        self.flush().await?;
        let mut tally = Tally::default();
        loop {
            let packet = self.packet().await?;
            if !packet.starts_with(r#"42["m","#) {
                return Ok((tally, event(&packet, r#"42["done","#)?));
            }
            let message: OwnedMessage = event(&packet, r#"42["m","#)?;
            tally.add(message.n, &message.text);
        }
    }

    async fn emits(&mut self, texts: &Texts, range: std::ops::Range<u64>) -> Result<Done> {
        for i in range {
            self.feed(encode(r#"42["m","#, texts.message(i))?).await?;
            if i % WINDOW == WINDOW - 1 {
                self.flush().await?;
            }
        }
        self.report().await
    }

    async fn round_trip(&mut self, message: Message<'_>, id: u64) -> Result<()> {
        self.feed(encode(&format!(r#"42{id}["echo","#), message)?).await?;
        self.flush().await?;
        let packet = self.packet().await?;
        if answer(&packet)? != (id, message.n, message.text.to_owned()) {
            return Err(format!("a wrong answer: {packet}"));
        }
        Ok(())
    }

    /// Keeps 64 requests in flight; one flush for all that are ready.
    async fn requests(&mut self, texts: &Texts, range: std::ops::Range<u64>) -> Result<()> {
        // The ids are the indices, so that the messages themselves are the map of what is pending.
        let mut next = range.start;
        let mut pending = 0;
        let mut answered = [true; IN_FLIGHT * 2];
        while next < range.end || pending > 0 {
            while pending < IN_FLIGHT && next < range.end {
                answered[next as usize % (IN_FLIGHT * 2)] = false;
                self.feed(encode(&format!(r#"42{next}["echo","#), texts.message(next))?).await?;
                next += 1;
                pending += 1;
            }
            self.flush().await?;
            let mut packet = Some(self.packet().await?);
            while let Some(now) = packet {
                let (id, n, text) = answer(&now)?;
                let message = texts.message(id);
                let seen = &mut answered[id as usize % (IN_FLIGHT * 2)];
                if *seen || (n, text.as_str()) != (message.n, message.text) {
                    return Err(format!("a wrong answer: {now}"));
                }
                *seen = true;
                pending -= 1;
                packet = if pending == 0 { None } else { self.packet().now_or_never().transpose()? };
            }
        }
        Ok(())
    }
}

async fn receive(job: &Job) -> Result<Measured> {
    let mut bare = Bare::connect(&job.url).await?;
    bare.flood(job.warmup).await?;
    let meter = Meter::start();
    let (tally, done) = bare.flood(job.count).await?;
    let measured = meter.stop().server(done);
    done.agrees(tally, job.count)?;
    Ok(measured)
}

async fn send(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut bare = Bare::connect(&job.url).await?;
    bare.emits(&texts, 0..job.warmup).await?;
    let meter = Meter::start();
    let done = bare.emits(&texts, 0..job.count).await?;
    let measured = meter.stop().server(done);
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured)
}

async fn ack1(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut bare = Bare::connect(&job.url).await?;
    for i in 0..job.warmup {
        bare.round_trip(texts.message(i), i).await?;
    }
    bare.report().await?;
    let mut times = Vec::with_capacity(job.count as usize);
    let meter = Meter::start();
    for i in 0..job.count {
        let start = Instant::now();
        bare.round_trip(texts.message(i), i).await?;
        times.push(start.elapsed().as_nanos() as u64);
    }
    let measured = meter.stop();
    let done = bare.report().await?;
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured.server(done).times(times))
}

async fn ack64(job: &Job) -> Result<Measured> {
    let texts = Texts::default();
    let mut bare = Bare::connect(&job.url).await?;
    bare.requests(&texts, 0..job.warmup).await?;
    bare.report().await?;
    let meter = Meter::start();
    bare.requests(&texts, 0..job.count).await?;
    let measured = meter.stop();
    let done = bare.report().await?;
    done.agrees(Tally::of(&texts, 0..job.count), job.count)?;
    Ok(measured.server(done))
}

async fn connects(job: &Job) -> Result<Measured> {
    let mut times = Vec::with_capacity(job.count as usize);
    let mut meter = Meter::start();
    for i in 0..job.warmup + job.count {
        if i == job.warmup {
            meter = Meter::start();
        }
        let start = Instant::now();
        let mut bare = Bare::connect(&job.url).await?;
        let time = start.elapsed().as_nanos() as u64;
        bare.feed("41".to_owned()).await?;
        bare.socket.close(None).await.map_err(text)?;
        while bare.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
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
        open.push(Bare::connect(&job.url).await?);
    }
    let kib = anonymous_kib()?.saturating_sub(before) as f64 / job.count as f64;
    Ok(Measured { kib: Some(kib), ..Measured::default() })
}

fn encode(prefix: &str, message: Message<'_>) -> Result<String> {
    let mut packet = Vec::with_capacity(96);
    packet.extend_from_slice(prefix.as_bytes());
    serde_json::to_writer(&mut packet, &message).map_err(text)?;
    packet.push(b']');
    String::from_utf8(packet).map_err(text)
}

fn event<T: DeserializeOwned>(packet: &str, prefix: &str) -> Result<T> {
    let argument = packet.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(']'));
    let argument = argument.ok_or_else(|| format!("not expected: {packet}"))?;
    serde_json::from_str(argument).map_err(text)
}

/// `43ID[{…}]`
fn answer(packet: &str) -> Result<(u64, u64, String)> {
    let unknown = || format!("not expected: {packet}");
    let (id, argument) =
        packet.strip_prefix("43").and_then(|rest| rest.split_once('[')).ok_or_else(unknown)?;
    let message: OwnedMessage =
        serde_json::from_str(argument.strip_suffix(']').ok_or_else(unknown)?).map_err(text)?;
    Ok((id.parse().map_err(|_| unknown())?, message.n, message.text))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
