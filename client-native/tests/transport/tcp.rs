//! Real sockets.

use socketio_client_native::transport::{Connector, Http, TlsOptions, TransportError, ws};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::within;

/// A driver that runs as a task holds these across its waits.
#[test]
fn everything_can_move_between_threads() {
    fn send<T: Send>(_: &T) {}
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Http>();
    shared::<Connector>();
    let http = Http::new(Connector::new(TlsOptions::default()));
    send(&http.get("", &[], 0));
    send(&http.post("", &[], ""));
    send(&ws::open(&http, "", &[], ws::Limits { incoming: 0, outgoing: 0 }));
}

#[tokio::test]
async fn http_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding");
    let url = format!("http://{}/socket.io/", listener.local_addr().expect("bound"));
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("accepting");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(io.read_u8().await.expect("reading"));
        }
        io.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("writing");
        io
    };
    let http = Http::new(Connector::new(TlsOptions::default()));
    let (body, _io) = within(async { tokio::join!(http.get(&url, &[], 10), serve) }).await;
    assert_eq!(body.expect("GET"), "ok");
}

#[tokio::test]
async fn a_refused_connection_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let http = Http::new(Connector::new(TlsOptions::default()));
    let error = within(http.get(&format!("http://{address}/"), &[], 10)).await.unwrap_err();
    let TransportError::Connect { address: named, cause } = &error else { panic!("{error:?}") };
    assert_eq!(*named, address);
    assert!(cause.contains("refused"), "{cause}");
}
