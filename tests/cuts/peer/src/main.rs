//! rust_socketio 0.6.0, asynchronous, as its README and its example `async.rs` use it: `emit_with_ack` with a timeout of two
//! seconds and a callback, `reconnect` as it comes (on). They say nothing of resending, nor of an ack that does not come.
//!
//! With `resend` the application does what is left to it: it sends again, in order, until the callback was called.

use std::error::Error;
use std::io::{BufRead as _, stdin};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Payload, TransportType};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

#[derive(Deserialize)]
struct Job {
    url: String,
    name: String,
    options: Options,
    ahead: usize,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    ack_timeout: u64,
    #[serde(default)]
    resend: bool,
}

impl Options {
    const fn timeout(self) -> Duration {
        Duration::from_millis(self.ack_timeout)
    }
}

fn print(value: &Value) {
    println!("{value}");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: cuts-peer JOB")?)?;
    let mut commands = commands();
    let client = connect(&job.url).await;
    let mut sent = 0;
    let mut pending = FuturesUnordered::new();
    let mut stopped = false;
    loop {
        while !stopped && pending.len() < job.ahead {
            // First, for the handler's line must not come before it.
            print(&json!({"sent": sent}));
            let data = json!({"client": job.name, "n": sent});
            // The first transmission in order; those that follow as they come.
            let first = transmit(&client, data.clone(), job.options.timeout()).await;
            pending.push(settle(&client, sent, data, first, job.options));
            sent += 1;
        }
        tokio::select! {
            settled = pending.next() => if settled.is_none() { break },
            _ = commands.recv(), if !stopped => stopped = true,
        }
    }
    print(&json!({"done": true, "sent": sent}));
    let _ = client.disconnect().await;
    Ok(())
}

/// The lines on standard input.
fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    commands
}

/// It tries once by itself, where it has not been connected before.
async fn connect(url: &str) -> Client {
    loop {
        let builder =
            ClientBuilder::new(url).transport_type(TransportType::Websocket).reconnect_delay(2, 10);
        match builder.connect().await {
            Ok(client) => return client,
            Err(error) => eprintln!("not connected: {error}"),
        }
    }
}

type Answer = oneshot::Receiver<Payload>;

/// Its own word on whether the event left.
async fn transmit(client: &Client, data: Value, timeout: Duration) -> Result<Answer, rust_socketio::Error> {
    let (sender, answer) = oneshot::channel();
    let mut sender = Some(sender);
    let callback = move |payload: Payload, _: Client| {
        if let Some(sender) = sender.take() {
            let _ = sender.send(payload);
        }
        async {}.boxed()
    };
    client.emit_with_ack("op", data, timeout, callback).await?;
    Ok(answer)
}

/// Tells what became of an event. An ack that does not come is no fate: the callback is not called, and nothing else is.
async fn settle(
    client: &Client,
    n: u64,
    data: Value,
    mut transmitted: Result<Answer, rust_socketio::Error>,
    options: Options,
) {
    loop {
        let error = match transmitted {
            // The callback may be kept for ever: it is never told of a timeout.
            Ok(answer) => match tokio::time::timeout(options.timeout(), answer).await {
                Ok(Ok(payload)) => return print(&acknowledged(n, payload)),
                _ if options.resend => None,
                _ => return,
            },
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            if !options.resend {
                return print(&json!({"settled": n, "fate": "error", "error": error.to_string()}));
            }
            // It does not say when it is connected again; an application would ask now and then.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        transmitted = transmit(client, data.clone(), options.timeout()).await;
    }
}

fn acknowledged(n: u64, payload: Payload) -> Value {
    let value = match payload {
        Payload::Text(values) => values.into_iter().next(),
        _ => None,
    };
    // What it hands over is the array of the ack's arguments, or its elements.
    let value = match value {
        Some(Value::Array(values)) => values.into_iter().next(),
        value => value,
    };
    json!({"settled": n, "fate": "acknowledged", "value": value})
}
