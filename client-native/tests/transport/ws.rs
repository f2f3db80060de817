//! WebSocket.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use socketio_client_native::transport::ws::{self, Limits};
use socketio_client_native::transport::{TransportError, WebSocket};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::{Peer, client, header, within};

const URL: &str = "ws://server.test/socket.io/?EIO=4&transport=websocket";
const LIMITS: Limits = Limits { incoming: 1000, outgoing: 100_000 };

/// The right answer to a handshake, up to its last header.
fn accept(head: &str) -> String {
    let key = header(head, "sec-websocket-key").expect("a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    )
}

/// One handshake, which the server answers with what `answer` makes of the request's head.
async fn open(
    headers: &[(&str, &str)],
    answer: impl FnOnce(&str) -> Vec<u8>,
) -> (Result<WebSocket, TransportError>, Peer) {
    let (http, mut server) = client();
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.head().await;
        peer.write(answer(&head)).await;
        peer
    };
    within(async { tokio::join!(ws::open(&http, URL, &headers, LIMITS), serve) }).await
}

/// An open WebSocket whose server sent `frames` right behind its answer.
async fn opened(frames: &[u8]) -> (WebSocket, Peer) {
    let (result, peer) = open(&[], |head| [accept(head).as_bytes(), b"\r\n", frames].concat()).await;
    (result.expect("a good handshake"), peer)
}

/// What a handshake fails with.
async fn refused(headers: &[(&str, &str)], answer: impl FnOnce(&str) -> String) -> TransportError {
    open(headers, |head| answer(head).into_bytes()).await.0.expect_err("a bad handshake")
}

#[track_caller]
fn not_websocket(error: &TransportError, part: &str) {
    assert!(matches!(error, TransportError::NotWebSocket { .. }), "{error:?}");
    assert!(error.to_string().contains(part), "{part:?} is missing in: {error}");
}

