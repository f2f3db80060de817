//! Many clients in one process, whose server is killed: when each of them is back. `wave.test.mjs` starts it.
//!
//! Its only argument says how many clients, and which servers: each client takes the next list of URLs, the first one to
//! connect to, the others for later. Prints {"connected":N} once all are. Then reads how many lose their server, and prints
//! {"back":[…]} once as many are back: the times, in milliseconds since the first of them was gone. Ends with its input. Options are the defaults.

use std::error::Error;
use std::io::stdin;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use socketio_client_native::{Client, Transport};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

/// What is to be done: the only argument.
#[derive(Deserialize)]
struct Job {
    clients: usize,
    urls: Vec<Vec<String>>,
}

/// So many connect at a time at first: what is measured is how they come back.
const AT_A_TIME: usize = 50;

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(60);

/// That a client's namespace is connected, or is not any longer.
type Told = (Instant, bool);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("what is to be done is missing")?)?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut clients = Vec::with_capacity(job.clients);
    for urls in job.urls.iter().cycle().take(job.clients) {
        let (url, others) = urls.split_first().ok_or("a list of URLs is empty")?;
        let client = Client::builder(url).urls(others).transports([Transport::WebSocket]).build()?;
        let socket = client.socket("/");
        for connected in [true, false] {
            let tell = tell.clone();
            let tell = move || {
                // Nobody listens after the last one.
                let _ = tell.send((Instant::now(), connected));
            };
            if connected {
                socket.on_connect(tell);
            } else {
                socket.on_disconnect(move |_| tell());
            }
        }
        clients.push((client, socket));
        if clients.len() % AT_A_TIME == 0 || clients.len() == job.clients {
            wait(&mut told, (clients.len() - 1) % AT_A_TIME + 1).await?;
        }
    }
    println!("{}", json!({ "connected": clients.len() }));
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let back = wait(&mut told, line.trim().parse()?).await?;
    println!("{}", json!({ "back": back }));
    // They stay until they have been counted.
    stdin().read_line(&mut line)?;
    Ok(())
}

/// Until so many have connected, each of them for good: their times since the first of all was told of.
async fn wait(told: &mut UnboundedReceiver<Told>, count: usize) -> Result<Vec<u128>, Box<dyn Error>> {
    let mut first = None;
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let (at, connected) = timeout(PATIENCE, told.recv())
            .await
            .map_err(|_| format!("{} of {count} connected", times.len()))?
            .ok_or("the clients are gone")?;
        let first = *first.get_or_insert(at);
        if connected {
            times.push(at.saturating_duration_since(first).as_millis());
        }
    }
    Ok(times)
}
