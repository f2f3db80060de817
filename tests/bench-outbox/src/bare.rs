//! The floor: what tokio, the WebSocket library and the kernel cost without any client. The same texts with a number as ack
//! id, of which as many are on their way at once; of the answers only that number is read. Nothing is serialised, checked,
//! kept or sent again.

use bench_peers::Texts;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::{RETRY_WINDOW, Result};

/// As the client's.
const READ_BUFFER: usize = 8 * 1024;
const WRITE_BUFFER: usize = 32 * 1024;
const READ_BATCH: usize = 256;

pub(crate) struct Bare {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The events as JSON.
    events: Vec<String>,
    next: u64,
}

impl Bare {
    /// Connected to the namespace `/`.
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1));
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER);
        let (ws, _) = connect_async_with_config(url, Some(config), true).await?;
        let texts = Texts::default();
        let event = |i| serde_json::to_string(&("note", texts.message(i)));
        let events = (0..1024).map(event).collect::<serde_json::Result<_>>()?;
        let mut bare = Self { ws, events, next: 0 };
        bare.read().await?;
        bare.ws.send(Message::text("40")).await?;
        bare.read().await?;
        Ok(bare)
    }

    /// Emits so many, and waits for the answer to each.
    pub(crate) async fn work(&mut self, count: u64) -> Result<()> {
        let (first, end) = (self.next, self.next + count);
        let mut answered = first;
        while answered < end {
            while self.next < end && self.next - answered < u64::from(RETRY_WINDOW) {
                let event = &self.events[self.next as usize % self.events.len()];
                let mut text = String::with_capacity(128);
                text.push_str("42");
                text.push_str(&self.next.to_string());
                text.push_str(event);
                self.ws.feed(Message::text(text)).await?;
                self.next += 1;
            }
            self.ws.flush().await?;
            let mut batch = 0;
            let mut packet = Some(self.read().await?);
            while let Some(answer) = packet {
                if number(&answer) == Some(answered) {
                    answered += 1;
                } else if answer != "2" {
                    return Err(format!("not expected: {answer}").into());
                }
                batch += 1;
                let more = answered < end && batch < READ_BATCH;
                packet = if more { self.read().now_or_never().transpose()? } else { None };
            }
        }
        Ok(())
    }

    /// The next packet.
    async fn read(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.ws.next().await {
                Some(Ok(Message::Text(packet))) => return Ok(packet),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err("closed".into()),
            }
        }
    }
}

/// The number in `43NUMBER[…]`.
fn number(packet: &str) -> Option<u64> {
    packet.strip_prefix("43")?.split_once('[')?.0.parse().ok()
}
