//! The driver's WebSockets: reading in batches, writing with one flush.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::sink::Sink;
use futures_util::stream::{Stream, StreamExt as _};
use socketio_client_core::codec::{Json, Message};
use socketio_client_core::{Frame, Input, TransportError, TransportId};
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WsFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::transport::{WebSocket, ws};

/// How long a closed WebSocket waits for the server's goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// In the pings that the core asks for, so that a pong that nobody asked for proves nothing.
const RECEIPT: Bytes = Bytes::from_static(b"receipt");

pub(crate) struct Link {
    pub(crate) id: TransportId,
    ws: Box<WebSocket>,
    /// The last flush did not get everything out.
    blocked: bool,
    /// Something waits for a flush.
    fed: bool,
}

/// Whether there may be more to read at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Drained,
    More,
    Ended,
}

impl Link {
    pub(crate) fn new(id: TransportId, ws: Box<WebSocket>) -> Self {
        Self { id, ws, blocked: false, fed: false }
    }

    /// Appends what has come: at most `max` messages, and none after so many bytes.
    pub(crate) fn read(
        &mut self,
        cx: &mut Context<'_>,
        (max, max_bytes): (usize, usize),
        inputs: &mut Vec<Input<Json>>,
    ) -> Read {
        let transport = self.id;
        let mut bytes = 0;
        for _ in 0..max {
            if bytes >= max_bytes {
                break;
            }
            let message = match Pin::new(&mut *self.ws).poll_next(cx) {
                Poll::Pending => return Read::Drained,
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(error))) => {
                    inputs.push(Input::Closed { transport, error: ws::error(error) });
                    return Read::Ended;
                }
                Poll::Ready(None) => {
                    inputs.push(Input::Closed { transport, error: ws::closed(None) });
                    return Read::Ended;
                }
            };
            bytes += message.len();
            match message {
                WsMessage::Text(text) => match ByteString::try_from(Bytes::from(text)) {
                    Ok(text) => inputs.push(Input::Message { transport, message: Message::Text(text) }),
                    Err(_) => {
                        inputs.push(Input::Closed { transport, error: TransportError::NotText });
                        return Read::Ended;
                    }
                },
                WsMessage::Binary(bytes) => {
                    inputs.push(Input::Message { transport, message: Message::Binary(bytes) });
                }
                WsMessage::Pong(payload) if payload == RECEIPT => inputs.push(Input::Pong { transport }),
                // The answer to a ping is queued by the library, and leaves with the next flush.
                WsMessage::Ping(_) => self.fed = true,
                WsMessage::Pong(_) | WsMessage::Frame(_) => {}
                WsMessage::Close(frame) => {
                    inputs.push(Input::Closed { transport, error: ws::closed(frame.as_ref()) });
                    return Read::Ended;
                }
            }
        }
        Read::More
    }

    /// Queues one frame. Its text is not checked for UTF-8 a second time.
    pub(crate) fn feed(&mut self, frame: Frame<Json>) -> Result<(), TransportError> {
        self.fed = true;
        let message = match frame {
            Frame::Message(Message::Text(text)) => {
                WsMessage::Frame(WsFrame::message(text.into_bytes(), OpCode::Data(Data::Text), true))
            }
            Frame::Message(Message::Binary(bytes)) => WsMessage::Binary(bytes),
            Frame::Ping => WsMessage::Ping(RECEIPT),
        };
        Pin::new(&mut *self.ws).start_send(message).map_err(ws::error)
    }

    /// Writes what is queued.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        if !self.fed && !self.blocked {
            return Ok(());
        }
        match Pin::new(&mut *self.ws).poll_flush(cx) {
            Poll::Ready(result) => {
                self.fed = false;
                self.blocked = false;
                result.map_err(ws::error)
            }
            Poll::Pending => {
                self.blocked = true;
                Ok(())
            }
        }
    }

    /// Whether frames may be pulled for it.
    pub(crate) fn is_writable(&self) -> bool {
        !self.blocked
    }

    /// Writes what is queued, says goodbye, and waits a little for the server's.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            if self.ws.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.ws.next().await {}
            }
        };
        // Whatever happens now, nobody can do anything about it.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

/// Bytes that a frame takes in the write buffer.
pub(crate) fn frame_size(frame: &Frame<Json>) -> usize {
    match frame {
        Frame::Message(Message::Text(text)) => text.len(),
        Frame::Message(Message::Binary(bytes)) => bytes.len(),
        Frame::Ping => RECEIPT.len(),
    }
}
