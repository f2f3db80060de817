//! TLS, with certificate authorities made on the spot.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use socketio_client_native::transport::ws::{self, Limits};
use socketio_client_native::transport::{Connector, Http, TlsOptions, TransportError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::{Peer, Server, connector, header, within};

/// A server's side of TLS, as `server.test` and `127.0.0.1`, and the file of the authority that vouches for it.
fn authority(test: &str) -> (TlsAcceptor, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    // Two authorities of one name would be taken for one with a forged signature.
    params.distinguished_name.push(DnType::CommonName, test);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = vec!["server.test".to_owned(), "127.0.0.1".to_owned()];
    let certificate =
        CertificateParams::new(names).expect("names").signed_by(&key, &ca).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("a matching key");
    (TlsAcceptor::from(Arc::new(config)), file(test, &ca.pem()))
}

/// A file of this test alone.
fn file(test: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.pem"));
    std::fs::write(&path, text).expect("writing");
    path
}

fn client(ca_file: Option<&Path>) -> (Http, Server) {
    let (connector, server) = connector();
    (Http::new(connector.tls(TlsOptions { ca_file: ca_file.map(Path::to_owned) })), server)
}

/// Answers one request.
async fn serve_http(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    read_head(&mut io).await;
    io.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("writing");
    io.flush().await.expect("flushing");
    // Open until the client is done.
    let _ = io.read_u8().await;
}

async fn read_head(io: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.expect("reading"));
    }
    String::from_utf8(head).expect("a request's head is ASCII")
}

/// What a GET of `url` fails with, while `serve` plays the server.
async fn failure(ca_file: Option<&Path>, url: &str, serve: impl AsyncFnOnce(Peer)) -> TransportError {
    let (http, mut server) = client(ca_file);
    let serve = async { serve(server.accept().await).await };
    within(async { tokio::join!(http.get(url, &[], 100), serve) }).await.0.expect_err("no connection")
}

#[track_caller]
fn tls_error(error: &TransportError, part: &str) {
    assert!(matches!(error, TransportError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains(part), "{part:?} is missing in: {error}");
}

#[tokio::test]
async fn http_over_tls_over_tcp() {
    let (acceptor, ca_file) = authority("http_over_tls_over_tcp");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding");
    let url = format!("https://{}/", listener.local_addr().expect("bound"));
    let serve = tokio::spawn(async move {
        let (io, _) = listener.accept().await.expect("accepting");
        serve_http(acceptor.accept(io).await.expect("handshake")).await;
    });
    let http = Http::new(Connector::new(TlsOptions { ca_file: Some(ca_file) }));
    assert_eq!(within(http.get(&url, &[], 10)).await.expect("GET"), "ok");
    drop(http);
    within(serve).await.expect("the server");
}

#[tokio::test(start_paused = true)]
async fn wss_and_https_open_a_websocket_over_tls() {
    let (acceptor, ca_file) = authority("wss_and_https_open_a_websocket_over_tls");
    for url in ["wss://server.test/", "https://server.test/"] {
        let (http, mut server) = client(Some(&ca_file));
        let serve = async {
            let peer = server.accept().await;
            assert_eq!(peer.uri, "https://server.test/");
            let mut io = acceptor.accept(peer.io).await.expect("handshake");
            let head = read_head(&mut io).await;
            let key = header(&head, "sec-websocket-key").expect("a key");
            let accept = derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            io.write_all(answer.as_bytes()).await.expect("writing");
            io.write_all(b"\x81\x012").await.expect("writing");
            io.flush().await.expect("flushing");
            io
        };
        let limits = Limits { incoming: 100, outgoing: 100 };
        let (socket, _io) = within(async { tokio::join!(ws::open(&http, url, &[], limits), serve) }).await;
        let message =
            within(socket.expect("a good handshake").next()).await.expect("open").expect("a message");
        assert_eq!(message, Message::text("2"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_nobody_named_is_refused() {
    let (acceptor, _) = authority("refused");
    let (_, other) = authority("another_one");
    let accept = async |peer: Peer| assert!(acceptor.accept(peer.io).await.is_err(), "the client went on");
    let error = failure(Some(&other), "https://server.test/", accept).await;
    tls_error(&error, "CA file");
    // With the system's roots alone, of which there may be none.
    let error = failure(None, "https://server.test/", accept).await;
    tls_error(&error, "server.test:443");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_another_host_is_refused() {
    let (acceptor, ca_file) = authority("another_host");
    let accept = async |peer: Peer| assert!(acceptor.accept(peer.io).await.is_err(), "the client went on");
    let error = failure(Some(&ca_file), "https://other.test/", accept).await;
    tls_error(&error, "refused");
    tls_error(&error, "other.test");
}

#[tokio::test(start_paused = true)]
async fn a_ca_file_that_cannot_be_used_is_named() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-file.pem");
    let error = failure(Some(&missing), "https://server.test/", async |_| ()).await;
    tls_error(&error, "no-such-file.pem");
    let empty = file("holds_nothing", "no certificate\n");
    let error = failure(Some(&empty), "https://server.test/", async |_| ()).await;
    tls_error(&error, "holds_nothing.pem");
    let broken = file("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let error = failure(Some(&broken), "https://server.test/", async |_| ()).await;
    tls_error(&error, "broken.pem");
}

#[tokio::test(start_paused = true)]
async fn a_ca_file_is_not_read_for_plain_http() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-file.pem");
    let (http, mut server) = client(Some(&missing));
    let serve = async {
        let mut peer = server.accept().await;
        peer.head().await;
        peer.answer("200 OK", "ok").await;
        peer
    };
    let (body, _peer) = within(async { tokio::join!(http.get("http://server.test/", &[], 10), serve) }).await;
    assert_eq!(body.expect("GET"), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tls_is_named() {
    let (_, ca_file) = authority("a_server_without_tls");
    let answer = async |mut peer: Peer| {
        peer.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer.closed().await;
    };
    tls_error(&failure(Some(&ca_file), "https://server.test:3000/", answer).await, "does not speak TLS");
    let error = failure(Some(&ca_file), "https://server.test:3000/", async |peer| drop(peer)).await;
    tls_error(&error, "closed the connection");
}

#[tokio::test(start_paused = true)]
async fn a_server_with_tls_spoken_to_without_it_is_named() {
    let (acceptor, _) = authority("spoken_to_without");
    let accept = async |peer: Peer| assert!(acceptor.accept(peer.io).await.is_err(), "that was no TLS");
    tls_error(&failure(None, "http://server.test:3000/", accept).await, "https://");
}
