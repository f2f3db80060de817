//! A dialer into memory, and a server that is a script.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use socketio_client_native::{BoxedIo, Bytes, Client, ClientBuilder, Connector};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    DuplexStream,
};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderMap;

/// Connections as the server accepts them.
pub(crate) struct Server {
    accepted: mpsc::UnboundedReceiver<DuplexStream>,
}

/// Options of a client, and the server that it reaches.
pub(crate) fn pair() -> (ClientBuilder, Server) {
    let (connector, server) = connector(1 << 20);
    (Client::builder("http://server.test").connector(connector), server)
}

pub(crate) fn connector(pipe: usize) -> (Connector, Server) {
    let (tx, accepted) = mpsc::unbounded_channel();
    let connector = Connector::from_dial(move |_| {
        let (ours, theirs) = tokio::io::duplex(pipe);
        let refused = tx.send(theirs).is_err();
        async move {
            if refused { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(Box::new(ours) as BoxedIo) }
        }
    });
    (connector, Server { accepted })
}

/// Engine.IO's heartbeat, in milliseconds: interval and timeout.
pub(crate) const SLOW: (u64, u64) = (25_000, 20_000);

impl Server {
    /// The next connection, as it was dialed.
    pub(crate) async fn raw(&mut self) -> DuplexStream {
        self.accepted.recv().await.expect("the client dials")
    }

    /// Serves one polling session: each GET is given what `next` gives, or waits for ever.
    pub(crate) async fn poll(self, mut next: impl FnMut() -> Option<String> + Send + 'static) {
        let mut requests = self.requests();
        let mut greeting = [
            r#"0{"sid":"e1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
            r#"40{"sid":"s1"}"#,
        ]
        .into_iter();
        let mut waiting = Vec::new();
        while let Some(Polled { posted, answer }) = requests.recv().await {
            if posted.is_some() {
                let _ = answer.send("ok".to_owned());
            } else if let Some(body) = greeting.next().map(str::to_owned).or_else(&mut next) {
                let _ = answer.send(body);
            } else {
                waiting.push(answer);
            }
        }
    }

    /// What comes over all connections from now on.
    pub(crate) fn requests(mut self) -> mpsc::UnboundedReceiver<Polled> {
        let (tx, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(stream) = self.accepted.recv().await {
                tokio::spawn(serve(stream, tx.clone()));
            }
        });
        requests
    }

    /// The next connection, with its Engine.IO session open.
    pub(crate) async fn open(&mut self, heartbeat: (u64, u64)) -> Peer {
        let stream = self.raw().await;
        Peer::accept(stream, heartbeat).await
    }

    /// The next connection, with the root namespace connected.
    pub(crate) async fn connect(&mut self) -> Peer {
        let mut peer = self.open(SLOW).await;
        peer.expect("40").await;
        peer.send(r#"40{"sid":"s1"}"#).await;
        peer
    }
}

/// A request of a polling session.
pub(crate) struct Polled {
    /// The body of a POST.
    pub(crate) posted: Option<String>,
    pub(crate) answer: oneshot::Sender<String>,
}

/// The requests of one HTTP connection.
async fn serve(stream: DuplexStream, requests: mpsc::UnboundedSender<Polled>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut is_get, mut length, mut line) = (false, 0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let header = line.trim_end().to_ascii_lowercase();
            is_get |= header.starts_with("get ");
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            } else if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("a body");
        let posted = (!is_get).then(|| String::from_utf8(body).expect("text"));
        let (answer, answered) = oneshot::channel();
        requests.send(Polled { posted, answer }).expect("the server is there");
        let Ok(body) = answered.await else { return };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The server's end of one WebSocket.
pub(crate) struct Peer<S = DuplexStream> {
    ws: WebSocketStream<S>,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Does the WebSocket handshake and opens an Engine.IO session.
    pub(crate) async fn accept(stream: S, heartbeat: (u64, u64)) -> Self {
        let request = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&request);
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let ws = tokio_tungstenite::accept_hdr_async(stream, move |request: &Request, response: Response| {
            *seen.lock().expect("no panic") = Some((request.uri().to_string(), request.headers().clone()));
            Ok(response)
        });
        let ws = ws.await.expect("a WebSocket handshake");
        let (uri, headers) = request.lock().expect("no panic").take().expect("a request");
        let mut peer = Self { ws, uri, headers };
        let (interval, timeout) = heartbeat;
        peer.send(format!(
            r#"0{{"sid":"e1","upgrades":[],"pingInterval":{interval},"pingTimeout":{timeout},"maxPayload":1000000}}"#
        ))
        .await;
        peer
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.ws.send(WsMessage::text(text.into())).await.expect("the client is there");
    }

    pub(crate) async fn ws_send_binary(&mut self, bytes: &'static [u8]) {
        self.ws.send(WsMessage::binary(bytes)).await.expect("the client is there");
    }

    /// The next message; WebSocket pings are answered meanwhile.
    pub(crate) async fn message(&mut self) -> Option<WsMessage> {
        loop {
            match self.ws.next().await? {
                Ok(WsMessage::Ping(_)) => {}
                Ok(message) => return Some(message),
                Err(_) => return None,
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Some(WsMessage::Text(text)) => text.as_str().to_owned(),
            other => panic!("a text expected, got {other:?}"),
        }
    }

    pub(crate) async fn binary(&mut self) -> Bytes {
        match self.message().await {
            Some(WsMessage::Binary(bytes)) => bytes,
            other => panic!("bytes expected, got {other:?}"),
        }
    }

    pub(crate) async fn expect(&mut self, text: &str) {
        assert_eq!(self.text().await, text);
    }

    /// Waits for the client's goodbye.
    pub(crate) async fn closed(&mut self) {
        loop {
            match self.message().await {
                None | Some(WsMessage::Close(_)) => return,
                Some(_) => {}
            }
        }
    }
}

/// Fails a test that hangs instead of keeping it: in paused time this costs nothing.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(600), future).await.expect("done in time")
}
