//! The scenarios on the Rust face, compiled for the browser and for servers: each is a small application that uses
//! nothing but the public API. `js-face.mjs` has the same list for the JavaScript face.
//!
//! Whoever includes it names the client `socketio`:
//! `extern crate socketio_client_wasm as socketio;` or `extern crate socketio_client_native as socketio;`

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socketio::{
    AckError, Bytes, Client, ClientBuilder, ClientEvent, ConnectError, Message, Socket, Transport, sleep,
    spawn,
};

/// Longer than any scenario takes, shorter than those wait who run it: they cannot tell how far it came.
const LIMIT: Duration = Duration::from_secs(20);

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

// --- What scenarios stand on ---------------------------------------------------------------------------------------

/// Lines that anybody writes and one task waits for.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    waiting: Option<Waker>,
}

impl Log {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: impl Into<String>) {
        let mut written = self.written();
        written.lines.push(line.into());
        if let Some(waiting) = written.waiting.take() {
            waiting.wake();
        }
    }

    /// Resolves once there are so many lines.
    async fn len(&self, lines: usize) {
        self.until(|written| written.len() >= lines).await;
    }

    /// Resolves once this line is there.
    async fn has(&self, line: &str) {
        self.until(|written| written.iter().any(|it| it == line)).await;
    }

    async fn until(&self, done: impl Fn(&[String]) -> bool) {
        poll_fn(|cx| {
            let mut written = self.written();
            if done(&written.lines) {
                return Poll::Ready(());
            }
            written.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lines(&self) -> Vec<String> {
        self.written().lines.clone()
    }
}

/// Where a scenario plays.
struct Stage<'a> {
    url: &'a str,
    run: &'a str,
    /// What the shell adds.
    dress: fn(ClientBuilder) -> ClientBuilder,
    log: Log,
    clients: Mutex<Vec<Client>>,
}

impl Stage<'_> {
    fn open(
        &self,
        set: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, Box<dyn Error + Send + Sync>> {
        let builder = Client::builder(self.url)
            .query("run", self.run)
            .reconnection_delay(Duration::from_millis(20))
            .randomization_factor(0.0);
        let client = set((self.dress)(builder)).build()?;
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).push(client.clone());
        Ok(client)
    }

    fn over(&self, transport: Transport) -> Result<Client, Box<dyn Error + Send + Sync>> {
        self.open(|builder| builder.transports([transport]))
    }

    fn note(&self, line: impl Into<String>) {
        self.log.note(line);
    }

    async fn close(self) {
        for client in self.clients.into_inner().unwrap_or_else(PoisonError::into_inner) {
            client.close();
            client.closed().await;
        }
    }
}

/// Runs a scenario and leaves no connection. Its lines, or what went wrong and how far it came.
pub(crate) async fn run(
    name: &str,
    url: &str,
    run: &str,
    dress: fn(ClientBuilder) -> ClientBuilder,
) -> Result<Vec<String>, String> {
    let stage = Stage { url, run, dress, log: Log::default(), clients: Mutex::default() };
    let log = stage.log.clone();
    let outcome = within(LIMIT, play(name, &stage)).await;
    let closed = within(LIMIT, stage.close()).await;
    let lines = log.lines();
    match (outcome, closed) {
        (Some(Ok(())), Some(())) => Ok(lines),
        (Some(Err(error)), _) => Err(format!("{error}; so far: {lines:?}")),
        (None, _) => Err(format!("not done within {LIMIT:?}; so far: {lines:?}")),
        (_, None) => Err(format!("not closed within {LIMIT:?}")),
    }
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut limit) = (pin!(future), pin!(sleep(limit)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
    })
    .await
}

async fn play(name: &str, stage: &Stage<'_>) -> Outcome {
    match name {
        "connect" => connect(stage).await,
        "buffer" => buffer(stage).await,
        "ack" => ack(stage).await,
        "timeout" => timeout(stage).await,
        "binary" => binary(stage).await,
        "reconnect" => reconnect(stage).await,
        "recover" => recover(stage).await,
        "volatile" => volatile(stage).await,
        "retries" => retries(stage).await,
        "namespaces" => namespaces(stage).await,
        "upgrade" => upgrade(stage).await,
        "polling only" => only(stage, Transport::Polling).await,
        "WebSocket only" => only(stage, Transport::WebSocket).await,
        _ => Err(format!("no such scenario: {name}").into()),
    }
}

