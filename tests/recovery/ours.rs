//! Our client natively, as `driver.mjs` has the JavaScript ones; `README.md` has the protocol.

extern crate socketio_client_native as socketio;

mod listener;

use std::error::Error;
use std::io::{BufRead as _, stdin};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::{Value, json};
use socketio::Client;
use tokio::sync::mpsc;

use self::listener::{Job, tell, watch};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    /// Emit no more, and tell when all is settled.
    Stop,
    Connect,
    Disconnect,
}

fn print(value: &Value) {
    println!("{value}");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: recovery JOB")?)?;
    let client = job.builder(Client::builder(&job.url)).build()?;
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
                print(&tell(n, settled));
                if stopped && pending.is_empty() {
                    print(&json!({"done": true}));
                }
            }
            command = commands.recv() => match command {
                Some(Command::Stop) => stopped = true,
                Some(Command::Connect) => socket.connect(),
                Some(Command::Disconnect) => socket.disconnect(),
                None => return Ok(()),
            },
        }
    }
}

/// The lines on standard input.
fn commands() -> mpsc::UnboundedReceiver<Command> {
    let (sender, commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let Ok(command) = serde_json::from_str(&line) else { return };
            if sender.send(command).is_err() {
                return;
            }
        }
    });
    commands
}
