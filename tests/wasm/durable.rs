//! A tab with a durable outbox, for `durable.test.mjs`.

// Exports to JavaScript cannot be documented twice, and are not part of anything.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used)]

extern crate socketio_client_wasm as socketio;

#[path = "panics.rs"]
mod panics;

use std::time::Duration;

use socketio::{BufferPolicy, Client, ClientEvent, Durability, Socket, Transport, spawn};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    panics::show();
}

/// A client with an outbox.
#[wasm_bindgen]
pub struct Tab {
    client: Client,
    socket: Socket,
}

#[wasm_bindgen]
impl Tab {
    /// Tells `tell` what becomes of its emits, and of those that were left: kind and text.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, outbox: &str, exactly_once: bool, tell: js_sys::Function) -> Self {
        let client = Client::builder(url)
            .transports([Transport::WebSocket])
            .reconnection_delay(Duration::from_millis(20))
            .exactly_once(exactly_once)
            .retry_window(16)
            .outbox(outbox)
            .build()
            .unwrap();
        let socket = client.default_socket();
        let told = tell;
        let tells = move |kind: &str, text: String| {
            let _ = told.call2(&JsValue::UNDEFINED, &kind.into(), &text.into());
        };
        let tell = tells.clone();
        client.on_event(move |event| match event {
            ClientEvent::OutboxSettled { seq, fate, event, answer } => {
                let answer = answer.map(|answer| answer.json().to_owned()).unwrap_or_default();
                tell("settled", format!("{seq} {fate} {} {answer}", event.json()));
            }
            ClientEvent::OutboxError { cause, kept, lost } => {
                tell("error", format!("{cause} {kept} {lost:?}"))
            }
            ClientEvent::DeliveryUnsupported => tell("error", "no middleware".to_owned()),
            _ => {}
        });
        let tell = tells;
        let mut fates = socket.fates();
        spawn(async move {
            while let Some(change) = fates.next().await {
                tell("fate", format!("{} {}", change.emit.number() % 1_000_000, change.fate));
            }
        });
        Self { client, socket }
    }

    /// Whether it is stored, once that is known.
    pub async fn store(&self, event: String, number: u32) -> Result<bool, JsError> {
        let socket = self.socket.clone();
        let ticket = socket.emit(&event, &number)?;
        Ok(socket.stored(ticket).await)
    }

    /// What becomes of one emit after another, where there is room for one in what two tabs share.
    pub async fn full(outbox: &str, policy: &str) -> Result<Vec<String>, JsError> {
        let policy = match policy {
            "refuse" => BufferPolicy::Refuse,
            "drop oldest" => BufferPolicy::DropOldest,
            _ => BufferPolicy::DropNewest,
        };
        let client = || {
            let builder = Client::builder("http://127.0.0.1:9").transports([Transport::WebSocket]);
            builder.outbox(outbox).buffer_size(1).buffer_policy(policy).build()
        };
        let clients = [client()?, client()?];
        let [one, other] = clients.each_ref().map(Client::default_socket);
        let first = one.emit("run", &1)?;
        let mut lines = vec![format!("stored {}", one.stored(first).await)];
        for socket in [&one, &other] {
            lines.push(match socket.emit("run", &2) {
                Err(error) => format!("error {error}"),
                Ok(ticket) => format!("{:?}", socket.settled(ticket).await),
            });
        }
        let answer = other.emit_with_ack::<u32>("run", &3).await;
        lines.push(answer.map_or_else(|error| error.to_string(), |answer| answer.to_string()));
        lines.push(format!("{:?}", one.fate(first)));
        Ok(lines)
    }

    /// A tab whose emits may leave before they are stored.
    pub fn write_behind(url: &str, outbox: &str) -> Result<Self, JsError> {
        let builder = Client::builder(url).transports([Transport::WebSocket]).outbox(outbox);
        let client = builder.outbox_durability(Durability::WriteBehind).build()?;
        let socket = client.default_socket();
        Ok(Self { client, socket })
    }

    /// Whether an emit is stored, once that is known, and its fate then.
    pub async fn is_stored(&self, event: String) -> Result<String, JsError> {
        let socket = self.socket.clone();
        let ticket = socket.emit(&event, &())?;
        let stored = socket.stored(ticket).await;
        Ok(format!("{stored} {} {:?}", socket.stored(ticket).await, socket.fate(ticket)))
    }

    /// The answer.
    pub async fn ask(&self, event: String, number: u32) -> Result<u32, JsError> {
        let socket = self.socket.clone();
        Ok(socket.emit_with_ack(&event, &number).await?)
    }

    /// Whether the last emit is stored, once that is known; then whether it could be cancelled, and its fate.
    pub async fn store_and_cancel(&self, event: String, number: u32) -> Result<String, JsError> {
        let socket = self.socket.clone();
        let ticket = socket.emit(&event, &number)?;
        let stored = socket.stored(ticket).await;
        let cancelled = socket.cancel(ticket);
        let fate = socket.settled(ticket).await;
        Ok(format!("{stored} {cancelled} {fate:?} {:?}", socket.fate(ticket)))
    }

    /// Connects again.
    pub fn connect(&self) {
        self.socket.connect();
    }

    /// Leaves; other tabs may send.
    pub fn disconnect(&self) {
        self.socket.disconnect();
    }

    /// Empties the outbox. What went wrong, if anything.
    pub async fn clear(&self) -> Option<String> {
        let client = self.client.clone();
        client.clear_outbox().await.err().map(|error| error.to_string())
    }

    /// What earlier pages left.
    pub fn left(&self) -> Vec<String> {
        self.socket.outbox_left().into_iter().map(|(_, event)| event.args_json().to_owned()).collect()
    }
}
