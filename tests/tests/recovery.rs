//! What a cut connection does not lose: the server's events with connection state recovery, ours with retries.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use socketio_client_native::{Client, ClientBuilder, Message, Messages, Socket, Transport};

use tests::{NodeServer, Options, PATIENCE, Scratch, Sio};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

async fn next(messages: &mut Messages) -> Message {
    soon(messages.next()).await.unwrap()
}

/// The number in the next event, whatever stands behind it.
async fn number(messages: &mut Messages) -> u32 {
    next(messages).await.parse::<(u32,)>().unwrap().0
}

/// A client that comes back at once, and each time its namespace is connected.
fn client(server: &NodeServer, options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (Client, Socket) {
    let builder = Client::builder(server.url()).reconnection_delay(Duration::from_millis(10));
    let client = options(builder).build().unwrap();
    let socket = client.socket("/");
    (client, socket)
}

fn connections(socket: &Socket) -> UnboundedReceiver<bool> {
    let (tell, told) = unbounded_channel();
    let connected = socket.clone();
    socket.on_connect(move || {
        // Nobody may listen any more.
        let _ = tell.send(connected.recovered());
    });
    told
}

async fn missed_events_arrive_once(transports: &[Transport]) {
    let mut server = NodeServer::start(Options::new().recovery());
    let (_client, socket) = client(&server, |builder| builder.transports(transports.to_vec()));
    let mut connected = connections(&socket);
    let mut ticks = socket.stream("tick");
    assert!(!soon(connected.recv()).await.unwrap());
    let id = socket.id();
    server.emit("/", "tick", &[0.into()]);
    assert_eq!(number(&mut ticks).await, 0);
    for cut in 1..=20 {
        // Polling has no connection to cut: the server ends the session.
        let how = if socket_transport(&socket).await == "websocket" { "cut" } else { "close-engine" };
        socket.emit(how, &()).unwrap();
        server.wait_until("disconnects", cut.into());
        for missed in 0..3 {
            server.emit("/", "tick", &[(cut * 10 + missed).into()]);
        }
        assert!(soon(connected.recv()).await.unwrap(), "recovered");
        for missed in 0..3 {
            assert_eq!(number(&mut ticks).await, cut * 10 + missed, "after cut {cut}");
        }
    }
    assert_eq!(socket.id(), id);
    server.emit("/", "tick", &[999.into()]);
    assert_eq!(number(&mut ticks).await, 999, "nothing came twice");
}

async fn socket_transport(socket: &Socket) -> String {
    soon(socket.emit_with_ack::<String>("transport", &()).into_future()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_events_arrive_once_over_websocket() {
    missed_events_arrive_once(&[Transport::WebSocket]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_events_arrive_once_over_polling() {
    missed_events_arrive_once(&[Transport::Polling]).await;
}

/// Neither of these events carries an offset, but a text in its place.
#[tokio::test(flavor = "multi_thread")]
async fn an_applications_text_is_no_offset() {
    let mut server = NodeServer::start(Options::new().recovery());
    let (_client, socket) = client(&server, |builder| builder);
    let mut connected = connections(&socket);
    let (mut ticks, mut hints) = (socket.stream("tick"), socket.stream("hint"));
    let mut questions = socket.stream("question");
    soon(connected.recv()).await.unwrap();
    for (cut, text) in (1..).zip(["deleted", "success", "", "Zz-_09a", "1795252804095", "hello world"]) {
        server.emit("/", "tick", &[cut.into()]);
        let last: (u32, String) = next(&mut ticks).await.parse().unwrap();
        // A volatile event; then one that asks for an ack, whose text is the last true offset but one letter.
        socket.emit("hint", text).unwrap();
        assert_eq!(next(&mut hints).await.parse::<String>().unwrap(), text);
        socket.emit("ask", &format!("{}x", &last.1[..6])).unwrap();
        next(&mut questions).await;
        socket.emit("cut", &()).unwrap();
        server.wait_until("disconnects", cut.into());
        server.emit("/", "tick", &[(100 + cut).into()]);
        assert!(soon(connected.recv()).await.unwrap(), "recovered after {text:?}");
        assert_eq!(number(&mut ticks).await, 100 + cut);
    }
}

/// A namespace that was left, a server that resumes nothing, and a client that wants none of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_resumed_says_so() {
    let mut server = NodeServer::start(Options::new().recovery());
    let (_client, socket) = client(&server, |builder| builder);
    let mut connected = connections(&socket);
    let mut ticks = socket.stream("tick");
    assert!(!soon(connected.recv()).await.unwrap());
    server.emit("/", "tick", &[1.into()]);
    assert_eq!(number(&mut ticks).await, 1);
    let id = socket.id();
    socket.disconnect();
    server.wait_until("disconnects", 1);
    server.emit("/", "tick", &[2.into()]);
    // An answer to this means that the emit was carried out.
    server.stats();
    socket.connect();
    assert!(!soon(connected.recv()).await.unwrap());
    assert_ne!(socket.id(), id);
    server.emit("/", "tick", &[3.into()]);
    assert_eq!(number(&mut ticks).await, 3);

    for (options, recovery) in [(Options::new(), true), (Options::new().recovery(), false)] {
        let mut server = NodeServer::start(options);
        // It comes back when it is told to.
        let away = Duration::from_secs(3600);
        let (client, socket) = client(&server, |builder| builder.recovery(recovery).reconnection_delay(away));
        let mut connected = connections(&socket);
        let (tell, mut lost) = unbounded_channel();
        socket.on_disconnect(move |reason| tell.send(reason).unwrap());
        let mut ticks = socket.stream("tick");
        soon(connected.recv()).await.unwrap();
        server.emit("/", "tick", &[1.into()]);
        next(&mut ticks).await;
        socket.emit("cut", &()).unwrap();
        server.wait_until("disconnects", 1);
        soon(lost.recv()).await.unwrap();
        server.emit("/", "tick", &[2.into()]);
        server.stats();
        client.reconnect_now();
        assert!(!soon(connected.recv()).await.unwrap());
        server.emit("/", "tick", &[3.into()]);
        assert_eq!(number(&mut ticks).await, 3);
    }
}

/// Every event is handled at least once, for the first time in order, whatever the network does.
#[tokio::test(flavor = "multi_thread")]
async fn retries_lose_nothing() {
    let mut server = NodeServer::start(Options::new().record());
    let (_client, socket) = client(&server, |builder| builder.retries(Some(u32::MAX)));
    let mut connected = connections(&socket);
    soon(connected.recv()).await.unwrap();
    for round in 0..10 {
        soon(socket.emit_with_ack::<u32>("record", &(round * 10)).into_future()).await.unwrap();
        // Nothing is under way, so this leaves; what follows arrives nowhere.
        socket.volatile().emit("cut", &()).unwrap();
        let acks = (1..10).map(|n| socket.emit_with_ack::<u32>("record", &(round * 10 + n)).send());
        for ack in soon(join_all(acks)).await {
            ack.unwrap();
        }
        soon(connected.recv()).await.unwrap();
    }
    let recorded = server.recorded();
    let mut first_runs: Vec<u64> = Vec::new();
    for number in recorded.iter().map(|value| value.as_u64().unwrap()) {
        if !first_runs.contains(&number) {
            first_runs.push(number);
        }
    }
    assert_eq!(first_runs, (0..100).collect::<Vec<_>>());
    assert_eq!(server.stats()["disconnects"].as_array().map(Vec::len), Some(10));
}

/// Runs `sio connect` with a recovery store until it is connected; what it was told then.
fn with_store(server: &mut NodeServer, file: &str) -> (Sio, Vec<Value>) {
    let mut sio = Sio::run(["connect", &server.url(), "--recovery-store", file, "--transports", "websocket"]);
    sio.wait_for("connect", |line| line["type"] == "connect");
    // Whatever there is to tell of the connection comes before any event.
    server.emit("/", "told", &[]);
    sio.wait_for("told", |line| line["event"] == "told");
    let lines = sio.lines();
    (sio, lines)
}

fn ticks(sio: &Sio) -> Vec<(u64, bool)> {
    let tick = |line: &Value| line["event"] == "tick";
    let numbers = |line: &Value| Some((line["args"][0].as_u64()?, line["replayed"] == true));
    sio.lines().iter().filter(|line| tick(line)).filter_map(numbers).collect()
}

/// A process is killed again and again; the next one takes up its session, with what was missed, once. A copy of its file,
/// and a second process with the file, take up nothing, and are told so.
#[test]
fn the_next_process_takes_up_the_session() {
    let mut server = NodeServer::start(Options::new().recovery());
    let scratch = Scratch::new();
    let file = scratch.file("session").to_string_lossy().into_owned();
    let (mut sio, first) = with_store(&mut server, &file);
    assert!(first.iter().all(|line| line["type"] != "gap"), "{first:?}");
    let id = first.iter().find(|line| line["type"] == "connect").unwrap()["id"].clone();
    server.emit("/", "tick", &[0.into()]);
    sio.wait_for("tick 0", |line| line["args"][0] == 0);
    for round in 1..=5_u64 {
        // It is stored how far the events came.
        wait_for_file(&file, |text| text.contains("websocket") && !text.contains("null"));
        let stored = std::fs::read_to_string(&file).unwrap();
        if round == 3 {
            let (second, lines) = with_store(&mut server, &file);
            assert!(
                lines.iter().any(|line| line["type"] == "gap" && line["reason"] == "storage"),
                "{lines:?}"
            );
            second.finish();
            let copy = scratch.file("copy").to_string_lossy().into_owned();
            std::fs::write(&copy, stored).unwrap();
            let (copied, lines) = with_store(&mut server, &copy);
            assert!(
                lines.iter().any(|line| line["type"] == "gap" && line["reason"] == "storage"),
                "{lines:?}"
            );
            copied.finish();
        }
        let mut old = sio.into_inner();
        old.kill();
        drop(old);
        server.emit("/", "tick", &[(round * 10).into()]);
        server.emit("/", "tick", &[(round * 10 + 1).into()]);
        let (next, lines) = with_store(&mut server, &file);
        sio = next;
        let connect = lines.iter().find(|line| line["type"] == "connect").unwrap();
        assert_eq!((&connect["recovered"], &connect["id"]), (&true.into(), &id), "round {round}: {lines:?}");
        server.emit("/", "tick", &[(round * 10 + 2).into()]);
        sio.wait_for("a live tick", |line| line["args"][0] == round * 10 + 2);
        let news: Vec<_> = ticks(&sio).into_iter().filter(|(number, _)| *number >= round * 10).collect();
        let expected = [(round * 10, true), (round * 10 + 1, true), (round * 10 + 2, false)];
        assert_eq!(news, expected, "round {round}");
    }
    // Whoever leaves keeps nothing.
    sio.send(&json!({"disconnect": true}));
    sio.finish();
    let (sio, lines) = with_store(&mut server, &file);
    assert!(lines.iter().all(|line| line["type"] != "gap" && line["recovered"] != true), "{lines:?}");
    // The end of input is no leave: the next one goes on.
    sio.finish();
    let (sio, lines) = with_store(&mut server, &file);
    assert!(lines.iter().all(|line| line["reason"] != "storage"), "{lines:?}");
    sio.finish();
}

/// Looks again whenever other threads have had their turn, with a generous limit.
fn wait_for_file(path: &str, wanted: impl Fn(&str) -> bool) {
    let begin = std::time::Instant::now();
    while !std::fs::read_to_string(path).is_ok_and(|text| wanted(&text)) {
        assert!(begin.elapsed() < PATIENCE, "{path}: {:?}", std::fs::read_to_string(path));
        std::thread::yield_now();
    }
}