// --- What goes over the wire -----------------------------------------------------------------------------------------

#[derive(Serialize)]
struct Token {
    token: &'static str,
}

#[derive(Deserialize)]
struct Who {
    id: String,
    namespace: String,
    token: Option<String>,
    transport: String,
}

#[derive(Deserialize)]
struct Denied {
    code: String,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Blob {
    all: Bytes,
    few: Vec<Bytes>,
}

async fn who(socket: &Socket) -> Result<Who, AckError> {
    socket.emit_with_ack("who", &()).await
}

async fn sum(socket: &Socket, a: u32, b: u32) -> Result<u32, AckError> {
    socket.emit_with_ack("add", &(a, b)).await
}

// --- The scenarios ---------------------------------------------------------------------------------------------------

async fn connect(stage: &Stage<'_>) -> Outcome {
    let client = stage.open(|builder| builder.auth(Token { token: "good" }))?;
    let socket = client.socket("/");
    let mut welcome = socket.stream("welcome");
    stage.note(format!("connected {}", socket.is_connected()));
    socket.connected().await?;
    stage.note(format!("connected {}", socket.is_connected()));
    let who = who(&socket).await?;
    stage.note(format!("id {}", socket.id() == Some(who.id)));
    stage.note(format!("token {}", who.token.unwrap_or_default()));
    let name: String = welcome.next().await.ok_or("the client ended")?.parse()?;
    stage.note(format!("welcome {name}"));
    let (log, leaving) = (stage.log.clone(), socket.clone());
    socket.on_disconnect(move |reason| {
        log.note(format!("left {} {}", reason.as_str(), leaving.is_connected()));
    });
    socket.disconnect();
    stage.log.len(6).await;
    Ok(())
}

async fn buffer(stage: &Stage<'_>) -> Outcome {
    let socket = stage.open(|builder| builder.auto_connect(false))?.socket("/");
    for n in 1..=3 {
        socket.emit("kept", &n)?;
    }
    let sum = socket.emit_with_ack::<u32>("add", &(1, 2)).send();
    stage.note(format!("connected {}", socket.is_connected()));
    socket.connect();
    socket.emit("kept", &4)?;
    stage.note(format!("sum {}", sum.await?));
    stage.note(format!("connected {}", socket.is_connected()));
    Ok(())
}

async fn ack(stage: &Stage<'_>) -> Outcome {
    let socket = stage.over(Transport::WebSocket)?.socket("/");
    stage.note(format!("sum {}", sum(&socket, 1, 2).await?));
    let (a, b): (String, u32) = socket.emit_with_ack("pair", &(1, "b")).await?;
    stage.note(format!("pair {a:?} {b}"));
    let kept = [1, 2, 3].map(|n| (n, socket.emit_with_ack::<u32>("keep", &n).send()));
    for (n, answer) in kept.into_iter().rev() {
        let () = socket.emit_with_ack("release", &n).await?;
        stage.note(format!("kept {}", answer.await?));
    }
    let log = stage.log.clone();
    socket.on("question", move |question: Message| {
        log.note(format!("question {}", question.parse::<String>().unwrap_or_default()));
        // Only the first answer counts.
        let answers = [question.ack(&("yes", 1)), question.ack(&("no", 2))];
        if answers[0].is_err() || answers[1].is_ok() {
            log.note(format!("{answers:?}"));
        }
    });
    let (said, n): (String, u32) = socket.emit_with_ack("ask", "ready?").await?;
    stage.note(format!("answered {said} {n}"));
    Ok(())
}

async fn timeout(stage: &Stage<'_>) -> Outcome {
    let client = stage.open(|builder| builder.transports([Transport::WebSocket]).auto_connect(false))?;
    let socket = client.socket("/");
    let told =
        |answer: Result<(), AckError>| answer.map_or_else(|error| error.to_string(), |()| "answered".into());
    let offline = socket.emit_with_ack("offline", &()).timeout(Duration::from_millis(20)).await;
    stage.note(format!("offline: {}", told(offline)));
    socket.connect();
    socket.connected().await?;
    let kept = socket.emit_with_ack("keep", &1).timeout(Duration::from_millis(100)).await;
    stage.note(format!("kept: {}", told(kept)));
    // The answer comes after all, before that of `release`.
    let () = socket.emit_with_ack("release", &1).await?;
    stage.note(format!("sum {}", sum(&socket, 1, 2).await?));
    Ok(())
}

async fn binary(stage: &Stage<'_>) -> Outcome {
    let few = vec![Bytes::new(), Bytes::from_static(b"\x1e\0\xff")];
    let sent = Blob { all: (0..=255).collect(), few };
    for transport in [Transport::WebSocket, Transport::Polling] {
        let socket = stage.over(transport)?.socket("/");
        let mut events = socket.stream("binary");
        let answer: Blob = socket.emit_with_ack("binary", &sent).await?;
        let event: Blob = events.next().await.ok_or("the client ended")?.parse()?;
        stage.note(format!("{transport} event {}, ack {}", event == sent, answer == sent));
        socket.disconnect();
    }
    Ok(())
}

async fn reconnect(stage: &Stage<'_>) -> Outcome {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let client = stage.over(transport)?;
        let socket = client.socket("/");
        socket.connected().await?;
        let id = socket.id();
        // A log of its own: the second transport writes the same lines.
        let log = Log::default();
        let (lost, held) = (log.clone(), socket.clone());
        let listener = socket.on_disconnect(move |reason| {
            // A browser may report the same break either way.
            lost.note(format!("lost {}", ["transport close", "transport error"].contains(&reason.as_str())));
            for n in 1..=3 {
                if let Err(error) = held.emit("kept", &n) {
                    lost.note(error.to_string());
                }
            }
        });
        let events = log.clone();
        client.on_event(move |event| match event {
            ClientEvent::ReconnectAttempt { attempt, .. } => events.note(format!("attempt {attempt}")),
            ClientEvent::Reconnect { attempt } => events.note(format!("reconnect {attempt}")),
            _ => {}
        });
        socket.emit("cut", &())?;
        log.has("reconnect 1").await;
        socket.connected().await?;
        log.lines().into_iter().for_each(|line| stage.note(line));
        stage.note(format!("new id {}", socket.id() != id));
        stage.note(format!("sum {}", sum(&socket, 1, 2).await?));
        socket.off(listener);
        socket.disconnect();
    }
    Ok(())
}

