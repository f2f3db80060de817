//! Losing the connection, coming back, and leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socketio_client_native::{
    AckError, ClientEvent, ConnectError, DisconnectReason, EmitError, FlushError, State, Transport,
    TransportError, sleep, spawn,
};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use crate::support::{SLOW, pair, within};

#[tokio::test(start_paused = true)]
async fn a_lost_connection_comes_back_with_what_was_held() {
    let (builder, mut server) = pair();
    let client = builder.randomization_factor(0.0).build().unwrap();
    let (tx, mut events) = mpsc::unbounded_channel();
    client.on_event(move |event| tx.send(event).unwrap());
    let socket = client.default_socket();
    let (tx, mut reasons) = mpsc::unbounded_channel();
    socket.on_disconnect(move |reason| tx.send(reason).unwrap());
    let mut peer = server.connect().await;
    let answer = socket.emit_with_ack::<()>("ask", &()).send();
    peer.expect(r#"420["ask"]"#).await;
    drop(peer);
    assert_eq!(answer.await, Err(AckError::Disconnected));
    assert_eq!(reasons.recv().await, Some(DisconnectReason::TransportClose));
    assert_eq!(client.state(), State::Reconnecting);
    assert!(socket.is_active());
    for n in 0..3 {
        socket.emit("held", &n).unwrap();
    }
    let held = socket.emit_with_ack::<u8>("held ask", &()).timeout(Duration::from_secs(60)).send();
    let mut peer = server.connect().await;
    for n in 0..3 {
        peer.expect(&format!(r#"42["held",{n}]"#)).await;
    }
    peer.expect(r#"421["held ask"]"#).await;
    peer.send("431[5]").await;
    assert_eq!(held.await, Ok(5));
    let delay = Duration::from_secs(1);
    let cause = "the server dropped the connection without closing the WebSocket".to_owned();
    for expected in [
        ClientEvent::Open { transport: Transport::WebSocket },
        ClientEvent::Close {
            reason: DisconnectReason::TransportClose,
            error: Some(TransportError::Lost { cause }),
        },
        ClientEvent::Waiting { attempt: 1, delay },
        ClientEvent::ReconnectAttempt { attempt: 1, delay },
        ClientEvent::Open { transport: Transport::WebSocket },
        ClientEvent::Reconnect { attempt: 1 },
    ] {
        assert_eq!(events.recv().await, Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_is_sent_again_and_told() {
    let (builder, mut server) = pair();
    let client = builder.retries(Some(1)).ack_timeout(Some(Duration::from_secs(5))).build().unwrap();
    let (tx, mut events) = mpsc::unbounded_channel();
    client.on_event(move |event| tx.send(event).unwrap());
    let socket = client.default_socket();
    let lost = socket.emit("lost", &()).unwrap();
    let answer = socket.emit_with_ack::<u8>("ask", &()).send();
    let mut peer = server.connect().await;
    peer.expect(r#"420["lost"]"#).await;
    let before = tokio::time::Instant::now();
    peer.expect(r#"421["lost"]"#).await;
    assert_eq!(before.elapsed().as_secs(), 5);
    peer.expect(r#"422["ask"]"#).await;
    assert_eq!(before.elapsed().as_secs(), 10);
    peer.send("432[7]").await;
    assert_eq!(answer.await, Ok(7));
    // Nobody waits for this one's answer, so that it is told to the client.
    let told = ClientEvent::NotAcknowledged { emit: lost, error: AckError::Timeout };
    while within(events.recv()).await.unwrap() != told {}
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_delivered_after_the_connection() {
    let (builder, mut server) = pair();
    // This server does not speak of connections that are gone.
    let client = builder.recovery_takeover(false).build().unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    let (connects, connected) = (tx.clone(), socket.clone());
    socket.on_connect(move || connects.send(format!("connect {}", connected.recovered())).unwrap());
    socket.on_any(move |message| tx.send(message.args_json().to_owned()).unwrap());
    let mut peer = server.open(SLOW).await;
    peer.expect("40").await;
    peer.send(r#"40{"sid":"s1","pid":"p1"}"#).await;
    // As a Node server makes them today.
    let millis = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    peer.send(format!(r#"42["x",1,"{millis}-0"]"#)).await;
    assert_eq!(within(told.recv()).await.unwrap(), "connect false");
    within(told.recv()).await.unwrap();
    drop(peer);
    let mut peer = server.open(SLOW).await;
    peer.expect(&format!(r#"40{{"pid":"p1","offset":"{millis}-0"}}"#)).await;
    peer.send(r#"42["x",2]"#).await;
    peer.send(r#"40{"sid":"s1","pid":"p1"}"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "connect true");
    assert_eq!(within(told.recv()).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_missing_heartbeat_is_noticed() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (tx, mut reasons) = mpsc::unbounded_channel();
    socket.on_disconnect(move |reason| tx.send(reason).unwrap());
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    sleep(Duration::from_secs(25)).await;
    peer.send("2").await;
    peer.expect("3").await;
    let start = tokio::time::Instant::now();
    assert_eq!(reasons.recv().await, Some(DisconnectReason::PingTimeout));
    assert_eq!(start.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn url_query_and_headers_are_asked_for_at_each_attempt() {
    let (builder, mut server) = pair();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let client = builder
        .query("fixed", "yes")
        .url_with(move || format!("http://host{}.test/ignored?of=url", count.fetch_add(1, Ordering::Relaxed)))
        .query_with(|| vec![("token".into(), "q".into())])
        .headers_with(|| vec![("x-token".into(), "h".into())])
        .build()
        .unwrap();
    let _socket = client.default_socket();
    for n in 0..3 {
        let peer = server.open(SLOW).await;
        assert_eq!(peer.uri, "/socket.io/?fixed=yes&token=q&of=url&EIO=4&transport=websocket");
        assert_eq!(peer.headers["host"], format!("host{n}.test"));
        assert_eq!(peer.headers["x-token"], "h");
    }
}

#[tokio::test(start_paused = true)]
async fn several_servers_and_a_function_that_names_one_exclude_each_other() {
    let (builder, _server) = pair();
    let error =
        builder.urls(["http://other.test"]).url_with(|| "http://third.test".into()).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`urls` and `url_with` exclude each other: let the function name the servers in turn"
    );

    // Where only the query is asked for, the one that worked last is tried first.
    let (builder, mut server) = pair();
    let client = builder
        .urls(["http://other.test"])
        .query_with(|| vec![("token".into(), "q".into())])
        .build()
        .unwrap();
    let _socket = client.default_socket();
    // Neither transport is of any use there.
    drop(server.raw().await);
    drop(server.raw().await);
    for _ in 0..2 {
        let peer = server.open(SLOW).await;
        assert_eq!(
            (peer.uri.as_str(), &peer.headers["host"].to_str().unwrap()),
            ("/socket.io/?token=q&EIO=4&transport=websocket", &"other.test")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_attempts_fail_whoever_waits_is_told() {
    let (builder, server) = pair();
    drop(server);
    let client = builder.reconnection_attempts(Some(2)).build().unwrap();
    let socket = client.default_socket();
    let (tx, mut errors) = mpsc::unbounded_channel();
    socket.on_connect_error(move |error| tx.send(error).unwrap());
    assert_eq!(within(socket.connected()).await, Err(ConnectError::ReconnectFailed));
    for _ in 0..3 {
        let error = errors.recv().await.unwrap();
        let ConnectError::Transport { transport: Transport::Polling, error } = error else {
            panic!("{error}")
        };
        assert!(
            matches!(error, TransportError::Connect { ref address, .. } if address == "server.test:80"),
            "{error}"
        );
    }
    assert_eq!(client.state(), State::Disconnected);
    socket.emit("still", "held").unwrap();
    assert_eq!(socket.connected().await, Err(ConnectError::ReconnectFailed));
    client.reconnect_now();
    assert_eq!(client.state(), State::Connecting);
}

#[tokio::test(start_paused = true)]
async fn without_reconnection_the_first_failure_is_told() {
    let (builder, server) = pair();
    drop(server);
    let client = builder.reconnection(false).transports([Transport::WebSocket]).build().unwrap();
    let socket = client.default_socket();
    let error = within(socket.connected()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Transport { transport: Transport::WebSocket, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_flush_proves_arrival_or_says_that_it_cannot() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    assert_eq!(socket.flushed().await, Ok(()), "nothing was emitted");
    socket.emit("a", &()).unwrap();
    let flushed = socket.flushed();
    let mut peer = server.connect().await;
    spawn(async move { while peer.message().await.is_some() {} });
    assert_eq!(within(flushed).await, Ok(()));

    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let peer = server.connect().await;
    socket.emit("a", &()).unwrap();
    let flushed = socket.flushed();
    tokio::task::yield_now().await;
    sleep(Duration::from_millis(10)).await;
    drop(peer);
    assert_eq!(within(flushed).await, Err(FlushError::Uncertain));
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_closes_after_what_was_emitted() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let owned = Arc::new(());
    let sentinel = Arc::clone(&owned);
    socket.on("news", move |_| drop(Arc::clone(&sentinel)));
    let mut news = socket.stream("news");
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    let clone = socket.clone();
    drop((client, socket));
    sleep(Duration::from_secs(1)).await;
    assert!(clone.is_connected());
    for n in 0..1000 {
        clone.emit("last", &n).unwrap();
    }
    drop(clone);
    for n in 0..1000 {
        peer.expect(&format!(r#"42["last",{n}]"#)).await;
    }
    peer.expect("41").await;
    assert!(matches!(peer.message().await, Some(WsMessage::Close(_))));
    drop(peer);
    assert!(within(news.next()).await.is_none(), "the stream ends");
    assert_eq!(Arc::strong_count(&owned), 1, "what the listener owned is freed");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handles_gives_up_an_attempt() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let mut news = client.default_socket().stream("news");
    let mut stream = server.raw().await;
    drop(client);
    assert!(within(news.next()).await.is_none());
    // The request, then the end.
    let mut received = Vec::new();
    within(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut received)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_does_not_keep_a_closed_client() {
    let (connector, mut server) = crate::support::connector(4096);
    let client =
        socketio_client_native::Client::builder("http://server.test").connector(connector).build().unwrap();
    let socket = client.default_socket();
    let mut news = socket.stream("news");
    let _peer = server.connect().await;
    socket.connected().await.unwrap();
    socket.emit("large", &"x".repeat(500_000)).unwrap();
    let start = tokio::time::Instant::now();
    drop((client, socket));
    assert!(within(news.next()).await.is_none());
    assert!(start.elapsed() <= Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn closing_and_connecting_again() {
    let (builder, mut server) = pair();
    let client = builder.auto_connect(false).build().unwrap();
    let socket = client.default_socket();
    assert_eq!(socket.connected().await, Err(ConnectError::Disconnected), "nobody asked");
    socket.emit("early", &()).unwrap();
    socket.connect();
    let mut peer = server.connect().await;
    peer.expect(r#"42["early"]"#).await;
    client.close();
    assert_eq!(socket.connected().await, Err(ConnectError::Disconnected));
    peer.expect("41").await;
    peer.closed().await;
    assert_eq!(client.state(), State::Disconnected);
    let waiting = {
        socket.connect();
        socket.connected()
    };
    socket.disconnect();
    assert_eq!(waiting.await, Err(ConnectError::Disconnected));
    socket.connect();
    let _peer = server.connect().await;
    within(socket.connected()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn offline_is_told() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    client.set_offline(true);
    assert_eq!(client.state(), State::Reconnecting);
    peer.closed().await;
    drop(peer);
    sleep(Duration::from_secs(60)).await;
    client.set_offline(false);
    let start = tokio::time::Instant::now();
    let _peer = server.connect().await;
    within(socket.connected()).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(100), "at once");
}

#[test]
fn when_the_runtime_ends_so_does_the_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (builder, mut server) = pair();
    let (client, socket, answer) = runtime.block_on(async {
        let client = builder.build().unwrap();
        let socket = client.default_socket();
        let _peer = server.connect().await;
        socket.connected().await.unwrap();
        let answer = socket.emit_with_ack::<()>("ask", &()).send();
        (client, socket, answer)
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(answer.await, Err(AckError::Closed));
        assert_eq!(socket.connected().await, Err(ConnectError::Closed));
        assert_eq!(socket.flushed().await, Err(FlushError::Closed));
        assert_eq!(socket.emit("a", &()), Err(EmitError::Closed));
    });
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn closed_waits_for_the_goodbye() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    within(client.closed()).await;
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    within(socket.connected()).await.unwrap();
    let closed = client.closed();
    socket.emit("last", &()).unwrap();
    client.close();
    peer.expect(r#"42["last"]"#).await;
    peer.expect("41").await;
    peer.closed().await;
    within(closed).await;
    assert_eq!(client.state(), State::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_awaits_take_no_room() {
    let (builder, mut server) = pair();
    let client = builder.buffer_size(1).build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    within(socket.connected()).await.unwrap();
    for n in 0..5 {
        drop(socket.emit_with_ack::<()>("ask", &n).send());
        peer.expect(&format!(r#"42{n}["ask",{n}]"#)).await;
    }
    let answer = socket.emit_with_ack::<u8>("ask", &5).send();
    peer.expect(r#"425["ask",5]"#).await;
    peer.send("430[0]").await;
    peer.send("435[5]").await;
    assert_eq!(within(answer).await, Ok(5));
}
