//! Connecting, events and acks.

use std::time::Duration;

use socketio_client_native::{
    AckError, BuildError, Bytes, Client, ConnectError, EmitError, Message, Socket, State, Transport, Value,
};
use tokio::sync::mpsc;

use crate::support::{SLOW, pair};

fn thread_safe<T: Send + Sync + Clone + 'static>() {}

#[test]
fn handles_are_thread_safe() {
    thread_safe::<Client>();
    thread_safe::<Socket>();
    thread_safe::<Message>();
}

#[test]
fn outside_a_runtime_building_is_a_typed_error() {
    assert_eq!(Client::builder("http://h").build().unwrap_err(), BuildError::NoRuntime);
}

#[tokio::test]
async fn mistakes_in_options_are_typed_errors() {
    assert!(matches!(Client::builder("h:1").build(), Err(BuildError::Url(_))));
    assert!(matches!(Client::builder("http://h").auth("token").build(), Err(BuildError::Auth(_))));
}

#[tokio::test(start_paused = true)]
async fn connects_by_itself() {
    let (builder, mut server) = pair();
    let client = builder.query("a", "b c").build().unwrap();
    assert_eq!(client.state(), State::Disconnected);
    let socket = client.default_socket();
    assert!(socket.is_active() && !socket.is_connected());
    assert_eq!(client.state(), State::Connecting);
    let (tx, mut connects) = mpsc::unbounded_channel();
    socket.on_connect(move || tx.send(()).unwrap());
    let connected = socket.connected();
    let peer = server.connect().await;
    connected.await.unwrap();
    connects.recv().await.unwrap();
    assert_eq!(peer.uri, "/socket.io/?a=b%20c&EIO=4&transport=websocket");
    assert!(socket.is_connected());
    assert_eq!(socket.id().as_deref(), Some("s1"));
    assert_eq!((client.state(), client.transport()), (State::Connected, Some(Transport::WebSocket)));
    assert_eq!(socket.connected().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn authentication_data_is_sent_for_every_namespace() {
    let (builder, mut server) = pair();
    let client =
        builder.auth(Value::Object(vec![("token".into(), Value::String("t".into()))])).build().unwrap();
    let (_root, _chat) = (client.default_socket(), client.socket("chat"));
    let mut peer = server.open(SLOW).await;
    peer.expect(r#"40{"token":"t"}"#).await;
    peer.expect(r#"40/chat,{"token":"t"}"#).await;
}

#[tokio::test(start_paused = true)]
async fn authentication_data_is_asked_for_each_time() {
    let (builder, mut server) = pair();
    let asked = std::sync::atomic::AtomicU32::new(0);
    let client = builder
        .auth_with(move || {
            let n = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                std::collections::BTreeMap::from([("n", n)])
            }
        })
        .build()
        .unwrap();
    let _socket = client.default_socket();
    let mut peer = server.open(SLOW).await;
    peer.expect(r#"40{"n":0}"#).await;
    drop(peer);
    let mut peer = server.open(SLOW).await;
    peer.expect(r#"40{"n":1}"#).await;
}

#[tokio::test(start_paused = true)]
async fn an_auth_function_that_panics_refuses_the_namespace() {
    let (builder, mut server) = pair();
    let client = builder.auth_with(|| async { panic!("no token") as () }).build().unwrap();
    let socket = client.default_socket();
    let _peer = server.open(SLOW).await;
    assert!(matches!(socket.connected().await, Err(ConnectError::Auth { .. })));
    assert!(!socket.is_active());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_whoever_waits() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.socket("/admin");
    let (tx, mut errors) = mpsc::unbounded_channel();
    socket.on_connect_error(move |error| tx.send(error).unwrap());
    let connected = socket.connected();
    let mut peer = server.open(SLOW).await;
    peer.expect("40/admin,").await;
    peer.send(r#"44/admin,{"message":"not you","data":{"code":7}}"#).await;
    let error = connected.await.unwrap_err();
    assert_eq!(error.to_string(), "the server refused the namespace: not you");
    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Data {
        code: u32,
    }
    assert_eq!(error.data::<Data>(), Some(Ok(Data { code: 7 })));
    assert_eq!(errors.recv().await, Some(error.clone()));
    assert_eq!(socket.connected().await, Err(error), "also whoever asks later");
    assert!(!socket.is_active());
}

#[tokio::test(start_paused = true)]
async fn events_both_ways() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (tx, mut received) = mpsc::unbounded_channel();
    let any = tx.clone();
    socket.on_any(move |message| any.send(format!("any {}", message.event())).unwrap());
    let once = tx.clone();
    socket.once("news", move |_| once.send("once".into()).unwrap());
    let listener = socket.on("news", move |message| {
        let (text, bytes): (String, Bytes) = message.parse().unwrap();
        assert_eq!(message.attachments(), [bytes]);
        tx.send(text).unwrap();
    });
    socket.emit("held", &(1, "two")).unwrap();
    let mut peer = server.connect().await;
    peer.expect(r#"42["held",1,"two"]"#).await;
    for n in 0..3 {
        socket.emit("n", &n).unwrap();
    }
    socket.emit("photo", &("cat", Bytes::from_static(b"\xff\xd8"))).unwrap();
    for n in 0..3 {
        peer.expect(&format!(r#"42["n",{n}]"#)).await;
    }
    peer.expect(r#"451-["photo","cat",{"_placeholder":true,"num":0}]"#).await;
    assert_eq!(peer.binary().await, &b"\xff\xd8"[..]);
    for _ in 0..2 {
        peer.send(r#"451-["news","text",{"_placeholder":true,"num":0}]"#).await;
        peer.ws_send_binary(b"\x01").await;
    }
    for expected in ["any news", "once", "text", "any news", "text"] {
        assert_eq!(received.recv().await.unwrap(), expected);
    }
    assert!(socket.off(listener));
    assert!(!socket.off(listener));
    assert!(matches!(socket.emit("connect", &()), Err(EmitError::Encode(_))));
}

#[tokio::test(start_paused = true)]
async fn acks_both_ways() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    socket.on("ask", |message| {
        assert!(message.wants_ack());
        message.ack(&("yes", 1)).unwrap();
        assert_eq!(message.ack(&()), Err(EmitError::AlreadyAcknowledged));
    });
    socket.on("tell", |message| assert_eq!(message.ack(&()), Err(EmitError::NoAckWanted)));
    let mut peer = server.connect().await;
    peer.send(r#"42["tell"]"#).await;
    peer.send(r#"4217["ask"]"#).await;
    peer.expect(r#"4317["yes",1]"#).await;

    let unsent = socket.emit_with_ack::<()>("never", &());
    drop(unsent);
    let first = socket.emit_with_ack::<u32>("sum", &(1, 2)).send();
    let second = socket.emit_with_ack::<(String, u8)>("pair", &()).send();
    let third = socket.emit_with_ack::<u8>("wrong", &()).send();
    peer.expect(r#"420["sum",1,2]"#).await;
    peer.expect(r#"421["pair"]"#).await;
    peer.expect(r#"422["wrong"]"#).await;
    peer.send(r#"431["x",9]"#).await;
    peer.send(r#"430[3]"#).await;
    peer.send(r#"432["text"]"#).await;
    assert_eq!(second.await, Ok(("x".to_owned(), 9)));
    assert_eq!(first.await, Ok(3));
    assert!(matches!(third.await, Err(AckError::Decode(_))));

    let start = tokio::time::Instant::now();
    let late = socket.emit_with_ack::<()>("late", &()).timeout(Duration::from_secs(3)).await;
    assert_eq!(late, Err(AckError::Timeout));
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(matches!(
        socket.emit_with_ack::<()>("disconnect", &()).await,
        Err(AckError::NotSent(EmitError::Encode(_)))
    ));
}
