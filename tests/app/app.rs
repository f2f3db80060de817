//! An application that is compiled twice, for the browser and for the server, from this one source.
//!
//! Whoever includes it names the client `socketio`:
//! `extern crate socketio_client_wasm as socketio;` or `extern crate socketio_client_native as socketio;`

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socketio::{Bytes, Client, ClientEvent, ConnectError, Fate, Message, Socket, Transport, sleep, spawn};

/// What the server learns of us at every connection.
#[derive(Serialize)]
struct Hello {
    token: &'static str,
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    from: String,
    text: String,
}

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: impl Into<String>) {
    log.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
}

fn client(url: &str, name: &str) -> Result<Client, Box<dyn Error + Send + Sync>> {
    let name = name.to_owned();
    let client = Client::builder(url)
        .auth_with(move || {
            let name = name.clone();
            async move { Hello { token: "good", name } }
        })
        .reconnection_delay(Duration::from_millis(50))
        .timeout(Duration::from_secs(10))
        .build()?;
    Ok(client)
}

/// Two people talk. Returns what happened.
pub(crate) async fn run(url: &str) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let log = Log::default();
    let alice = client(url, "alice")?;
    let events = Arc::clone(&log);
    alice.on_event(move |event| {
        if let ClientEvent::Open { transport: Transport::WebSocket } = event {
            note(&events, "open");
        }
    });

    // A namespace that lets her in, since she has the token.
    let secret = alice.socket("/secret");
    secret.connected().await?;
    note(&log, format!("in {}", secret.namespace()));

    // Closures for reactions: the server's question is answered at once.
    let hall = alice.default_socket();
    let questions = Arc::clone(&log);
    hall.on("question", move |question: Message| {
        note(&questions, format!("asked: {}", question.parse::<String>().unwrap_or_default()));
        if let Err(error) = question.ack(&("yes", 1)) {
            note(&questions, error.to_string());
        }
    });
    // Streams for conversations.
    let mut answered = hall.stream("answered");
    hall.emit("ask", "ready?")?;
    let answer: (String, u32) = answered.next().await.ok_or("the client ended")?.parse()?;
    note(&log, format!("answered: {answer:?}"));

    let mut said = hall.stream("said");
    let rooms: Vec<String> = hall.emit_with_ack("join", "lobby").timeout(Duration::from_secs(10)).await?;
    note(&log, format!("rooms: {}", rooms.len()));

    let (url, failures) = (url.to_owned(), Arc::clone(&log));
    spawn(async move {
        if let Err(error) = bob(&url).await {
            note(&failures, format!("bob: {error}"));
        }
    });
    let heard = said.next().await.ok_or("the client ended")?;
    let (room, said): (String, Said) = heard.parse()?;
    note(&log, format!("{} in {room}: {}", said.from, said.text));

    // Bytes travel as bytes. The server also says what it saw.
    let photo = Bytes::from_static(b"\xff\xd8\x00\x1e");
    let (back, seen): (Bytes, serde_json::Value) = hall.emit_with_ack("binary", &photo).await?;
    note(&log, format!("photo: {} {seen}", back == photo));

    hall.volatile().emit("never", &())?;
    hall.flushed().await?;
    alice.close();
    match hall.connected().await {
        Err(ConnectError::Disconnected) => note(&log, "left"),
        other => note(&log, format!("{other:?}")),
    }
    offline(&hall, &log).await?;
    sleep(Duration::from_millis(1)).await;
    let lines = log.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(lines.clone())
}

/// What becomes of each emit is known.
async fn offline(hall: &Socket, log: &Log) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut fates = hall.fates();
    hall.coalesce("place").emit("place", &("here", 1))?;
    let age = Duration::from_secs(60);
    let last = hall.coalesce("place").max_age(age).emit("place", &("there", 2))?;
    let mouse = hall.volatile().emit("mouse", &(3, 4))?;
    note(log, format!("{:?} {:?}", hall.fate(last), hall.fate(mouse)));
    note(log, format!("stored {}, cancelled {}", hall.stored(last).await, hall.cancel(last)));
    while let Some(change) = fates.next().await {
        let event = change.event.map(|event| format!(" {}({})", event.event(), event.args_json()));
        note(log, format!("{}{}", change.fate, event.unwrap_or_default()));
        if change.emit == last && change.fate.is_final() {
            break;
        }
    }
    let answer = hall.emit_with_ack::<()>("never", &()).send();
    let waits = answer.id().ok_or("it was not held")?;
    hall.cancel(waits);
    if hall.settled(waits).await != Some(Fate::Cancelled) || answer.await.is_ok() {
        note(log, "an emit that was taken back has another end");
    }
    hall.disconnect_at_once();
    Ok(())
}

async fn bob(url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let bob = client(url, "bob")?.default_socket();
    let said = Said { from: "bob".to_owned(), text: "hello, alice".to_owned() };
    // Held until he is connected.
    let () = bob.emit_with_ack("say", &("lobby", said)).await?;
    Ok(())
}

/// What [`run`] returns.
pub(crate) const EXPECTED: &[&str] = &[
    "open",
    "in /secret",
    "asked: ready?",
    r#"answered: ("yes", 1)"#,
    "rooms: 2",
    "bob in lobby: hello, alice",
    r#"photo: true {"$bytes":"/9gAHg=="}"#,
    "left",
    "Some(Held) Some(Dropped)",
    "stored false, cancelled true",
    "held",
    "held",
    "dropped place(\"here\",1)",
    "dropped mouse(3,4)",
    "cancelled place(\"there\",2)",
];
