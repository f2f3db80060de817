//! The native client against socketioxide, and one program that is a client of two servers while it is a server itself.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use socketio_client_native::{AckError, Client, ConnectError, Message, Transport};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use tests::PATIENCE;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// The server tells the client that it is connected an instant before it lets its own handlers send.
async fn ready(socket: &SocketRef) {
    while !socket.connected() {
        tokio::task::yield_now().await;
    }
}

/// What the server does. As a middleware, which runs before the client is told that it is connected: a handler runs in a
/// task of its own, and events that come before it are dropped.
async fn behave(socket: SocketRef) -> Result<(), Infallible> {
    socket.on("echo", async |socket: SocketRef, Data::<String>(text)| {
        ready(&socket).await;
        socket.emit("echo", &text).unwrap();
    });
    socket.on("call", async |socket: SocketRef, Data::<u32>(number), ack: AckSender| {
        ready(&socket).await;
        ack.send(&number).unwrap();
    });
    socket.on("silence", async || ());
    socket.on("bytes", async |socket: SocketRef, Data::<Bytes>(bytes)| {
        socket.emit("bytes", &bytes).unwrap();
    });
    socket.on("ask", async |socket: SocketRef| {
        let answer = socket.emit_with_ack::<_, u32>("question", "how many?").unwrap().await.unwrap();
        socket.emit("answered", &answer).unwrap();
    });
    socket.on("leave", async |socket: SocketRef| socket.disconnect().unwrap());
    Ok(())
}

/// Starts a server on a free port: `echo`, `call` (answers with its argument), `ask` (asks for an ack and reports it),
/// `bytes`, and the namespaces `/` and `/admin`.
async fn server() -> String {
    let (layer, io) = SocketIo::builder().build_layer();
    for namespace in ["/", "/admin"] {
        let handler = async |_: SocketRef| ();
        io.ns(namespace, handler.with(behave));
    }
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().layer(layer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The next message of a stream, or the test fails.
async fn next(messages: &mut socketio_client_native::Messages) -> Message {
    timeout(PATIENCE, messages.next()).await.unwrap().unwrap()
}

async fn everything(transports: &[Transport]) {
    let url = server().await;
    let client = Client::builder(&url).transports(transports.to_vec()).build().unwrap();
    let socket = client.socket("/");
    let (mut echoes, mut bytes) = (socket.stream("echo"), socket.stream("bytes"));
    let mut answers = socket.stream("answered");
    socket.on("question", |message| {
        assert_eq!(message.parse::<String>().unwrap(), "how many?");
        message.ack(&42).unwrap();
    });

    socket.emit("echo", "emitted before the connection is there").unwrap();
    timeout(PATIENCE, socket.connected()).await.unwrap().unwrap();
    let text: String = next(&mut echoes).await.parse().unwrap();
    assert_eq!(text, "emitted before the connection is there");

    let number: u32 = timeout(PATIENCE, socket.emit_with_ack("call", &7)).await.unwrap().unwrap();
    assert_eq!(number, 7);
    let silence = socket.emit_with_ack::<()>("silence", &()).timeout(Duration::from_millis(50)).await;
    assert_eq!(silence, Err(AckError::Timeout));

    let sent = Bytes::from_static(&[0, 0x1e, 0xff]);
    socket.emit("bytes", &sent).unwrap();
    assert_eq!(next(&mut bytes).await.parse::<Bytes>().unwrap(), sent);

    socket.emit("ask", &()).unwrap();
    assert_eq!(next(&mut answers).await.parse::<u32>().unwrap(), 42);

    let admin = client.socket("/admin");
    timeout(PATIENCE, admin.connected()).await.unwrap().unwrap();
    let number: u32 = timeout(PATIENCE, admin.emit_with_ack("call", &8)).await.unwrap().unwrap();
    assert_eq!(number, 8);
    let unknown = client.socket("/unknown");
    let refused = timeout(PATIENCE, unknown.connected()).await.unwrap().unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused}");

    admin.emit("leave", &()).unwrap();
    let number: u32 = timeout(PATIENCE, socket.emit_with_ack("call", &9)).await.unwrap().unwrap();
    assert_eq!(number, 9, "the other namespace is unharmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_websocket() {
    everything(&[Transport::WebSocket]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_polling() {
    everything(&[Transport::Polling]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_polling_and_then_websocket() {
    everything(&[Transport::Polling, Transport::WebSocket]).await;
}

/// Messages travel from one server through this program to the other, and back as acks.
#[tokio::test(flavor = "multi_thread")]
async fn one_program_is_a_client_of_two_servers_and_a_server_itself() {
    let (first, second) = (tests::NodeServer::start(tests::Options::new()), server().await);
    let own = server().await;
    let sockets: Vec<_> = [first.url(), second, own]
        .iter()
        .map(|url| Client::builder(url.as_str()).build().unwrap().socket("/"))
        .collect();
    for (number, socket) in sockets.iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        let back: u32 = timeout(PATIENCE, socket.emit_with_ack("call", &number)).await.unwrap().unwrap();
        assert_eq!(back, number);
    }
}
