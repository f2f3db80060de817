//! What listeners may do, and what happens to the connection meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socketio_client_native::{
    AckError, Client, ClientEvent, ConnectError, EmitError, FlushError, ListenerId, State, Transport, spawn,
};
use tokio::sync::mpsc;

use crate::support::{Peer, pair, within};

#[tokio::test(start_paused = true)]
async fn listeners_may_use_the_client() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (tx, mut done) = mpsc::unbounded_channel();

    let (inner, told) = (socket.clone(), tx.clone());
    socket.on("ask", move |message| {
        inner.emit("emitted", message.event()).unwrap();
        let (answer, told) = (inner.emit_with_ack::<u8>("sum", &()).send(), told.clone());
        spawn(async move { told.send(answer.await.unwrap()).unwrap() });
    });
    let own: Arc<Mutex<Option<ListenerId>>> = Arc::default();
    let (id, inner) = (Arc::clone(&own), socket.clone());
    let listener = socket.on("leave", move |_| {
        let id = id.lock().unwrap().take().expect("called once");
        assert!(inner.off(id));
        inner.off_event("ask");
        let again = tx.clone();
        inner.once("ask", move |_| again.send(99).unwrap());
    });
    *own.lock().unwrap() = Some(listener);
    let inner = socket.clone();
    socket.on("bye", move |_| inner.disconnect());
    let inner = client.clone();
    socket.on("close", move |_| inner.close());

    let mut peer = server.connect().await;
    peer.send(r#"42["ask"]"#).await;
    peer.expect(r#"42["emitted","ask"]"#).await;
    peer.expect(r#"420["sum"]"#).await;
    peer.send("430[7]").await;
    assert_eq!(done.recv().await, Some(7));
    for text in [r#"42["leave"]"#, r#"42["leave"]"#, r#"42["ask"]"#, r#"42["ask"]"#] {
        peer.send(text).await;
    }
    assert_eq!(done.recv().await, Some(99));
    peer.send(r#"42["bye"]"#).await;
    peer.expect("41").await;
    peer.closed().await;
    assert_eq!(client.state(), State::Disconnected);
    socket.connect();
    let mut peer = server.connect().await;
    peer.send(r#"42["close"]"#).await;
    peer.expect("41").await;
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_listener_owns_is_dropped_outside_every_lock() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    // Dropping the stream takes the same lock as `off`.
    let owned = socket.stream("other");
    let listener = socket.on("news", move |_| {
        let _ = &owned;
    });
    let owned = socket.stream("other");
    socket.once("once", move |_| {
        let _ = &owned;
    });
    let owned = socket.stream("other");
    socket.on("all", move |_| {
        let _ = &owned;
    });
    let mut peer = server.connect().await;
    assert!(socket.off(listener));
    socket.off_event("all");
    peer.send(r#"42["once"]"#).await;
    peer.send(r#"421["once"]"#).await;
    let (tx, mut done) = mpsc::unbounded_channel();
    socket.on("done", move |_| tx.send(()).unwrap());
    peer.send(r#"42["done"]"#).await;
    within(done.recv()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn outgoing_events_are_shown() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (tx, mut sent) = mpsc::unbounded_channel();
    let listener = socket.on_any_outgoing(move |event| {
        assert!(event.attachments().is_empty());
        tx.send(format!("{} {}", event.event(), event.args_json())).unwrap();
    });
    socket.emit("a", &(1, 2)).unwrap();
    let mut peer = server.connect().await;
    peer.expect(r#"42["a",1,2]"#).await;
    assert_eq!(sent.recv().await.unwrap(), "a 1,2");
    assert!(socket.off(listener));
    socket.emit("b", &()).unwrap();
    peer.expect(r#"42["b"]"#).await;
    assert!(sent.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn volatile_emits_are_not_held() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    socket.volatile().emit("dropped", &()).unwrap();
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    socket.volatile().emit("sent", &()).unwrap();
    peer.expect(r#"42["sent"]"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_unsubscribes() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let mut news = socket.stream("news");
    let ignored = socket.stream("news");
    let mut peer = server.connect().await;
    peer.send(r#"42["news",0]"#).await;
    assert_eq!(news.next().await.unwrap().parse(), Ok(0));
    drop(ignored);
    for n in 1..1000 {
        peer.send(format!(r#"42["news",{n}]"#)).await;
        assert_eq!(within(news.next()).await.unwrap().parse(), Ok(n));
    }
    // While the dispatcher waits for it.
    for n in 0..100 {
        peer.send(format!(r#"42["news",{n}]"#)).await;
    }
    let mut other = socket.stream("other");
    peer.send(r#"42["other"]"#).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), other.next()).await.is_err());
    drop(news);
    assert!(within(other.next()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_holds_the_server_back() {
    let (connector, mut server) = crate::support::connector(64 * 1024);
    let client = Client::builder("http://server.test").connector(connector).build().unwrap();
    let socket = client.default_socket();
    let mut news = socket.stream("news");
    let mut peer = server.connect().await;
    let text = "x".repeat(1000);
    let total = 10_000;
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    spawn(async move {
        for n in 0..total {
            peer.send(format!(r#"42["news",{n},"{text}"]"#)).await;
            count.store(n + 1, Ordering::Relaxed);
        }
        peer.closed().await;
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    // The queue, the stream, what a turn and a pipe hold.
    let held_back = sent.load(Ordering::Relaxed);
    assert!((4096..4096 + 32 + 64 + 64 + 200).contains(&held_back), "{held_back}");
    for n in 0..total {
        assert_eq!(within(news.next()).await.unwrap().parse(), Ok(n));
    }
}

/// The same by bytes: 16 MiB are reached long before 4,096 messages.
#[tokio::test(start_paused = true)]
async fn large_messages_hold_the_server_back_by_their_bytes() {
    let (connector, mut server) = crate::support::connector(64 * 1024);
    let client = Client::builder("http://server.test").connector(connector).build().unwrap();
    let socket = client.default_socket();
    let mut news = socket.stream("news");
    let mut peer = server.connect().await;
    let text = "x".repeat(256 << 10);
    let total = 300;
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    spawn(async move {
        for n in 0..total {
            peer.send(format!(r#"42["news",{n},"{text}"]"#)).await;
            count.store(n + 1, Ordering::Relaxed);
        }
        peer.closed().await;
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    // 64 of them in the queue, and what the stream, a turn and a batch hold.
    let held_back = sent.load(Ordering::Relaxed);
    assert!((64..64 + 32 + 64 + 64).contains(&held_back), "{held_back}");
    for n in 0..total {
        assert_eq!(within(news.next()).await.unwrap().parse(), Ok(n));
    }
}

/// The same over polling: the next GET waits.
#[tokio::test(start_paused = true)]
async fn a_slow_consumer_holds_the_next_get_back() {
    let (builder, server) = pair();
    let client = builder.transports([Transport::Polling]).build().unwrap();
    let mut news = client.default_socket().stream("news");
    let (batches, size) = (200, 100);
    let answered = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&answered);
    spawn(server.poll(move || {
        let batch = count.load(Ordering::Relaxed);
        (batch < batches).then(|| {
            count.store(batch + 1, Ordering::Relaxed);
            let events: Vec<_> =
                (batch * size..(batch + 1) * size).map(|n| format!(r#"42["news",{n}]"#)).collect();
            events.join("\u{1e}")
        })
    }));
    tokio::time::sleep(Duration::from_secs(5)).await;
    // The queue, and what the stream, a turn and one GET hold.
    let held_back = answered.load(Ordering::Relaxed) * size;
    assert!((4096..4096 + 32 + 64 + 2 * 100).contains(&held_back), "{held_back}");
    for n in 0..batches * size {
        assert_eq!(within(news.next()).await.unwrap().parse(), Ok(n));
    }
}

/// What the server does not read waits in the core, where it is counted, and not in the WebSocket.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_holds_emits_back() {
    let (connector, mut server) = crate::support::connector(64 * 1024);
    let builder = Client::builder("http://server.test").connector(connector);
    let client = builder.buffer_bytes(1 << 20).build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    within(socket.connected()).await.unwrap();
    let text = "x".repeat(10_000);
    let (mut accepted, mut before) = (0_usize, usize::MAX);
    while before != accepted {
        before = accepted;
        while socket.emit("news", &(accepted, &text)).is_ok() {
            accepted += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Beside the buffer's 1 MiB, what a batch, the write buffer and a pipe hold.
    let beside = (accepted * 10_000).saturating_sub(1 << 20);
    assert!(beside < 300_000, "{beside}");
    for n in 0..accepted {
        assert!(within(peer.text()).await.starts_with(&format!(r#"42["news",{n},"#)), "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_client_and_everybody_is_told() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (tx, mut events) = mpsc::unbounded_channel();
    client.on_event(move |event| tx.send(event).unwrap());
    socket.on("boom", |_| panic!("out of luck"));
    let mut news = socket.stream("news");
    let other = client.socket("/other");
    let mut peer = server.connect().await;
    peer.expect("40/other,").await;
    let connected = other.connected();
    let answer = socket.emit_with_ack::<()>("ask", &()).send();
    let flushed = socket.flushed();
    peer.send(r#"42["boom"]"#).await;
    let message = "out of luck".to_owned();
    assert_eq!(within(answer).await, Err(AckError::Panicked { message: message.clone() }));
    assert_eq!(within(connected).await, Err(ConnectError::Panicked { message: message.clone() }));
    // The ping may have been answered before.
    assert!(matches!(within(flushed).await, Ok(()) | Err(FlushError::Panicked { .. })));
    assert_eq!(socket.emit("more", &()), Err(EmitError::Panicked { message: message.clone() }));
    assert_eq!(other.connected().await, Err(ConnectError::Panicked { message: message.clone() }));
    assert!(within(news.next()).await.is_none());
    assert!(matches!(events.recv().await, Some(ClientEvent::Open { .. })));
    assert_eq!(events.recv().await, Some(ClientEvent::Panicked { message }));
    within(peer.closed()).await;
    assert_eq!(client.state(), State::Disconnected);
}

/// Real time, a real socket, and two threads of which the listener really blocks one. The server has a thread of its own:
/// nothing but the client's own care keeps its heartbeat going.
async fn blocked_listener(emits_first: bool) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (pongs, seen) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (stream, _) = tokio::net::TcpListener::from_std(listener).unwrap().accept().await.unwrap();
            let mut peer = Peer::accept(stream, (300, 200)).await;
            peer.expect("40").await;
            peer.send(r#"40{"sid":"s1"}"#).await;
            peer.send(r#"42["block"]"#).await;
            if emits_first {
                peer.expect(r#"42["blocking"]"#).await;
            }
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_millis(300)).await;
                peer.send("2").await;
                tokio::time::timeout(Duration::from_millis(200), peer.expect("3"))
                    .await
                    .expect("a heartbeat");
                pongs.send(()).unwrap();
            }
            peer.expect(r#"42["done"]"#).await;
        });
    });
    let client = Client::builder(url).build().unwrap();
    let socket = client.default_socket();
    let seen = Mutex::new(seen);
    let inner = socket.clone();
    let (tx, mut done) = mpsc::unbounded_channel();
    socket.on("block", move |_| {
        if emits_first {
            inner.emit("blocking", &()).unwrap();
        }
        let pongs = (0..3).map(|_| seen.lock().unwrap().recv());
        let all = pongs.collect::<Result<Vec<()>, _>>();
        inner.emit("done", &()).unwrap();
        tx.send(all.is_ok()).unwrap();
    });
    assert!(done.recv().await.unwrap(), "three pongs while the listener was blocked");
    server.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_listener_does_not_cost_the_connection() {
    blocked_listener(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_listener_emits_leaves_before_it_blocks() {
    blocked_listener(true).await;
}

/// Whoever gives the runtime one thread for what blocks has given enough, and no more are started.
#[test]
fn listeners_need_one_thread_to_spare() {
    const EVENTS: u32 = 2000;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().worker_threads(2).max_blocking_threads(1);
    runtime.build().unwrap().block_on(async {
        let (builder, mut server) = pair();
        let client = builder.build().unwrap();
        let (tx, mut told) = mpsc::unbounded_channel();
        client.default_socket().on("news", move |message| tx.send(message.parse::<u32>().unwrap()).unwrap());
        let mut peer = server.connect().await;
        for n in 0..EVENTS {
            peer.send(format!(r#"42["news",{n}]"#)).await;
            assert_eq!(within(told.recv()).await, Some(n));
        }
    });
}