#[tokio::test(start_paused = true)]
async fn the_handshake_is_the_one_of_the_standard() {
    let (http, mut server) = client();
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.head().await;
        assert!(head.starts_with("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "host"), Some("server.test"));
        assert_eq!(header(&head, "connection"), Some("Upgrade"));
        assert_eq!(header(&head, "upgrade"), Some("websocket"));
        assert_eq!(header(&head, "sec-websocket-version"), Some("13"));
        assert_eq!(header(&head, "sec-websocket-extensions"), None);
        assert_eq!(header(&head, "sec-websocket-key").map(str::len), Some(24));
        assert_eq!(header(&head, "authorization"), Some("Bearer x"));
        peer.write(accept(&head) + "\r\n").await;
        peer
    };
    let headers = [("Authorization".to_owned(), "Bearer x".to_owned())];
    let (result, _peer) = within(async { tokio::join!(ws::open(&http, URL, &headers, LIMITS), serve) }).await;
    result.expect("a good handshake");
}

#[tokio::test(start_paused = true)]
async fn every_scheme_reaches_the_dialer_as_http() {
    for url in ["ws://server.test/", "http://server.test/", "HTTP://server.test", "WS://server.test/"] {
        let (http, mut server) = client();
        let (error, ()) = within(async {
            tokio::join!(ws::open(&http, url, &[], LIMITS), async {
                let peer = server.accept().await;
                assert_eq!(peer.uri, "http://server.test/", "for {url}");
            })
        })
        .await;
        assert!(matches!(error, Err(TransportError::Http { .. })), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_right_behind_the_handshake_are_not_lost() {
    let (mut socket, mut peer) = opened(b"\x81\x030{}\x81").await;
    let message = within(socket.next()).await.expect("open").expect("a message");
    assert_eq!(message, Message::text("0{}"));
    peer.write(b"\x012").await;
    let message = within(socket.next()).await.expect("open").expect("a message");
    assert_eq!(message, Message::text("2"));
    peer.write(b"\x82\x03\x00\x01\x02").await;
    let message = within(socket.next()).await.expect("open").expect("a message");
    assert_eq!(message, Message::binary(Bytes::from_static(b"\x00\x01\x02")));
}

#[tokio::test(start_paused = true)]
async fn messages_held_by_the_application_do_not_shrink_the_read_buffer() {
    // 8 times the read buffer in small messages, all kept. With a buffer that fell back to a few bytes, each message
    // would need several reads; here no read may leave more than its buffer's worth behind.
    let frame = b"\x81\x3e42[\"event\",\"012345678901234567890123456789012345678901234567\"]";
    assert_eq!(frame.len(), 64);
    let count = 8 * 8 * 1024 / frame.len();
    let (mut socket, mut peer) = opened(b"\x81\x030{}").await;
    peer.write(frame.repeat(count)).await;
    within(socket.next()).await.expect("open").expect("a message");
    let mut kept = Vec::new();
    for _ in 0..count {
        let Message::Text(text) = within(socket.next()).await.expect("open").expect("a message") else {
            panic!()
        };
        kept.push(Bytes::from(text));
    }
    // Neighbours in one buffer are 64 bytes apart.
    let jumps =
        kept.windows(2).filter(|pair| pair[1].as_ptr() as usize != pair[0].as_ptr() as usize + 64).count();
    assert!(jumps < 20, "{jumps} buffers for {count} messages");
}

#[tokio::test(start_paused = true)]
async fn many_small_messages_are_one_write() {
    let (http, mut server) = client();
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.head().await;
        peer.write(accept(&head) + "\r\n").await;
        peer
    };
    let (socket, mut peer) = within(async { tokio::join!(ws::open(&http, URL, &[], LIMITS), serve) }).await;
    let mut socket = socket.expect("a good handshake");
    let before = server.writes.load(Ordering::Relaxed);
    for _ in 0..300 {
        socket
            .feed(Message::text("42[\"event\",\"0123456789012345678901234567890123456789\"]"))
            .await
            .expect("fed");
    }
    assert_eq!(server.writes.load(Ordering::Relaxed), before, "written before the flush");
    socket.flush().await.expect("flushed");
    assert_eq!(server.writes.load(Ordering::Relaxed), before + 1);
    // Two bytes of header and four of mask.
    peer.body(300 * (6 + 53)).await;
}

#[tokio::test(start_paused = true)]
async fn a_plain_http_server_is_named() {
    let error = refused(&[], |_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned()).await;
    not_websocket(&error, "200");
    let answer =
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n{\"code\":0,\"message\":\"Transport unknow\"";
    let error = refused(&[], |_| answer.to_owned()).await;
    let body = "{\"code\":0,\"message\":\"Transport unknow".to_owned();
    assert_eq!(error, TransportError::Status { status: 400, body, retry_after: None });
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_handshake_is_refused() {
    let swap =
        |from: &'static str, to: &'static str| move |head: &str| accept(head).replace(from, to) + "\r\n";
    not_websocket(&refused(&[], swap("Upgrade: websocket", "Upgrade: h2c")).await, "Upgrade");
    not_websocket(&refused(&[], swap("Upgrade: websocket\r\n", "")).await, "Upgrade");
    not_websocket(&refused(&[], swap("Connection: Upgrade", "Connection: keep-alive")).await, "Connection");
    not_websocket(&refused(&[], swap("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x")).await, "Accept");
    not_websocket(&refused(&[], swap("Sec-WebSocket-Accept: ", "X-Accept: ")).await, "Accept");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_offered_is_refused() {
    let add = |line: &'static str| move |head: &str| accept(head) + line + "\r\n\r\n";
    let deflate = "Sec-WebSocket-Extensions: permessage-deflate";
    not_websocket(&refused(&[], add(deflate)).await, "permessage-deflate");
    let chat = "Sec-WebSocket-Protocol: chat";
    not_websocket(&refused(&[], add(chat)).await, "chat");
    not_websocket(&refused(&[("Sec-WebSocket-Protocol", "superchat")], add(chat)).await, "chat");

    let offered = [("Sec-WebSocket-Protocol", "superchat, chat")];
    open(&offered, |head| add(chat)(head).into_bytes()).await.0.expect("an offered sub-protocol");
}

#[tokio::test(start_paused = true)]
async fn list_headers_may_have_any_case_and_company() {
    let answer = |head: &str| {
        let head = accept(head).replace("Upgrade: websocket", "upgrade: WebSocket");
        (head.replace("Connection: Upgrade", "connection: keep-alive,  upgrade") + "\r\n").into_bytes()
    };
    open(&[], answer).await.0.expect("a good handshake");
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_tells_its_code() {
    let (mut socket, _peer) = opened(b"\x88\x05\x03\xe9bye").await;
    let Some(Ok(Message::Close(frame))) = within(socket.next()).await else { panic!("no close frame") };
    assert_eq!(
        ws::closed(frame.as_ref()),
        TransportError::Closed { code: Some(1001), reason: "bye".to_owned() }
    );
    assert_eq!(ws::closed(None), TransportError::Closed { code: None, reason: String::new() });
}

/// What the next read fails with.
async fn read_error(frames: &[u8], close: bool) -> TransportError {
    let (mut socket, mut peer) = opened(frames).await;
    if close {
        peer.io.shutdown().await.expect("closing");
    }
    ws::error(within(socket.next()).await.expect("open").expect_err("no message"))
}

#[tokio::test(start_paused = true)]
async fn failures_while_open_keep_their_kind() {
    assert!(matches!(read_error(b"", true).await, TransportError::Lost { .. }));
    assert!(matches!(read_error(b"\x81\x7e\x03", true).await, TransportError::Lost { .. }));
    // 1001 bytes announced, none sent.
    assert_eq!(read_error(b"\x81\x7e\x03\xe9", false).await, TransportError::TooLarge { limit: 1000 });
    // Two fragments that are too large together.
    let fragments = [b"\x02\x7e\x02\x58".as_slice(), &[0; 600], b"\x80\x7e\x02\x58", &[0; 600]].concat();
    assert_eq!(read_error(&fragments, false).await, TransportError::TooLarge { limit: 1000 });
    assert_eq!(read_error(b"\x81\x02\xff\xfe", false).await, TransportError::NotText);
    // A reserved bit, a masked frame.
    assert!(matches!(read_error(b"\xc1\x01x", false).await, TransportError::Lost { .. }));
    assert!(matches!(read_error(b"\x81\x81\0\0\0\0x", false).await, TransportError::Lost { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_message_above_the_limit_is_not_sent() {
    let (mut socket, _peer) = opened(b"").await;
    socket.send(Message::binary(vec![0; LIMITS.outgoing])).await.expect("within the limit");
    let error = ws::error(socket.send(Message::binary(vec![0; 1 << 20])).await.expect_err("above the limit"));
    assert!(error.to_string().contains("1048576"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handshake_closes_its_connection() {
    let (http, mut server) = client();
    let serve = async {
        let mut peer = server.accept().await;
        peer.head().await;
        peer
    };
    let mut peer = tokio::select! {
        biased;
        result = ws::open(&http, URL, &[], LIMITS) => panic!("answered by nobody: {result:?}"),
        peer = serve => peer,
    };
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_websocket_closes_its_connection() {
    let (socket, mut peer) = opened(b"").await;
    drop(socket);
    peer.closed().await;
}
