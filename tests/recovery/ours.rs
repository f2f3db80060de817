//! Our client natively, as `driver.mjs` has the others; `README.md` has the protocol.

use std::error::Error;
use std::io::{BufRead as _, stdin};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::{Value, json};
use socketio_client_native::{AckError, Client, ConnectError, Gap, Message, Socket, Transport};
use tokio::sync::mpsc;

type Outcome = Result<(), Box<dyn Error>>;

/// What is to be done: the only argument.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    url: String,
    name: String,
    transports: Vec<String>,
    /// Emits that are unsettled at all times.
    #[serde(default)]
    ahead: usize,
    #[serde(default)]
    exactly_once: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    /// Emit no more, and tell when all is settled.
    Stop,
    Connect,
    Disconnect,
}

impl Job {
    fn client(&self) -> Result<Client, Box<dyn Error>> {
        let transports = self.transports.iter().map(|name| match name.as_str() {
            "polling" => Transport::Polling,
            _ => Transport::WebSocket,
        });
        Ok(Client::builder(&self.url)
            .transports(transports)
            .reconnection_delay(Duration::from_millis(2))
            .reconnection_delay_max(Duration::from_millis(10))
            .randomization_factor(0.0)
            .exactly_once(self.exactly_once)
            .build()?)
    }
}

fn print(value: &Value) {
    println!("{value}");
}

#[tokio::main]
async fn main() -> Outcome {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: recovery JOB")?)?;
    let client = job.client()?;
    let socket = client.default_socket();
    watch(&socket);
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
                tell(n, settled);
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

fn watch(socket: &Socket) {
    let connected = socket.clone();
    socket.on_connect(move || {
        print(&json!({"joined": {"id": connected.id(), "recovered": connected.recovered()}}));
    });
    socket.on_disconnect(|reason| print(&json!({"left": reason.as_str()})));
    socket.on_connect_error(|error| match error {
        ConnectError::Refused { message, .. } => print(&json!({"refused": message})),
        other => eprintln!("{other}"),
    });
    socket.on_gap(|gap| print(&json!({"gap": gap_fields(&gap)})));
    socket.on_any(|message| print(&heard(&message)));
}

fn gap_fields(gap: &Gap) -> Value {
    json!({
        "recovered": gap.recovered,
        "exact": gap.exact,
        "reason": gap.reason.as_str(),
        "outage": gap.outage.as_millis(),
        "serverKnew": gap.server_knew,
        "possiblyMissed": gap.possibly_missed,
        "lastOffset": gap.last_offset.map(|offset| offset.to_string()),
    })
}

fn heard(message: &Message) -> Value {
    // Texts between commas.
    let args: Option<Value> = serde_json::from_str(&format!("[{}]", message.args_json())).ok();
    let bytes: Vec<_> = message.attachments().iter().map(|bytes| bytes.to_vec()).collect();
    json!({"heard": message.event(), "args": args, "bytes": bytes, "replayed": message.is_replayed()})
}

fn tell(n: u64, settled: Result<Value, AckError>) {
    print(&match settled {
        Ok(value) => json!({"settled": n, "fate": "acknowledged", "value": value}),
        Err(error) => json!({"settled": n, "fate": "error", "error": error.to_string()}),
    });
}
