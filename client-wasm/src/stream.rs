//! Events as a stream.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use futures_core::Stream;
use socketio_client_core::{ListenerId, SocketId};

use crate::channel::{Receiver, channel};
use crate::driver::Shared;
use crate::message::Message;

/// Messages that a stream holds for a reader who does not come, and their bytes.
const MAX_HELD: usize = 100_000;
const MAX_HELD_BYTES: usize = 64 << 20;

/// The events of one name. Dropping it unsubscribes; it ends when the last handle to the client is gone.
///
/// Events wait here until they are taken, since nothing can hold a server back in a browser. A stream that holds 100,000
/// of them, or 64 MiB, takes no more: it ends after those that it holds.
#[must_use = "a stream that is dropped unsubscribes"]
pub struct Messages {
    receiver: Receiver<Message>,
    held: Rc<Held>,
    shared: Weak<Shared>,
    socket: SocketId,
    listener: ListenerId,
}

impl Messages {
    pub(crate) fn new(
        receiver: Receiver<Message>,
        held: Rc<Held>,
        shared: Weak<Shared>,
        socket: SocketId,
        listener: ListenerId,
    ) -> Self {
        Self { receiver, held, shared, socket, listener }
    }

    fn poll_message(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let message = self.receiver.poll(cx);
        if let Poll::Ready(Some(message)) = &message {
            self.held.take(message.size());
        }
        message
    }

    /// The next event; `None` once the client has ended, or the stream was full. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }
}

/// How much a stream holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    messages: Cell<usize>,
    bytes: Cell<usize>,
}

impl Held {
    pub(crate) fn add(&self, bytes: usize) -> bool {
        self.messages.set(self.messages.get() + 1);
        self.bytes.set(self.bytes.get() + bytes);
        self.messages.get() <= MAX_HELD && self.bytes.get() <= MAX_HELD_BYTES
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.messages.set(self.messages.get().saturating_sub(1));
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
    }
}

/// A listener that feeds a stream, until the stream is full.
pub(crate) fn feed() -> (impl Fn(Message) + 'static, Receiver<Message>, Rc<Held>) {
    let (sender, receiver) = channel();
    let held = Rc::<Held>::default();
    let (sender, counter) = (RefCell::new(Some(sender)), Rc::clone(&held));
    let feed = move |message: Message| {
        if counter.add(message.size()) {
            if let Some(sender) = &*sender.borrow() {
                sender.send(message);
            }
        } else {
            // Without a sender the stream ends, after what it holds.
            drop(sender.take());
        }
    };
    (feed, receiver, held)
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_message(cx)
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
