//! Our client natively, as `driver.mjs` has the JavaScript ones; `README.md` has the protocol.

extern crate socketio_client_native as socketio;

mod listener;
#[path = "../cuts/process.rs"]
mod process;

use std::error::Error;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::json;

use self::listener::{Job, told, watch};
use self::process::{commands, print};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    /// Emit no more, and tell when all is settled.
    Stop,
    Connect,
    Disconnect,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: recovery JOB")?)?;
    let mut builder = job.builder();
    if let Some(store) = &job.store {
        builder = builder.recovery_store(store.join("session"));
    }
    let client = builder.build()?;
    let socket = client.default_socket();
    watch(&socket, print);
    let mut commands = commands();
    let (mut sent, mut stopped) = (0, job.ahead == 0);
    let mut pending = FuturesUnordered::new();
    loop {
        while !stopped && pending.len() < job.ahead {
            // First, for the handler's line must not come before it.
            print(&json!({"sent": sent}));
            let answer = socket.emit_with_ack("op", &json!({"client": job.name, "n": sent})).send();
            pending.push(async move { (sent, answer.await) });
            sent += 1;
        }
        tokio::select! {
            Some((n, settled)) = pending.next() => {
                print(&told(n, settled));
                if stopped && pending.is_empty() {
                    print(&json!({"done": true}));
                }
            }
            Some(line) = commands.recv() => match serde_json::from_str(&line)? {
                Command::Stop => stopped = true,
                Command::Connect => socket.connect(),
                Command::Disconnect => socket.disconnect(),
            },
        }
    }
}
