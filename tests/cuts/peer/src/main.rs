//! rust_socketio 0.6.0, asynchronous, as its README and its example `async.rs` use it: `emit_with_ack` with a timeout of two
//! seconds and a callback, `reconnect` as it comes (on). They say nothing of resending, nor of an ack that does not come: the
//! callback is never told. Such an application goes on with its next event after a while.
//!
//! It emits nothing between the callbacks "error" or "close" and the callback "connect": a server closes a connection that
//! sends events before it has joined, and rust_socketio does that.
//!
//! Its task panics now and then, without a word to the application (acks have random ids below 1,000, and two of one id are
//! taken out wrongly). The application is told by a panic hook here, and makes a new client.
//!
//! With `resend` the application does what is left to it: it sends again whenever the namespace has connected, or the two
//! seconds have passed, until the callback was called.

#[path = "../../process.rs"]
mod process;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{RwLock, watch};
use tokio::time::{sleep, timeout};

use self::process::{commands, print};

/// As in its documentation.
const TIMEOUT: Duration = Duration::from_secs(2);

/// An application that does not resend goes on when its event is not answered by then.
const PACE: Duration = Duration::from_millis(30);

/// Its failed emits are tried again after this.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Deserialize)]
struct Job {
    url: String,
    name: String,
    options: Options,
    ahead: usize,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    resend: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: cuts-peer JOB")?)?;
    let mut commands = commands();
    let mut panics = count_panics();
    let peer = &Peer::connect(job.url).await;
    let resend = job.options.resend;
    let mut sent = 0;
    let mut working = FuturesUnordered::new();
    let mut stopped = false;
    while !stopped || !working.is_empty() {
        tokio::select! {
            Some(()) = working.next() => {}
            () = peer.connected(), if !stopped && working.len() < job.ahead => {
                // First, for the handler's line must not come before it.
                print(&json!({"sent": sent}));
                let event = Emit::new(sent, json!({"client": job.name, "n": sent}));
                // The first transmissions in order; those that follow as they come.
                let first = event.transmit(peer).await;
                working.push(async move {
                    if resend { event.insist(peer, first).await } else { event.hope(first).await }
                });
                sent += 1;
            }
            _ = commands.recv(), if !stopped => stopped = true,
            Ok(()) = panics.changed() => peer.replace().await,
        }
    }
    // Answers that are still on their way count.
    sleep(TIMEOUT).await;
    print(&json!({"done": true, "sent": sent}));
    let _ = timeout(TIMEOUT, peer.client.read().await.disconnect()).await;
    std::process::exit(0)
}

/// How many there were.
fn count_panics() -> watch::Receiver<u32> {
    let (sender, panics) = watch::channel(0);
    std::panic::set_hook(Box::new(move |panic| {
        sender.send_modify(|panics| *panics += 1);
        eprintln!("panic {}: {panic}", *sender.borrow());
    }));
    panics
}

struct Peer {
    url: String,
    client: RwLock<Client>,
    /// How often the namespace has connected, and whether nothing was heard of its end since.
    state: Arc<watch::Sender<(u32, bool)>>,
}

impl Peer {
    async fn connect(url: String) -> Self {
        let state = Arc::new(watch::Sender::new((0, false)));
        Self { client: RwLock::new(client(&url, &state).await), url, state }
    }

    async fn replace(&self) {
        self.state.send_modify(|state| state.1 = false);
        let client = client(&self.url, &self.state).await;
        *self.client.write().await = client;
    }

    async fn connected(&self) {
        // Its sender is in our hands.
        let _ = self.state.subscribe().wait_for(|(_, connected)| *connected).await;
    }
}

/// A client that has connected. Before that it tries once only.
async fn client(url: &str, state: &Arc<watch::Sender<(u32, bool)>>) -> Client {
    loop {
        let on = |connected| {
            let state = Arc::clone(state);
            move |_: Payload, _: Client| {
                state.send_modify(|state| *state = (state.0 + u32::from(connected), connected));
                async {}.boxed()
            }
        };
        let connecting = ClientBuilder::new(url)
            .transport_type(TransportType::Websocket)
            .reconnect_delay(2, 10)
            .on(Event::Connect, on(true))
            .on(Event::Close, on(false))
            .on(Event::Error, on(false))
            .connect();
        match connecting.await {
            Ok(client) => return client,
            Err(error) => eprintln!("not connected: {error}"),
        }
    }
}

/// One event. What the callback is called with is its fate, whenever that is.
struct Emit {
    n: u64,
    data: Value,
    answered: Arc<watch::Sender<bool>>,
}

impl Emit {
    fn new(n: u64, data: Value) -> Self {
        Self { n, data, answered: Arc::new(watch::Sender::new(false)) }
    }

    async fn transmit(&self, peer: &Peer) -> Result<(), rust_socketio::Error> {
        let (n, answered) = (self.n, Arc::clone(&self.answered));
        let callback = move |payload: Payload, _: Client| {
            // Each transmission may be answered.
            if !answered.send_replace(true) {
                print(&acknowledged(n, payload));
            }
            async {}.boxed()
        };
        let (before, _) = *peer.state.borrow();
        let client = peer.client.read().await.clone();
        let outcome = client.emit_with_ack("op", self.data.clone(), TIMEOUT, callback).await;
        if outcome.is_err() {
            // That connection is of no use; another one may have come meanwhile.
            peer.state.send_if_modified(|state| state.0 == before && std::mem::take(&mut state.1));
        }
        outcome
    }

    async fn answered(&self) {
        // Its sender is in our hands.
        let _ = self.answered.subscribe().wait_for(|answered| *answered).await;
    }

    /// Leaves it at that.
    async fn hope(&self, failed: Result<(), rust_socketio::Error>) {
        match failed {
            Ok(()) => drop(timeout(PACE, self.answered()).await),
            Err(error) => {
                print(&json!({"settled": self.n, "fate": "error", "error": error.to_string()}));
                sleep(PAUSE).await;
            }
        }
    }

    /// Sends it again until it is answered.
    async fn insist(&self, peer: &Peer, mut transmitted: Result<(), rust_socketio::Error>) {
        let mut state = peer.state.subscribe();
        loop {
            let wait = if transmitted.is_ok() { TIMEOUT } else { PAUSE };
            let (before, _) = *state.borrow_and_update();
            tokio::select! {
                () = self.answered() => return,
                _ = state.wait_for(|(connects, _)| *connects != before) => {}
                () = sleep(wait) => {}
            }
            peer.connected().await;
            transmitted = self.transmit(peer).await;
        }
    }
}

fn acknowledged(n: u64, payload: Payload) -> Value {
    let value = match payload {
        Payload::Text(values) => values.into_iter().next(),
        _ => None,
    };
    // What it hands over is the array of the ack's arguments.
    let value = match value {
        Some(Value::Array(values)) => values.into_iter().next(),
        value => value,
    };
    json!({"settled": n, "fate": "acknowledged", "value": value})
}
