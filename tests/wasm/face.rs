//! What the tests in `face.test.mjs` run: each export is a small application of the browser's Rust face, and uses nothing
//! but its public API.

// Exports to JavaScript cannot be documented twice, and are not part of anything.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, clippy::expect_used)]

extern crate socketio_client_wasm as socketio;

#[path = "../app/app.rs"]
mod app;
#[path = "cuts.rs"]
pub mod cuts;
#[path = "panics.rs"]
mod panics;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use socketio::{
    AckError, Bytes, Client, ClientBuilder, ClientEvent, EmitError, Limits, Message, Socket, Transport,
    sleep, spawn,
};
use wasm_bindgen::prelude::*;

type Failure = Box<dyn std::error::Error>;
type Lines = Vec<String>;

#[wasm_bindgen(start)]
fn start() {
    panics::show();
}

/// A result as JavaScript wants it.
fn told<T>(result: Result<T, Failure>) -> Result<T, JsError> {
    result.map_err(|error| JsError::new(&error.to_string()))
}

/// Lines that handlers write. They are not `Send`: a listener in the browser need not be.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Lines>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn taken(&self) -> Lines {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

fn quick(url: &str, transports: &str) -> ClientBuilder {
    let transports = transports.split(',').map(|name| match name {
        "polling" => Transport::Polling,
        _ => Transport::WebSocket,
    });
    Client::builder(url)
        .transports(transports)
        .reconnection_delay(Duration::from_millis(20))
        .randomization_factor(0.0)
}

/// The application that is also compiled for servers.
#[wasm_bindgen]
pub async fn portable(url: &str) -> Result<Lines, JsError> {
    let lines = app::run(url).await.map_err(|error| JsError::new(&error.to_string()))?;
    assert_eq!(lines, app::EXPECTED);
    Ok(lines)
}