async fn recover(stage: &Stage<'_>) -> Outcome {
    let set = |builder: ClientBuilder| builder.transports([Transport::WebSocket]).path("/recovery/");
    let socket = stage.open(set)?.socket("/");
    socket.connected().await?;
    let id = socket.id();
    stage.note(format!("recovered {}", socket.recovered()));
    let log = stage.log.clone();
    socket.on("news", move |news: Message| {
        log.note(format!("news {}", news.parse::<u32>().unwrap_or_default()));
    });
    socket.emit("news", &1)?;
    stage.log.has("news 1").await;
    socket.emit("leave me", &())?;
    stage.log.has("news 3").await;
    socket.connected().await?;
    socket.emit("news", &4)?;
    stage.log.has("news 4").await;
    stage.note(format!("recovered {}, same id {}", socket.recovered(), socket.id() == id));
    Ok(())
}

async fn volatile(stage: &Stage<'_>) -> Outcome {
    let direct =
        stage.open(|builder| builder.transports([Transport::WebSocket]).auto_connect(false))?.socket("/");
    direct.volatile().emit("gone", &1)?;
    direct.emit("kept", &2)?;
    direct.connect();
    stage.note(format!("websocket sum {}", sum(&direct, 1, 2).await?));
    direct.volatile().emit("fleeting", &3)?;
    stage.note(format!("websocket sum {}", sum(&direct, 3, 4).await?));
    direct.disconnect();

    let polling = stage.over(Transport::Polling)?.socket("/");
    stage.note(format!("polling sum {}", sum(&polling, 1, 2).await?));
    polling.emit("kept", &4)?;
    polling.volatile().emit("gone", &5)?;
    stage.note(format!("polling sum {}", sum(&polling, 3, 4).await?));
    Ok(())
}

