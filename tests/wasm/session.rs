//! A listener whose session outlives the page, for `session.test.mjs`.

// Exports to JavaScript cannot be documented twice, and are not part of anything.
#![allow(missing_docs, missing_debug_implementations)]

extern crate socketio_client_wasm as socketio;

#[path = "panics.rs"]
mod panics;

use std::time::Duration;

use socketio::{Client, RecoveryStore, Socket, Transport};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    panics::show();
}

/// A client that listens.
#[wasm_bindgen]
pub struct Listener {
    socket: Socket,
    client: Client,
    tell: js_sys::Function,
}

#[wasm_bindgen]
impl Listener {
    /// Calls `tell` with a line for each connection, gap and event `missed`. `path`: the store is named as natively.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, polling: bool, path: bool, tell: js_sys::Function) -> Result<Self, JsError> {
        let transport = if polling { Transport::Polling } else { Transport::WebSocket };
        let builder = Client::builder(url)
            .transports([transport])
            .reconnection_delay(Duration::from_millis(10))
            .randomization_factor(0.0)
            .hold_events(["late"]);
        let builder = match path {
            true => builder.recovery_store("listener.session"),
            false => builder.recovery_store(RecoveryStore::Session),
        };
        let client = builder.build()?;
        let socket = client.default_socket();
        let told = tell.clone();
        let tell = move |line: String| {
            // It throws only where the page is at its end.
            let _ = tell.call1(&JsValue::UNDEFINED, &line.into());
        };
        let (connected, say) = (socket.clone(), tell.clone());
        socket.on_connect(move || say(format!("connect {}", connected.recovered())));
        let say = tell.clone();
        socket.on_gap(move |gap| say(format!("gap {}", gap.reason)));
        socket.on("missed", move |message| {
            // Behind it is the offset.
            tell(
                message
                    .parse::<(u32,)>()
                    .map_or_else(|error| error.to_string(), |(number,)| number.to_string()),
            );
        });
        Ok(Self { socket, client, tell: told })
    }

    /// From now on it listens to `late`, which waits until then.
    #[wasm_bindgen(js_name = hearLate)]
    pub fn hear_late(&self) {
        let tell = self.tell.clone();
        self.socket.on("late", move |message| {
            let (number,) = message.parse::<(u32,)>().unwrap_or_default();
            let _ = tell.call1(&JsValue::UNDEFINED, &format!("late {number}").into());
        });
    }

    pub fn id(&self) -> Option<String> {
        self.socket.id()
    }

    pub fn emit(&self, event: &str) -> Result<(), JsError> {
        self.socket.emit(event, &())?;
        Ok(())
    }

    pub fn connect(&self) {
        self.socket.connect();
    }

    pub fn close(&self) {
        self.client.close();
    }

    pub fn disconnect(&self) {
        self.socket.disconnect();
    }
}
