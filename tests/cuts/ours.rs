//! Our client natively, as `drivers/js.mjs` has the others; `README.md` has the protocol.

extern crate socketio_client_native as socketio;

mod client;
mod process;

use std::error::Error;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::{Value, json};
use socketio::{Client, ClientBuilder, ClientEvent};
use tokio::sync::mpsc;

use self::client::{quick, told};
use self::process::{commands, print};

type Outcome = Result<(), Box<dyn Error>>;

/// What is to be done: the only argument.
#[derive(Deserialize)]
struct Job {
    url: String,
    name: String,
    options: Options,
    transports: Vec<String>,
    ahead: usize,
    #[serde(default)]
    goodbyes: u64,
}

/// The client's, by the names that the JavaScript client gives them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    /// Without end, whatever is named.
    retries: Option<Value>,
    ack_timeout: Option<u64>,
    retry_window: Option<u32>,
    exactly_once: bool,
}

impl Job {
    fn client(&self) -> Result<Client, Box<dyn Error>> {
        Ok(self.options.apply(quick(&self.url, &self.transports)).build()?)
    }
}

impl Options {
    fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder
            .retries(self.retries.as_ref().map(|_| u32::MAX))
            .ack_timeout(self.ack_timeout.map(Duration::from_millis))
            .exactly_once(self.exactly_once);
        match self.retry_window {
            Some(window) => builder.retry_window(window),
            None => builder,
        }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: cuts JOB")?)?;
    let mut commands = commands();
    if job.goodbyes > 0 { say_goodbye(&job, &mut commands).await } else { send(&job, &mut commands).await }
}

/// Emits as long as nobody says stop, and has `ahead` of them unsettled at all times.
async fn send(job: &Job, commands: &mut mpsc::UnboundedReceiver<String>) -> Outcome {
    let client = job.client()?;
    let socket = client.default_socket();
    let mut sent = 0;
    let mut pending = FuturesUnordered::new();
    let mut stopped = false;
    loop {
        while !stopped && pending.len() < job.ahead {
            // First, for the handler's line must not come before it.
            print(&json!({"sent": sent}));
            let answer = socket.emit_with_ack("op", &json!({"client": job.name, "n": sent})).send();
            pending.push(async move { (sent, answer.await) });
            sent += 1;
        }
        tokio::select! {
            settled = pending.next() => match settled {
                Some((n, settled)) => print(&told(n, settled)),
                None => break,
            },
            _ = commands.recv(), if !stopped => stopped = true,
        }
    }
    print(&json!({"done": true, "sent": sent}));
    client.close();
    client.closed().await;
    Ok(())
}

/// Each on a connection of its own: `emit`, and `disconnect` in the same breath.
async fn say_goodbye(job: &Job, commands: &mut mpsc::UnboundedReceiver<String>) -> Outcome {
    for n in 0..job.goodbyes {
        let client = job.client()?;
        let (sender, mut upgraded) = mpsc::unbounded_channel();
        client.on_event(move |event| {
            if matches!(event, ClientEvent::Upgrade(_)) {
                let _ = sender.send(());
            }
        });
        let socket = client.default_socket();
        socket.connected().await?;
        if job.transports.len() > 1 && job.transports[0] == "polling" {
            upgraded.recv().await.ok_or("closed before it moved")?;
        }
        socket.emit("op", &json!({"client": job.name, "n": n}))?;
        socket.disconnect();
        client.closed().await;
        print(&json!({"sent": n}));
    }
    print(&json!({"left": true}));
    commands.recv().await.ok_or("nobody is there")?;
    // What was to arrive has arrived before this one.
    let client = job.client()?;
    let fence = json!({"client": job.name, "n": job.goodbyes});
    let fence: Value = client.default_socket().emit_with_ack("op", &fence).await?;
    print(&json!({"done": true, "fence": fence}));
    client.close();
    client.closed().await;
    Ok(())
}
