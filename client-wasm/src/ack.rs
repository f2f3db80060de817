//! Emits that the server answers.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;
use socketio_client_core::codec::Payload;
use socketio_client_core::{AckError, EmitId, EmitOptions, EncodeError};

use crate::channel::{Receiver, channel};
use crate::socket::Socket;

/// An event that waits to be sent, then for its ack. `T` is what the ack carries, by the rule of
/// [`Message::parse`](crate::Message::parse).
///
/// Nothing is sent before it is first polled, so awaited, or [`send`](Self::send) is called; if it is dropped before that,
/// nothing ever is. Dropping it later does not take the event back; its answer is then ignored.
#[must_use = "nothing is sent before it is awaited, or `send` is called"]
pub struct EmitWithAck<T> {
    /// Whoever waits for an answer wants the connection.
    socket: Socket,
    timeout: Option<Duration>,
    emit: Option<EmitId>,
    step: Step,
    answer: PhantomData<fn() -> T>,
}

enum Step {
    New(Result<Payload, EncodeError>),
    Sent(EmitId, Receiver<Result<Payload, AckError>>),
    Failed(AckError),
    Done,
}

impl<T> EmitWithAck<T> {
    pub(crate) const fn new(socket: Socket, payload: Result<Payload, EncodeError>) -> Self {
        Self { socket, timeout: None, emit: None, step: Step::New(payload), answer: PhantomData }
    }

    /// Time for the answer, from the moment it is sent or held, instead of the client's `ack_timeout`. An event that is
    /// still held when it has passed is not sent any more.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the event now; the answer can be awaited later. What keeps it from being sent is told then.
    pub fn send(mut self) -> Self {
        self.start();
        self
    }

    /// Its ticket, once it is sent: the socket tells its fate ([`Socket::fate`]).
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let call = socket.emit_with_ack::<u32>("sum", &(1, 2)).send();
    /// if let Some(ticket) = call.id() {
    ///     println!("{:?}", socket.fate(ticket));
    /// }
    /// println!("{}", call.await?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn id(&self) -> Option<EmitId> {
        self.emit
    }

    fn start(&mut self) {
        if !matches!(self.step, Step::New(_)) {
            return;
        }
        let Step::New(payload) = std::mem::replace(&mut self.step, Step::Done) else { return };
        let sent = payload.map_err(|error| AckError::NotSent(error.into())).and_then(|payload| {
            let options = EmitOptions { ack: true, timeout: self.timeout, ..EmitOptions::default() };
            let (sender, receiver) = channel();
            let emit = self.socket.send_with_ack(payload, options, sender)?;
            Ok((emit, receiver))
        });
        self.step = match sent {
            Ok((emit, answer)) => {
                self.emit = Some(emit);
                Step::Sent(emit, answer)
            }
            Err(error) => Step::Failed(error),
        };
    }
}

impl<T: DeserializeOwned> Future for EmitWithAck<T> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.start();
        let result = match &self.step {
            Step::Sent(_, answer) => match answer.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => answer.unwrap_or(Err(AckError::Closed)),
            },
            Step::Failed(error) => Err(error.clone()),
            // Polled again after it was ready: a mistake that need not cost more than this.
            Step::New(_) | Step::Done => Err(AckError::Cancelled),
        };
        self.step = Step::Done;
        Poll::Ready(result.and_then(|payload| Ok(payload.parse()?)))
    }
}

impl<T> Drop for EmitWithAck<T> {
    /// An answer that nobody awaits takes no room.
    fn drop(&mut self) {
        if let Step::Sent(emit, _) = self.step {
            let socket = self.socket.id;
            self.socket.handle.read(|inner| {
                inner.manager.forget_ack(socket, emit);
                inner.namespaces.get_mut(&socket).and_then(|namespace| namespace.acks.remove(&emit))
            });
        }
    }
}

impl<T> fmt::Debug for EmitWithAck<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::New(_) => "not sent",
            Step::Sent(..) => "waits for the ack",
            Step::Failed(_) | Step::Done => "settled",
        };
        f.debug_tuple("EmitWithAck").field(&step).finish()
    }
}