/// Connect, emit, event, ack, binary, and an answer to the server's question.
#[wasm_bindgen]
pub async fn round_trip(url: &str, transports: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, transports).upgrade(false).build()?;
        let socket = client.socket("/");
        let mut echo = socket.stream("echo");
        // Held until connected.
        socket.emit("echo", &("é漢😀", 1, [true]))?;
        socket.connected().await?;
        log.note(format!("{} {}", client.transport().unwrap(), socket.id().is_some()));
        let message = echo.next().await.unwrap();
        log.note(format!("{} {}", message.event(), message.args_json()));

        let (a, b): (u32, String) = socket.emit_with_ack("call", &(7, "x")).await?;
        log.note(format!("ack {a} {b}"));

        let mut binary = socket.stream("binary");
        let bytes = Bytes::from((0..=255).collect::<Vec<u8>>());
        let (back, _): (Bytes, serde_json::Value) = socket.emit_with_ack("binary", &bytes).await?;
        let event = binary.next().await.unwrap();
        log.note(format!("binary {} {}", back == bytes, event.attachments()[0] == bytes));

        let asked = log.clone();
        socket.on("question", move |message: Message| {
            asked.note(format!("question {} {:?}", message.wants_ack(), message.ack(&("yes", 2))));
            asked.note(format!("again {} {:?}", message.wants_ack(), message.ack(&())));
        });
        let mut answered = socket.stream("answered");
        socket.emit("ask", "?")?;
        log.note(format!("answered {}", answered.next().await.unwrap().args_json()));
        let refused: Result<(), _> = socket.emit_with_ack("connect", &()).await;
        log.note(format!("{}", refused.unwrap_err()));
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// The connection is cut; what was emitted meanwhile arrives afterwards, in order.
#[wasm_bindgen]
pub async fn reconnect(url: &str, transports: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, transports).build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        let (lost, held) = (log.clone(), socket.clone());
        let before = socket.id();
        socket.on_disconnect(move |reason| {
            lost.note(reason.as_str());
            // In a listener, while there is no connection.
            for n in 1..4 {
                held.emit("echo", &n).unwrap();
            }
        });
        let events = log.clone();
        client.on_event(move |event| match event {
            ClientEvent::Waiting { attempt, .. } => events.note(format!("waiting {attempt}")),
            ClientEvent::ReconnectAttempt { attempt, .. } => events.note(format!("attempt {attempt}")),
            ClientEvent::Reconnect { attempt } => events.note(format!("reconnect {attempt}")),
            _ => {}
        });
        let mut echo = socket.stream("echo");
        socket.emit(if transports == "polling" { "close-engine" } else { "cut" }, &())?;
        for _ in 1..4 {
            log.note(echo.next().await.unwrap().args_json());
        }
        log.note(format!("{}", socket.id() != before && socket.is_connected()));
        // The listener owns a handle.
        client.close();
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// The connection is cut: the server sends what was missed, and we what was not answered.
#[wasm_bindgen]
pub async fn recover(url: &str, transports: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let other = quick(url, transports).build()?.socket("/");
        let client = quick(url, transports).upgrade(false).retries(Some(1)).build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        let (mut ticks, id) = (socket.stream("tick"), socket.id());
        let (lost, tick) = (log.clone(), other.clone());
        socket.on_disconnect(move |reason| {
            lost.note(reason.as_str());
            tick.emit("broadcast", &("tick", 2)).unwrap();
        });
        other.emit("broadcast", &("tick", 1))?;
        let tick = |tick: &Message| {
            Ok::<_, Failure>(format!("tick {} {}", tick.parse::<(u8,)>()?.0, tick.is_replayed()))
        };
        log.note(tick(&ticks.next().await.unwrap())?);
        socket.volatile().emit(if transports == "polling" { "close-engine" } else { "cut" }, &())?;
        let answer = socket.emit_with_ack::<usize>("record", &1).send();
        log.note(tick(&ticks.next().await.unwrap())?);
        log.note(format!("{} {}", socket.recovered(), socket.id() == id));
        log.note(format!("recorded {}", answer.await? > 0));
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// What cannot be resumed is told, and loaded before anything else comes.
#[wasm_bindgen]
pub async fn gap(url: &str, transports: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, transports).upgrade(false).build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        log.note(socket.last_gap().is_some().to_string());
        let (connects, gaps, loads, loader) = (log.clone(), log.clone(), log.clone(), socket.clone());
        socket.on_connect(move || connects.note("connect"));
        socket.on_gap(move |gap| {
            gaps.note(format!("{} {} {}", gap.reason, gap.recovered, gap.until >= gap.since))
        });
        socket.resync(move |_| {
            let (socket, log) = (loader.clone(), loads.clone());
            async move {
                socket.emit("broadcast", &("tick", 1)).unwrap();
                let answer = socket.emit_with_ack::<usize>("record", &1).await;
                log.note(format!("loaded {}", answer.is_ok()));
            }
        });
        let mut ticks = socket.stream("tick");
        socket.volatile().emit(if transports == "polling" { "close-engine" } else { "cut" }, &())?;
        let tick = ticks.next().await.unwrap();
        log.note(format!("tick {} {}", tick.parse::<(u8,)>()?.0, tick.is_replayed()));
        log.note(socket.last_gap().is_some().to_string());
        client.close();
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// Events wait for their first listener; those for which there is no room are told, and made good.
#[wasm_bindgen]
pub async fn held(url: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket").hold_events(["early"]).hold_size(2).build()?;
        let socket = client.socket("/");
        let (gaps, loads, listener) = (log.clone(), log.clone(), log.clone());
        socket.on_gap(move |gap| gaps.note(format!("gap {}", gap.reason)));
        socket.resync(move |gap| {
            loads.note(format!("loaded {} {}", gap.reason, gap.until >= gap.since));
            async {}
        });
        for n in 1..=3 {
            socket.emit("broadcast", &("early", n))?;
        }
        socket.emit_with_ack::<usize>("record", &1).await?;
        log.note(socket.last_gap().is_some().to_string());
        // One of them; the other one waits for the next listener, and goes before what comes later.
        socket.once("early", move |message| {
            listener.note(format!("once {} {}", message.args_json(), message.is_replayed()))
        });
        socket.emit("broadcast", &("early", 4))?;
        socket.emit_with_ack::<usize>("record", &1).await?;
        let mut early = socket.stream("early");
        for _ in 0..2 {
            log.note(format!("stream {}", early.next().await.unwrap().args_json()));
        }
        client.close();
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// How far a server's own history came is told with each CONNECT.
#[wasm_bindgen]
pub async fn history(url: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket")
            .auth(serde_json::json!({ "token": "t" }))
            .offset("serverOffset", |message| Some(message.parse::<(String, u64)>().ok()?.1))
            .build()?;
        let (done, again) = futures_util_oneshot();
        client.on_event(move |event| {
            if let ClientEvent::Reconnect { .. } = event {
                done.borrow_mut().take();
            }
        });
        let socket = client.socket("/");
        let mut news = socket.stream("news");
        socket.emit("broadcast", &("news", "a", 41))?;
        socket.emit("broadcast", &("news", "b"))?;
        for _ in 0..2 {
            log.note(news.next().await.unwrap().args_json());
        }
        let auth = || async {
            let handshake: serde_json::Value = socket.emit_with_ack("handshake", &()).await?;
            Ok::<_, Failure>(handshake["auth"].to_string())
        };
        log.note(auth().await?);
        socket.volatile().emit("cut", &())?;
        again.await;
        socket.connected().await?;
        log.note(auth().await?);
        client.close();
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// From polling to WebSocket, while events go both ways.
#[wasm_bindgen]
pub async fn upgrade(url: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "polling,websocket").build()?;
        let events = log.clone();
        let (done, upgraded) = futures_util_oneshot();
        client.on_event(move |event| match event {
            ClientEvent::Open { transport } => events.note(format!("open {transport}")),
            ClientEvent::Upgrade(transport) => {
                events.note(format!("upgrade {transport}"));
                done.borrow_mut().take();
            }
            _ => {}
        });
        let socket = client.socket("/");
        let mut echo = socket.stream("echo");
        for n in 0..50 {
            socket.emit("echo", &n)?;
        }
        for n in 0..50 {
            assert_eq!(echo.next().await.unwrap().parse::<u32>()?, n);
        }
        upgraded.await;
        let transport: String = socket.emit_with_ack("transport", &()).await?;
        log.note(transport);
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// Ends when what it is paired with is dropped.
fn futures_util_oneshot() -> (RefCell<Option<Socket>>, impl Future<Output = ()>) {
    // A stream of a client that is never connected ends with the last handle to it.
    let client = Client::builder("http://localhost").auto_connect(false).build().unwrap();
    let socket = client.socket("/");
    let mut stream = socket.stream("never");
    (RefCell::new(Some(socket)), async move { drop(stream.next().await) })
}

/// A namespace that refuses, then lets in, with data that is asked again.
#[wasm_bindgen]
pub async fn refused(url: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let tokens = RefCell::new(vec!["good", "bad"]);
        let client = quick(url, "websocket")
            .auth_with(move || {
                let token = tokens.borrow_mut().pop();
                async move {
                    sleep(Duration::from_millis(1)).await;
                    serde_json::json!({ "token": token })
                }
            })
            .build()?;
        let socket = client.socket("secret");
        let errors = log.clone();
        socket.on_connect_error(move |error| {
            let code = error.data::<std::collections::BTreeMap<String, String>>();
            errors.note(format!("{error} {code:?}"));
        });
        let error = socket.connected().await.unwrap_err();
        log.note(format!("{} {error}", socket.is_active()));
        socket.connect();
        socket.connected().await?;
        log.note(format!("{} {}", socket.namespace(), socket.is_connected()));
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// The error of the first attempt.
#[wasm_bindgen]
pub async fn failure(url: &str, transports: &str) -> Result<String, JsError> {
    let run = async {
        let client = quick(url, transports).try_all_transports(false).reconnection(false).build()?;
        Ok(client.socket("/").connected().await.unwrap_err().to_string())
    };
    told(run.await)
}

/// What those who wait are told after the last attempt, then and later; as on the native client.
#[wasm_bindgen]
pub async fn gave_up(url: &str, transports: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client =
            quick(url, transports).try_all_transports(false).reconnection_attempts(Some(1)).build()?;
        let socket = client.socket("/");
        log.note(socket.connected().await.unwrap_err().to_string());
        log.note(socket.connected().await.unwrap_err().to_string());
        socket.disconnect();
        log.note(socket.connected().await.unwrap_err().to_string());
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// A message above the limit ends the connection.
#[wasm_bindgen]
pub async fn too_large(url: &str, transports: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let limits = Limits { message: 50_000, ..Limits::default() };
        let client = quick(url, transports).limits(limits).build()?;
        let socket = client.socket("/");
        let fits: String = socket.emit_with_ack("big", &40_000).await?;
        log.note(fits.len().to_string());
        let lost = log.clone();
        socket.on_disconnect(move |reason| lost.note(reason.as_str()));
        let large: Result<String, _> = socket.emit_with_ack("big", &60_000).await;
        log.note(format!("{}", large.unwrap_err()));
        socket.connected().await?;
        let fits: String = socket.emit_with_ack("big", &40_000).await?;
        log.note(fits.len().to_string());
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// Listeners that remove themselves, leave, and drop what calls back when it is dropped.
#[wasm_bindgen]
pub async fn listeners(url: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket").build()?;
        let socket = client.socket("/");
        let (all, out, once) = (log.clone(), log.clone(), log.clone());
        socket.on_any(move |message| all.note(format!("any {}", message.args_json())));
        socket.on_any_outgoing(move |event| out.note(format!("out {} {}", event.event(), event.args_json())));
        socket.once("echo", move |message| once.note(format!("once {}", message.args_json())));
        let mut echo = socket.stream("echo");
        // A listener that owns a stream of the same client: its end unsubscribes.
        let owned = socket.stream("other");
        let listener = socket.on("echo", move |_| assert!(!format!("{owned:?}").is_empty()));
        socket.emit("echo", &1)?;
        echo.next().await.unwrap();
        socket.off(listener);
        socket.emit("echo", &2)?;
        echo.next().await.unwrap();
        socket.off_event("echo");
        assert!(echo.next().await.is_none(), "ends with its listener");
        // Nothing of the application runs inside its own call.
        let lost = log.clone();
        let borrowed = Rc::new(RefCell::new(()));
        let inside = Rc::clone(&borrowed);
        socket.on_disconnect(move |reason| {
            let _free = inside.borrow_mut();
            lost.note(reason.as_str());
        });
        let busy = borrowed.borrow_mut();
        socket.disconnect();
        log.note(format!("{} {:?}", socket.is_active(), client.state()));
        drop(busy);
        sleep(Duration::ZERO).await;
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// Closes by dropping its last handle; what was emitted before still arrives.
#[wasm_bindgen]
pub async fn dropped(url: &str, transports: &str) -> Result<String, JsError> {
    let run = async {
        let client = quick(url, transports).upgrade(false).build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        let mut stream = socket.stream("news");
        for n in 0..3 {
            socket.emit("record", &n)?;
        }
        drop(client);
        drop(socket);
        let ended = stream.next().await.is_none();
        Ok(format!("ended {ended}"))
    };
    told(run.await)
}

/// Acks that do not come.
#[wasm_bindgen]
pub async fn unanswered(url: &str) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket").buffer_size(3).build()?;
        let socket = client.socket("/");
        let soon = Duration::from_millis(30);
        let late: Result<(), AckError> = socket.emit_with_ack("never", &()).timeout(soon).await;
        log.note(late.unwrap_err().to_string());
        let cut = socket.emit_with_ack::<()>("never", &()).send();
        socket.emit("cut", &())?;
        log.note(cut.await.unwrap_err().to_string());
        let misfit: Result<u32, AckError> = socket.emit_with_ack("call", "text").await;
        log.note(misfit.unwrap_err().to_string());
        client.set_offline(true);
        log.note(format!("offline {} {:?}", socket.is_connected(), client.state()));
        for n in 0..3 {
            socket.emit("echo", &n)?;
        }
        let full = socket.emit("echo", &3).unwrap_err();
        log.note(format!("full {}", matches!(full, EmitError::BufferFull { held: 3, .. })));
        let mut echo = socket.stream("echo");
        client.set_offline(false);
        for n in 0..3 {
            assert_eq!(echo.next().await.unwrap().parse::<u32>()?, n);
        }
        log.note("online");
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// The computer sleeps; what happens next is noticed without waiting for the heartbeat's own timer, and not lost.
#[wasm_bindgen]
pub async fn slept(url: &str, sleeps: &js_sys::Function) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket").build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        let lost = log.clone();
        socket.on_disconnect(move |reason| lost.note(reason.as_str()));
        sleeps.call0(&JsValue::NULL).unwrap();
        // Held, because the connection is known to be silent.
        let answer: u8 = socket.emit_with_ack("call", &7).await?;
        log.note(format!("{answer}"));
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// The wall clock is set, again and again; each time there is an answer, and one to what was to be held for an hour.
#[wasm_bindgen]
pub async fn clock_set(url: &str, jumps: Vec<f64>, set: &js_sys::Function) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket").build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        let lost = log.clone();
        socket.on_disconnect(move |reason| lost.note(reason.as_str()));
        for jump in jumps {
            let idle =
                quick(url, "websocket").auto_connect(false).buffer_max_age(Some(Duration::from_secs(3600)));
            let idle = idle.build()?.socket("/");
            let held = idle.emit_with_ack::<u8>("call", &8).send();
            set.call1(&JsValue::NULL, &jump.into()).unwrap();
            let answer: u8 = socket.emit_with_ack("call", &7).await?;
            idle.connect();
            let held = held.await.map_or_else(|error| error.to_string(), |answer| answer.to_string());
            log.note(format!("{answer} {held}"));
        }
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// More than the browser takes at once: returns how much of it was handed over while the browser was stuck.
#[wasm_bindgen]
pub async fn flood(url: &str, unstick: &js_sys::Function) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let client = quick(url, "websocket").build()?;
        let socket = client.socket("/");
        socket.connected().await?;
        let text = "x".repeat(100_000);
        let mut acks: Vec<_> =
            (0..100).map(|_| socket.emit_with_ack::<String>("call", &text).send()).collect();
        let last = acks.pop().unwrap();
        socket.volatile().emit("echo", "lost")?;
        // Some retries later it is still the same.
        sleep(Duration::from_millis(100)).await;
        unstick.call0(&JsValue::NULL).unwrap();
        match select(last, Box::pin(sleep(Duration::from_secs(10)))).await {
            Either::Left((answer, _)) => log.note(format!("answered {}", answer?.len())),
            Either::Right(_) => log.note("stuck"),
        }
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// URL, query and headers, asked at each attempt.
#[wasm_bindgen]
pub async fn asked(wrong: &str, url: String) -> Result<Lines, JsError> {
    let log = Log::default();
    let run = async {
        let attempts = RefCell::new(0);
        let urls = RefCell::new(vec![url, wrong.to_owned()]);
        let client = quick("http://unused.invalid", "polling")
            .query("always", "1")
            .url_with(move || urls.borrow_mut().pop().unwrap())
            .query_with(move || {
                *attempts.borrow_mut() += 1;
                vec![("attempt".to_owned(), attempts.borrow().to_string())]
            })
            .headers_with(|| vec![("x-test".to_owned(), "yes".to_owned())])
            .build()?;
        let socket = client.socket("/");
        let handshake: serde_json::Value = socket.emit_with_ack("handshake", &()).await?;
        log.note(format!("{} {}", handshake["query"]["always"], handshake["query"]["attempt"]));
        log.note(handshake["headers"]["x-test"].to_string());
        Ok(())
    };
    told(run.await)?;
    Ok(log.taken())
}

/// Leaves a client open in the background until `stop` is called.
#[wasm_bindgen]
pub fn background(url: &str, ready: js_sys::Function) -> Result<Stop, JsError> {
    let client = quick(url, "websocket").build()?;
    let socket = client.socket("/");
    let connected = socket.connected();
    spawn(async move {
        let line = connected.await.map_or_else(|error| error.to_string(), |()| "connected".to_owned());
        ready.call1(&JsValue::NULL, &line.into()).unwrap();
    });
    Ok(Stop { _client: client, _socket: socket })
}

/// Freed from JavaScript.
#[wasm_bindgen]
pub struct Stop {
    _client: Client,
    _socket: Socket,
}

/// More events than a stream holds for a reader who does not come: how many it gave before it ended.
#[wasm_bindgen]
pub async fn unread(url: &str, events: u32) -> Result<u32, JsError> {
    told(overflow(url, events).await)
}

async fn overflow(url: &str, events: u32) -> Result<u32, Failure> {
    let client = quick(url, "websocket").build()?;
    let socket = client.default_socket();
    let mut stream = socket.stream("flood");
    let mut last = socket.stream("echo");
    socket.emit("flood", &events)?;
    socket.emit("echo", "after the flood")?;
    last.next().await.ok_or("no echo")?;
    let mut taken = 0;
    while stream.next().await.is_some() {
        taken += 1;
    }
    Ok(taken)
}
