//! The byte stream below HTTP and WebSocket.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a connection needs of a byte stream; implemented for everything that has it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A byte stream of the application's own: a proxy's tunnel, a Unix socket, one end of a duplex pipe.
pub type BoxedIo = Box<dyn Io>;

/// The first byte of a TLS alert. No HTTP answer begins with it.
const TLS_ALERT: u8 = 0x15;

/// A server that answers plain HTTP with a TLS alert. Has no address: whoever sent the request knows it.
#[derive(Debug, thiserror::Error)]
#[error("the server answered plain HTTP in TLS")]
pub(super) struct AnsweredInTls;

/// A connection as it was dialed. An enum and not a box, so that TCP costs no indirect call.
pub(super) enum Dialed {
    Tcp(TcpStream),
    Boxed(BoxedIo),
}

/// A connection that is ready for HTTP: as it was dialed, or with TLS on top.
pub struct ByteStream(Inner);

enum Inner {
    /// `unread` until the first byte has come.
    Plain { io: Dialed, unread: bool },
    /// Boxed: the TLS state is a kilobyte that plain connections need not carry.
    #[cfg(feature = "rustls")]
    Tls(Box<tokio_rustls::client::TlsStream<Dialed>>),
}

impl ByteStream {
    pub(super) fn plain(io: Dialed) -> Self {
        Self(Inner::Plain { io, unread: true })
    }

    #[cfg(feature = "rustls")]
    pub(super) fn tls(stream: tokio_rustls::client::TlsStream<Dialed>) -> Self {
        Self(Inner::Tls(Box::new(stream)))
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Inner::Plain { io: Dialed::Tcp(_), .. } => "ByteStream(TCP)",
            Inner::Plain { io: Dialed::Boxed(_), .. } => "ByteStream(dialed)",
            #[cfg(feature = "rustls")]
            Inner::Tls(_) => "ByteStream(TLS)",
        })
    }
}

impl Connection for ByteStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Calls the same method on whichever stream is inside.
macro_rules! on_dialed {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Dialed::Tcp($io) => $call,
            Dialed::Boxed($io) => $call,
        }
    };
}

macro_rules! on_stream {
    ($self:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Inner::Plain { io: $io, .. } => $call,
            #[cfg(feature = "rustls")]
            Inner::Tls($io) => $call,
        }
    };
}

impl AsyncRead for Dialed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_dialed!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_dialed!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_dialed!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_dialed!(self, io => Pin::new(io).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_dialed!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            Self::Boxed(io) => io.is_write_vectored(),
        }
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Plain { io, unread: false } => Pin::new(io).poll_read(cx, buf),
            Inner::Plain { io, unread } => {
                let start = buf.filled().len();
                ready!(Pin::new(io).poll_read(cx, buf))?;
                *unread = false;
                match buf.filled().get(start) {
                    Some(&TLS_ALERT) => Poll::Ready(Err(io::Error::other(AnsweredInTls))),
                    _ => Poll::Ready(Ok(())),
                }
            }
            #[cfg(feature = "rustls")]
            Inner::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, io => Pin::new(io).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::Plain { io, .. } => io.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Inner::Tls(io) => io.is_write_vectored(),
        }
    }
}
