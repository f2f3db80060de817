//! Events as a stream.

use std::fmt;
use std::pin::Pin;
use std::rc::Weak;
use std::task::{Context, Poll};

use futures_core::Stream;
use socketio_client_core::{ListenerId, SocketId};

use crate::channel::Receiver;
use crate::driver::Shared;
use crate::message::Message;

/// The events of one name. Events wait here until they are taken: nothing can hold a server back in a browser. Dropping
/// it unsubscribes; it ends when the last handle to the client is gone.
#[must_use = "a stream that is dropped unsubscribes"]
pub struct Messages {
    receiver: Receiver<Message>,
    shared: Weak<Shared>,
    socket: SocketId,
    listener: ListenerId,
}

impl Messages {
    pub(crate) fn new(
        receiver: Receiver<Message>,
        shared: Weak<Shared>,
        socket: SocketId,
        listener: ListenerId,
    ) -> Self {
        Self { receiver, shared, socket, listener }
    }

    /// The next event; `None` once the client has ended. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.receiver.poll(cx)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.off(self.socket, self.listener);
        }
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
