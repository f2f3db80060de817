//! What a process leaves to the next one: how far the events had come whose listeners have returned.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socketio_client_native::{Client, ClientEvent, Transport};
use tokio::sync::mpsc;

use crate::support::{Peer, Polled, SLOW, Server, pair, within};

/// As a server writes it now. Those with a higher number follow.
fn offset(number: u8) -> String {
    const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    static TIME: LazyLock<String> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        (0..7).rev().map(|at| char::from(DIGITS[(now >> (6 * at)) as usize % 64])).collect()
    });
    format!("{}.{}", *TIME, char::from(DIGITS[usize::from(number)]))
}

/// What a listener is given with an offset.
fn args(number: u8) -> String {
    format!(r#""{}""#, offset(number))
}

/// A file that goes with the test.
struct Stored(std::path::PathBuf);

impl Stored {
    fn new(name: &str) -> Self {
        let stored = Self(std::env::temp_dir().join(format!("sio-{name}-{}", std::process::id())));
        let _ = std::fs::remove_file(&stored.0);
        stored
    }

    fn has(&self, number: u8) -> bool {
        std::fs::read_to_string(&self.0).unwrap().contains(&args(number))
    }

    async fn reaches(&self, number: u8) {
        while !self.has(number) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_does_not_run_ahead_of_what_waits() {
    let stored = Stored::new("held");
    let (builder, mut server) = pair();
    let client = builder.hold_events(["early"]).recovery_store(&stored.0).build().unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    let events = tx.clone();
    socket.on("other", move |message| events.send(message.args_json().to_owned()).unwrap());
    let mut peer = joined(&mut server).await;
    let mut say = async |event: &str, number: u8| {
        // After a pause, so that there is a mark behind each.
        tokio::time::sleep(Duration::from_secs(1)).await;
        peer.send(format!(r#"42["{event}",{}]"#, args(number))).await;
    };
    say("other", 1).await;
    within(stored.reaches(1)).await;
    say("early", 2).await;
    say("other", 3).await;
    say("other", 4).await;
    for number in [1, 3, 4] {
        assert_eq!(within(told.recv()).await.unwrap(), args(number));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(stored.has(1));
    socket.on("early", move |message| tx.send(message.args_json().to_owned()).unwrap());
    assert_eq!(within(told.recv()).await.unwrap(), args(2));
    within(stored.reaches(4)).await;
}

/// The next connection, with a session that can be resumed.
async fn joined(server: &mut Server) -> Peer {
    let mut peer = within(server.open(SLOW)).await;
    peer.expect("40").await;
    peer.send(r#"40{"sid":"S1","pid":"P1"}"#).await;
    peer
}

/// A client that tells of the events `news`, of which the first is marked in the file.
async fn marked(stored: &Stored, reconnection: bool) -> (Client, Peer, mpsc::UnboundedReceiver<String>) {
    let (builder, mut server) = pair();
    let client = builder.recovery_store(&stored.0).reconnection(reconnection).build().unwrap();
    let (tx, mut told) = mpsc::unbounded_channel();
    client.default_socket().on("news", move |message| tx.send(message.args_json().to_owned()).unwrap());
    let mut peer = joined(&mut server).await;
    // Perhaps read together with the answer to CONNECT.
    peer.send(format!(r#"42["news",{}]"#, args(1))).await;
    assert_eq!(within(told.recv()).await.unwrap(), args(1));
    within(stored.reaches(1)).await;
    (client, peer, told)
}

#[tokio::test(start_paused = true)]
async fn who_ends_in_good_order_leaves_nothing_to_hear_again() {
    let stored = Stored::new("ended");
    let (client, mut peer, mut told) = marked(&stored, true).await;
    // Sooner than the next mark.
    peer.send(format!(r#"42["news",{}]"#, args(2))).await;
    assert_eq!(within(told.recv()).await.unwrap(), args(2));
    assert!(stored.has(1));
    drop(client);
    assert!(stored.has(2));
}

#[tokio::test(start_paused = true)]
async fn what_came_last_is_marked_though_nothing_follows() {
    let stored = Stored::new("last");
    let (_client, mut peer, mut told) = marked(&stored, false).await;
    peer.send(format!(r#"42["news",{}]"#, args(2))).await;
    // It does not connect again: the core waits for nothing.
    drop(peer);
    assert_eq!(within(told.recv()).await.unwrap(), args(2));
    // Before the driver looks for other reasons.
    tokio::time::timeout(Duration::from_secs(1), stored.reaches(2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_listener_panicked_comes_again() {
    let stored = Stored::new("panicked");
    let (client, mut peer, mut told) = marked(&stored, true).await;
    client.default_socket().on("news", |_| panic!("not this one"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    peer.send(format!(r#"42["news",{}]"#, args(2))).await;
    assert_eq!(within(told.recv()).await.unwrap(), args(2));
    // The client has ended.
    assert_eq!(within(told.recv()).await, None);
    assert!(stored.has(1));
}

#[tokio::test(start_paused = true)]
async fn an_event_for_which_a_stream_has_no_room_comes_again() {
    let stored = Stored::new("stalled");
    let (client, mut peer, mut told) = marked(&stored, true).await;
    let mut stream = client.default_socket().stream("news");
    for number in 2..=34 {
        peer.send(format!(r#"42["news",{}]"#, args(number))).await;
        // So that there is a mark behind each.
        assert_eq!(within(told.recv()).await.unwrap(), args(number));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(stored.has(33));
    assert!(stream.next().await.is_some());
    within(stored.reaches(34)).await;
}

#[tokio::test(start_paused = true)]
async fn while_an_event_waits_the_next_process_can_go_on_from_before_it() {
    let stored = Stored::new("waits");
    drop(marked(&stored, false).await);
    let (builder, mut server) = pair();
    let builder = builder.recovery_store(&stored.0).recovery_takeover(false);
    let client = builder.hold_events(["early"]).build().unwrap();
    let socket = client.default_socket();
    let mut peer = within(server.open(SLOW)).await;
    peer.expect(&claim()).await;
    assert!(!stored.has(1));
    // Read together with the answer.
    peer.send(format!(r#"42["early",{}]"#, args(2))).await;
    peer.send(r#"40{"sid":"S2","pid":"P1"}"#).await;
    // For whoever comes after a process that is killed, and after one that has ended.
    within(stored.reaches(1)).await;
    drop((client, socket));
    assert!(stored.has(1) && !stored.has(2));
}

/// What a session is asked for with.
fn claim() -> String {
    format!(r#"40{{"pid":"P1","offset":{}}}"#, args(1))
}

/// Runs a test in a runtime whose only thread for what blocks is busy until what the test is given is dropped: nothing is
/// written until then. It is given a client that is to take up a session, which tells when it has opened a connection.
fn taking_up<F: Future<Output = ()>>(
    stored: &Stored,
    transport: Transport,
    test: impl FnOnce(Server, mpsc::UnboundedReceiver<()>, std::sync::mpsc::Sender<()>) -> F,
) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(1).build().unwrap().block_on(async {
        drop(marked(stored, false).await);
        let (write, busy) = std::sync::mpsc::channel();
        drop(tokio::task::spawn_blocking(move || busy.recv()));
        let (builder, server) = pair();
        let builder = builder.recovery_store(&stored.0).recovery_takeover(false);
        let client = builder.transports([transport]).build().unwrap();
        let (tx, opened) = mpsc::unbounded_channel();
        client.on_event(move |event| {
            if matches!(event, ClientEvent::Open { .. }) {
                tx.send(()).unwrap();
            }
        });
        let _socket = client.default_socket();
        test(server, opened, write).await;
    });
}

#[test]
fn a_session_is_nobody_elses_before_the_server_is_asked_for_it() {
    let stored = Stored::new("claimed");
    taking_up(&stored, Transport::WebSocket, async |mut server, mut opened, write| {
        let mut peer = within(server.open(SLOW)).await;
        // What is written in the same round has left by then.
        opened.recv().await.unwrap();
        let mut asked = pin!(peer.text());
        assert!(poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_pending())).await);
        drop(write);
        assert_eq!(within(asked).await, claim());
        assert!(!stored.has(1));
    });
}

#[test]
fn a_session_is_nobody_elses_before_a_request_asks_for_it() {
    const TURNS: usize = 100;
    let stored = Stored::new("claimed-by-request");
    taking_up(&stored, Transport::Polling, async |server, mut opened, write| {
        let mut requests = server.requests();
        let open =
            r#"0{"sid":"e1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let Polled { posted: None, answer } = within(requests.recv()).await.unwrap() else { panic!() };
        answer.send(open.to_owned()).unwrap();
        opened.recv().await.unwrap();
        // More than the request needs to get here.
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let mut polls = Vec::new();
        while let Ok(request) = requests.try_recv() {
            assert_eq!(request.posted, None);
            polls.push(request);
        }
        drop(write);
        let asked = loop {
            let request = within(requests.recv()).await.unwrap();
            match request.posted {
                Some(posted) => break posted,
                None => polls.push(request),
            }
        };
        assert_eq!(asked, claim());
        assert!(!stored.has(1));
    });
}
