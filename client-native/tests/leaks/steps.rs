//! Connections that tell how far they came: dialed, and each read and write since.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use socketio_client_native::{BoxedIo, Connector};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[derive(Default)]
pub(crate) struct Steps {
    count: AtomicUsize,
    waiting: AtomicWaker,
}

impl Steps {
    fn count(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.waiting.wake();
    }

    pub(crate) fn reached(&self, last: usize) -> impl Future<Output = ()> + '_ {
        poll_fn(move |cx| {
            self.waiting.register(cx.waker());
            if self.count.load(Ordering::SeqCst) >= last { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

pub(crate) fn connector(server: SocketAddr, steps: Arc<Steps>) -> Connector {
    Connector::from_dial(move |_| {
        let steps = Arc::clone(&steps);
        async move {
            steps.count();
            let io = TcpStream::connect(server).await?;
            steps.count();
            Ok(Box::new(Counted { io, steps }) as BoxedIo)
        }
    })
}

struct Counted {
    io: TcpStream,
    steps: Arc<Steps>,
}

impl Counted {
    fn counted<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() {
            self.steps.count();
        }
        polled
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.counted(polled)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.counted(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.counted(polled)
    }
}
