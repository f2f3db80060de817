//! A WebSocket of the browser.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use bytestring::ByteString;
use js_sys::{ArrayBuffer, JsString, Reflect, Uint8Array};
use socketio_client_core::codec::Json;
use socketio_client_core::{Frame, Message, TransportError, TransportKind};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use super::{authority, reason};

/// More than this waits in the core, where it can still be dropped, reordered or given back. The browser is looked at again
/// only every few milliseconds, and must not run dry in between.
pub(crate) const HIGH_WATER: usize = 4 << 20;

/// What a WebSocket tells.
pub(crate) enum Heard {
    Opened,
    Message(Message<Json>),
    /// `unsent`: the last so many bytes of what it was given never left.
    Closed {
        error: TransportError,
        unsent: usize,
    },
}

/// An open or opening WebSocket. Dropping it first takes the callbacks away, then closes; what was written still leaves.
#[derive(Debug)]
pub(crate) struct Link {
    socket: WebSocket,
    _on_open: Closure<dyn Fn()>,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_close: Closure<dyn Fn(CloseEvent)>,
}

impl Link {
    /// `limit` is for one message, in bytes.
    pub(crate) fn open(
        url: &str,
        limit: usize,
        hear: impl Fn(Heard) + Clone + 'static,
    ) -> Result<Self, TransportError> {
        let socket = WebSocket::new(url).map_err(|thrown| not_made(url, &thrown))?;
        socket.set_binary_type(BinaryType::Arraybuffer);

        let was_open = Rc::new(Cell::new(false));
        let (opens, opened) = (Rc::clone(&was_open), hear.clone());
        let on_open = Closure::<dyn Fn()>::new(move || {
            opens.set(true);
            opened(Heard::Opened);
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));

        let closed = hear.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            hear(match read(&event.data(), limit) {
                Ok(message) => Heard::Message(message),
                // We end it, and what it was given still leaves.
                Err(error) => Heard::Closed { error, unsent: 0 },
            });
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));

        // An `error` event says nothing at all, and a `close` event follows it. But the package `ws`, which Node 20 needs,
        // throws where nobody listens, also after the end: this function of JavaScript's does nothing with it.
        let ignore = Reflect::get(&js_sys::global(), &"Object".into()).ok();
        socket.set_onerror(ignore.as_ref().and_then(|function| function.dyn_ref()));

        let address = authority(url);
        let ended = socket.clone();
        let on_close = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| {
            let unsent = ended.buffered_amount() as usize;
            closed(Heard::Closed { error: why(&event, was_open.get(), &address), unsent });
        });
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    /// Bytes that it has not sent yet, without framing. It never falls at the end: what is left then never left.
    pub(crate) fn unsent(&self) -> usize {
        self.socket.buffered_amount() as usize
    }

    pub(crate) fn write(&self, frame: Frame<Json>) {
        // It throws only before the handshake is done. Once the connection is being closed the browser drops what it is
        // given, and its `close` event says so soon.
        let _ = match frame {
            Frame::Message(Message::Text(text)) => self.socket.send_with_str(&text),
            Frame::Message(Message::Binary(binary)) => self.socket.send_with_u8_array(&binary),
            // Not asked for: a browser has no ping (`Config::websocket_ping`).
            Frame::Ping => Ok(()),
        };
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

fn not_made(url: &str, thrown: &JsValue) -> TransportError {
    if thrown.is_instance_of::<js_sys::ReferenceError>() {
        return TransportError::Unsupported { transport: TransportKind::WebSocket };
    }
    // Mixed content, or a policy of the page.
    TransportError::Connect { address: authority(url), cause: reason(thrown) }
}

fn read(data: &JsValue, limit: usize) -> Result<Message<Json>, TransportError> {
    let too_large = |size: u32| size as usize > limit;
    if let Some(text) = data.dyn_ref::<JsString>() {
        // Its length counts UTF-16 units, none of which is less than a byte.
        if too_large(text.length()) {
            return Err(TransportError::TooLarge { limit });
        }
        let text = String::from(text);
        return if text.len() > limit {
            Err(TransportError::TooLarge { limit })
        } else {
            Ok(Message::Text(ByteString::from(text)))
        };
    }
    // A view of `ArrayBuffer`s only, whichever realm they come from.
    let binary = Uint8Array::new(data.unchecked_ref::<ArrayBuffer>());
    if too_large(binary.length()) {
        return Err(TransportError::TooLarge { limit });
    }
    Ok(Message::Binary(Bytes::from(binary.to_vec())))
}

/// A `close` event says little by design: a page is not to learn about networks.
fn why(event: &CloseEvent, was_open: bool, address: &str) -> TransportError {
    if !was_open {
        let cause =
            "the browser does not say why (refused, unknown host, certificate, or no WebSocket server there)";
        return TransportError::Connect { address: address.to_owned(), cause: cause.to_owned() };
    }
    if event.was_clean() {
        let code = Some(event.code()).filter(|code| *code != NO_STATUS);
        return TransportError::Closed { code, reason: event.reason() };
    }
    let cause = format!("no goodbye came (code {}); the browser does not say why", event.code());
    TransportError::Lost { cause }
}

/// RFC 6455, 7.1.5: stands for a close frame without a code.
const NO_STATUS: u16 = 1005;
