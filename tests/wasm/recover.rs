//! A listener in a page, for `tests/recovery`, whose `README.md` has the job, the lines and the commands.

// Exports to JavaScript cannot be documented twice, and are not part of anything.
#![allow(missing_docs, missing_debug_implementations)]

extern crate socketio_client_wasm as socketio;

#[path = "../recovery/listener.rs"]
mod listener;
#[path = "panics.rs"]
mod panics;

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};
use socketio::{Client, Socket, spawn};
use wasm_bindgen::prelude::*;

use self::listener::{Job, told, watch};

/// What the lanes of emits share.
struct Emits {
    socket: Socket,
    name: String,
    sent: Cell<u64>,
    lanes: Cell<usize>,
    stopped: Cell<bool>,
    print: js_sys::Function,
}

/// The commands.
#[wasm_bindgen]
pub struct Commands {
    emits: Rc<Emits>,
    // Ends with its last owner.
    _client: Client,
}

/// Begins; `print` is called with each line.
#[wasm_bindgen]
pub fn start(job: &str, print: js_sys::Function) -> Result<Commands, JsError> {
    panics::show();
    let job: Job = serde_json::from_str(job)?;
    let client = job.builder().build()?;
    let socket = client.default_socket();
    let lines = print.clone();
    watch(&socket, move |line| say(&lines, line));
    let emits = Rc::new(Emits {
        socket,
        name: job.name,
        sent: Cell::new(0),
        lanes: Cell::new(job.ahead),
        stopped: Cell::new(false),
        print,
    });
    for _ in 0..job.ahead {
        spawn(Rc::clone(&emits).run());
    }
    Ok(Commands { emits, _client: client })
}

fn say(print: &js_sys::Function, line: &Value) {
    // It throws only where the page is at its end.
    let _ = print.call1(&JsValue::UNDEFINED, &line.to_string().into());
}

impl Emits {
    /// One emit after the other.
    async fn run(self: Rc<Self>) {
        while !self.stopped.get() {
            let n = self.sent.replace(self.sent.get() + 1);
            // First, for the handler's line must not come before it.
            say(&self.print, &json!({"sent": n}));
            let answer = self.socket.emit_with_ack("op", &json!({"client": self.name, "n": n})).send();
            say(&self.print, &told(n, answer.await));
        }
        self.lanes.set(self.lanes.get() - 1);
        if self.lanes.get() == 0 {
            say(&self.print, &json!({"done": true}));
        }
    }
}

#[wasm_bindgen]
impl Commands {
    pub fn stop(&self) {
        self.emits.stopped.set(true);
    }

    pub fn connect(&self) {
        self.emits.socket.connect();
    }

    pub fn disconnect(&self) {
        self.emits.socket.disconnect();
    }
}