async fn retries(stage: &Stage<'_>) -> Outcome {
    let set = |retries, timeout| {
        move |builder: ClientBuilder| {
            let builder = builder.transports([Transport::WebSocket]);
            builder.retries(Some(retries)).ack_timeout(Some(Duration::from_millis(timeout)))
        }
    };
    // Long enough that an answer that comes is never late.
    let patient = stage.open(set(2, 1500))?.socket("/");
    for (n, fate) in [(1, "withhold"), (2, "cut"), (3, "answer")] {
        let (order, log) = (patient.emit_with_ack("order", &(n, fate)).send(), stage.log.clone());
        spawn(async move { log.note(ordered(n, order.await)) });
    }
    stage.log.len(3).await;
    patient.disconnect();
    let hasty = stage.open(set(1, 50))?.socket("/");
    let never = hasty.emit_with_ack("order", &(4, "never")).await;
    stage.note(ordered(4, never));
    Ok(())
}

fn ordered(n: u32, answer: Result<(u32, u32), AckError>) -> String {
    match answer {
        Ok((n, times)) => format!("order {n} after {times}"),
        Err(error) => format!("order {n}: {error}"),
    }
}

async fn namespaces(stage: &Stage<'_>) -> Outcome {
    let allowed = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&allowed);
    // Listeners come first: natively the server's answer may be there at once.
    let client = stage.open(|builder| {
        builder.auto_connect(false).transports([Transport::WebSocket]).auth_with(move || {
            let token = if asked.load(Ordering::Relaxed) { "good" } else { "bad" };
            async move { Token { token } }
        })
    })?;
    let enter = |name: &str| {
        let socket = client.socket(name);
        let mut welcome = socket.stream("welcome");
        (socket, async move {
            let message = welcome.next().await.ok_or("the client ended")?;
            Ok::<String, Box<dyn Error + Send + Sync>>(message.parse()?)
        })
    };
    let (main, welcome) = enter("/");
    main.connect();
    stage.note(format!("/ welcome {}", welcome.await?));
    let (admin, welcome) = enter("/admin");
    admin.connect();
    stage.note(format!("/admin welcome {}", welcome.await?));
    let (secret, welcome) = enter("/secret");
    let log = stage.log.clone();
    let refused = secret.clone();
    secret.on_connect_error(move |error| {
        let code = error.data::<Denied>().and_then(Result::ok).map_or_else(String::new, |denied| denied.code);
        let message = match &error {
            ConnectError::Refused { message, .. } => message.clone(),
            other => other.to_string(),
        };
        log.note(format!("/secret refused: {message} {code}, active {}", refused.is_active()));
    });
    secret.connect();
    stage.log.len(3).await;
    allowed.store(true, Ordering::Relaxed);
    secret.connect();
    stage.note(format!("/secret welcome {}", welcome.await?));
    admin.disconnect();
    stage.note(format!("/admin left, / stays {}", main.is_connected()));
    stage.note(format!("/ who {}", who(&main).await?.namespace));
    stage.note(format!("/secret who {}", who(&secret).await?.namespace));
    Ok(())
}

async fn upgrade(stage: &Stage<'_>) -> Outcome {
    let client = stage.open(|builder| builder.transports([Transport::Polling, Transport::WebSocket]))?;
    let log = stage.log.clone();
    client.on_event(move |event| match event {
        ClientEvent::Open { transport } => log.note(format!("open {transport}")),
        ClientEvent::Upgrade(transport) => log.note(format!("upgrade {transport}")),
        _ => {}
    });
    let socket = client.socket("/");
    let mut stream = socket.stream("echo");
    for n in 0..50 {
        socket.emit("echo", &n)?;
    }
    let mut echoes = Vec::new();
    for _ in 0..50 {
        echoes.push(stream.next().await.ok_or("the client ended")?.parse::<u32>()?);
    }
    stage.log.has("upgrade websocket").await;
    stage.note(format!("echoes {}, in order {}", echoes.len(), echoes.into_iter().eq(0..50)));
    stage.note(format!("transport {}", who(&socket).await?.transport));
    Ok(())
}

async fn only(stage: &Stage<'_>, transport: Transport) -> Outcome {
    let socket = stage.over(transport)?.socket("/");
    stage.note(format!("transport {}", who(&socket).await?.transport));
    let mut echo = socket.stream("echo");
    socket.emit("echo", "é漢😀")?;
    let text: String = echo.next().await.ok_or("the client ended")?.parse()?;
    stage.note(format!("echo {text}"));
    let sent = Bytes::from_static(b"\0\x1e\xff");
    let back: Bytes = socket.emit_with_ack("binary", &sent).await?;
    stage.note(format!("bytes {}", back == sent));
    Ok(())
}
