//! Many clients in one process, whose server is killed: when each of them is back. `wave.test.mjs` starts it.
//!
//! Its only argument says how many clients, and which servers: each client takes the next list of URLs, the first one to
//! connect to, the others for later. Prints {"connected":N} once all are. Then reads how many lose their server, and prints
//! {"back":[…],"delays":[…]} once as many are back: the times, in milliseconds since the first of them was gone, and how long
//! each meant to wait before its first attempt. Ends with its input. Options are the defaults.

use std::error::Error;
use std::io::stdin;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use socketio_client_native::{Client, ClientEvent, Transport};
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

/// What a client tells.
enum Told {
    Connected(Instant),
    Gone(Instant),
    Waits(Duration),
}

/// Of those who came back.
#[derive(Default)]
struct Times {
    back: Vec<u128>,
    delays: Vec<u128>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("what is to be done is missing")?)?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut clients = Vec::with_capacity(job.clients);
    for urls in job.urls.iter().cycle().take(job.clients) {
        let (url, others) = urls.split_first().ok_or("a list of URLs is empty")?;
        let client = Client::builder(url).urls(others).transports([Transport::WebSocket]).build()?;
        let socket = client.socket("/");
        // Nobody listens after the last one.
        let teller = || {
            let tell = tell.clone();
            move |told| _ = tell.send(told)
        };
        let (connected, gone, waits) = (teller(), teller(), teller());
        socket.on_connect(move || connected(Told::Connected(Instant::now())));
        socket.on_disconnect(move |_| gone(Told::Gone(Instant::now())));
        client.on_event(move |event| {
            if let ClientEvent::Waiting { attempt: 1, delay } = event {
                waits(Told::Waits(delay));
            }
        });
        clients.push((client, socket));
        if clients.len() % AT_A_TIME == 0 || clients.len() == job.clients {
            wait(&mut told, (clients.len() - 1) % AT_A_TIME + 1).await?;
        }
    }
    println!("{}", json!({ "connected": clients.len() }));
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let Times { back, delays } = wait(&mut told, line.trim().parse()?).await?;
    println!("{}", json!({ "back": back, "delays": delays }));
    // They stay until they have been counted.
    stdin().read_line(&mut line)?;
    Ok(())
}

/// Until so many have connected.
async fn wait(told: &mut UnboundedReceiver<Told>, count: usize) -> Result<Times, Box<dyn Error>> {
    let mut times = Times::default();
    let mut first = None;
    while times.back.len() < count {
        let next = timeout(PATIENCE, told.recv())
            .await
            .map_err(|_| format!("{} of {count} connected", times.back.len()))?;
        match next.ok_or("the clients are gone")? {
            Told::Gone(at) => _ = first.get_or_insert(at),
            Told::Waits(delay) => times.delays.push(delay.as_millis()),
            Told::Connected(at) => {
                let since = first.map_or(Duration::ZERO, |first| at.saturating_duration_since(first));
                times.back.push(since.as_millis());
            }
        }
    }
    Ok(times)
}
