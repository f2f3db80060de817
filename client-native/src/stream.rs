//! Events as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::Stream;
use socketio_client_core::{ListenerId, SocketId};
use tokio::sync::mpsc;

use crate::message::Message;
use crate::shared::Shared;
use crate::sync::lock;

/// Messages that wait for the stream's reader.
pub(crate) const CAPACITY: usize = 32;

/// The events of one name, as a [`Stream`]. Dropping it unsubscribes.
///
/// Nothing is lost: while its reader is 32 messages behind, the client's other listeners wait too, so read it, or drop it.
/// It is no handle: it ends once the client has ended, that is when the last [`Client`](crate::Client) and
/// [`Socket`](crate::Socket) is dropped. It does not end with a connection.
pub struct Messages {
    shared: Arc<Shared>,
    socket: SocketId,
    listener: ListenerId,
    messages: mpsc::Receiver<Message>,
}

impl Messages {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        socket: SocketId,
        listener: ListenerId,
        messages: mpsc::Receiver<Message>,
    ) -> Self {
        Self { shared, socket, listener, messages }
    }

    /// The next event; `None` once the client has ended. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.poll_recv(cx)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        let removed = lock(&self.shared.listeners).off(self.socket, self.listener);
        drop(removed);
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("waiting", &self.messages.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::Client;
    use crate::sync::lock;

    #[tokio::test]
    async fn a_dropped_stream_leaves_nothing_behind() {
        let client = Client::builder("http://server.test").auto_connect(false).build().unwrap();
        let socket = client.default_socket();
        let listeners =
            || lock(&socket.shared().listeners).take(socket.id, "news").map_or(0, |it| it.iter().count());
        let news = socket.stream("news");
        assert_eq!(listeners(), 1);
        drop(news);
        assert_eq!(listeners(), 0);
    }
}
