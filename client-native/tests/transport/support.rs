//! A dialer into memory, and the server's end of it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socketio_client_native::transport::{BoxedIo, Connector, Http};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

/// Connections as the server accepts them.
pub(crate) struct Server {
    accepted: mpsc::UnboundedReceiver<(String, DuplexStream)>,
    /// Writes that the client made, on all connections.
    pub(crate) writes: Arc<AtomicUsize>,
}

/// A connector into memory, and the server that its connections reach.
pub(crate) fn connector() -> (Connector, Server) {
    let (tx, accepted) = mpsc::unbounded_channel();
    let writes = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&writes);
    let connector = Connector::from_dial(move |uri| {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let refused = tx.send((uri.to_string(), theirs)).is_err();
        let io = CountWrites { io: ours, writes: Arc::clone(&counter) };
        async move {
            if refused { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(Box::new(io) as BoxedIo) }
        }
    });
    (connector, Server { accepted, writes })
}

/// The same, as a client.
pub(crate) fn client() -> (Http, Server) {
    let (connector, server) = connector();
    (Http::new(connector), server)
}

impl Server {
    pub(crate) async fn accept(&mut self) -> Peer {
        let (uri, io) = within(self.accepted.recv()).await.expect("the client is gone");
        Peer { uri, io }
    }

    /// Whether nobody has dialed since the last `accept`.
    pub(crate) fn is_idle(&self) -> bool {
        self.accepted.is_empty()
    }
}

/// The server's end of one connection.
pub(crate) struct Peer {
    /// What the dialer was asked for.
    pub(crate) uri: String,
    pub(crate) io: DuplexStream,
}

impl Peer {
    /// Reads up to the empty line; with it.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.io.read_u8()).await.expect("the client closed the connection"));
        }
        String::from_utf8(head).expect("a request's head is ASCII")
    }

    pub(crate) async fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        within(self.io.read_exact(&mut body)).await.expect("the client closed the connection");
        body
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.io.write_all(bytes.as_ref())).await.expect("the client closed the connection");
    }

    /// A whole answer with a body.
    pub(crate) async fn answer(&mut self, status: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        self.write(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len())).await;
        self.write(body).await;
    }

    /// Reads until the client has closed the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        within(self.io.read_to_end(&mut rest)).await.expect("reading from memory");
    }
}

/// Fails instead of hanging.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("nothing happened for a minute")
}

/// The value of a header in a request's head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|x| x.1)
}

struct CountWrites {
    io: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for CountWrites {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountWrites {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
