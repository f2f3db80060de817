//! GET and POST.

use std::time::Duration;

use socketio_client_native::transport::{Http, TransportError};
use tokio::io::AsyncWriteExt;

use crate::support::{Peer, Server, client, header, within};

const URL: &str = "http://server.test:3000/socket.io/?EIO=4&transport=polling";

/// One GET, and what the server's part of the test answers to it.
async fn get(limit: usize, serve: impl AsyncFnOnce(&mut Peer)) -> Result<String, TransportError> {
    let (http, mut server) = client();
    get_with(&http, &mut server, limit, serve).await
}

async fn get_with(
    http: &Http,
    server: &mut Server,
    limit: usize,
    serve: impl AsyncFnOnce(&mut Peer),
) -> Result<String, TransportError> {
    let serve = async {
        let mut peer = server.accept().await;
        peer.head().await;
        serve(&mut peer).await;
        peer
    };
    let (result, _peer) = within(async { tokio::join!(http.get(URL, &[], limit), serve) }).await;
    result.map(|body| body.to_string())
}

/// What the message must say, so that a reader knows what to do.
#[track_caller]
fn says(error: &TransportError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_share_one_connection_and_carry_the_right_headers() {
    let (http, mut server) = client();
    let headers = [("X-Token".to_owned(), "abc".to_owned()), ("accept".to_owned(), "text/plain".to_owned())];
    let serve = async {
        let mut peer = server.accept().await;
        assert_eq!(peer.uri, "http://server.test:3000/");
        let head = peer.head().await;
        assert!(head.starts_with("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "host"), Some("server.test:3000"));
        assert_eq!(header(&head, "accept"), Some("*/*"));
        assert_eq!(header(&head, "content-type"), None);
        peer.answer("200 OK", "0{\"sid\":\"ä\"}").await;

        let head = peer.head().await;
        assert!(head.starts_with("POST /socket.io/"), "{head}");
        assert_eq!(header(&head, "content-type"), Some("text/plain;charset=UTF-8"));
        assert_eq!(header(&head, "content-length"), Some("2"));
        assert_eq!(header(&head, "x-token"), Some("abc"));
        assert_eq!(header(&head, "accept"), Some("text/plain"), "the application's own value wins");
        assert_eq!(peer.body(2).await, b"40");
        peer.answer("200 OK", "ok").await;
        peer
    };
    let ask = async {
        let body = http.get(URL, &[], 1000).await.expect("GET");
        assert_eq!(body, "0{\"sid\":\"ä\"}");
        http.post(URL, &headers, "40").await.expect("POST");
    };
    let (_peer, ()) = within(async { tokio::join!(serve, ask) }).await;
    assert!(server.is_idle(), "a second connection was opened");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_dropped_before_the_server_would_drop_it() {
    let (http, mut server) = client();
    let serve = async {
        let mut peer = server.accept().await;
        peer.head().await;
        peer.answer("200 OK", "first").await;
        peer.closed().await;
    };
    let (body, ()) = within(async { tokio::join!(http.get(URL, &[], 1000), serve) }).await;
    assert_eq!(body.expect("GET"), "first");
}

#[tokio::test(start_paused = true)]
async fn the_beginning_of_an_error_is_kept() {
    let error =
        get(10, async |peer| peer.answer("400 Bad Request", "é".repeat(600)).await).await.unwrap_err();
    assert_eq!(error, TransportError::Status { status: 400, body: "é".repeat(512), retry_after: None });

    let error = get(10, async |peer| peer.answer("204 No Content", "").await).await.unwrap_err();
    assert_eq!(error, TransportError::Status { status: 204, body: String::new(), retry_after: None });
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_body_breaks_off_is_still_that_error() {
    let error = get(10, async |peer| {
        peer.write("HTTP/1.1 503 Unavailable\r\nContent-Length: 100\r\n\r\nbusy").await;
        peer.io.shutdown().await.expect("closing");
    });
    let body = "busy".to_owned();
    assert_eq!(error.await.unwrap_err(), TransportError::Status { status: 503, body, retry_after: None });
}

#[tokio::test(start_paused = true)]
async fn how_long_a_server_asks_to_be_left_alone_is_kept() {
    let past = Some(Duration::ZERO);
    for (value, wait) in [
        ("120", Some(Duration::from_secs(120))),
        ("Sun, 06 Nov 1994 08:49:37 GMT", past),
        ("soon", None),
        ("\u{e9}", None),
    ] {
        let error = get(10, async |peer| {
            let head =
                format!("HTTP/1.1 503 Unavailable\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
            peer.write(&head).await;
        });
        let error = error.await.unwrap_err();
        assert!(
            matches!(error, TransportError::Status { retry_after, .. } if retry_after == wait),
            "{value}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_named_and_not_followed() {
    let (http, mut server) = client();
    let serve = async |peer: &mut Peer| {
        peer.write("HTTP/1.1 301 Moved\r\nLocation: https://other.test/\r\nContent-Length: 0\r\n\r\n").await;
    };
    let error = get_with(&http, &mut server, 10, serve).await.unwrap_err();
    says(&error, &["301", "https://other.test/", "not followed"]);
    assert!(server.is_idle(), "the redirect was followed");
}

#[tokio::test(start_paused = true)]
async fn bodies_end_at_the_limit() {
    let just_fits = get(10, async |peer| peer.answer("200 OK", "0123456789").await).await;
    assert_eq!(just_fits.as_deref(), Ok("0123456789"));

    // Announced: refused although the body never comes.
    let announced =
        get(10, async |peer| peer.write("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n").await).await;
    assert_eq!(announced, Err(TransportError::TooLarge { limit: 10 }));

    let chunked = get(10, async |peer| {
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        peer.write("6\r\n012345\r\n6\r\n012345\r\n").await;
    });
    assert_eq!(chunked.await, Err(TransportError::TooLarge { limit: 10 }));
}

#[tokio::test(start_paused = true)]
async fn chunks_are_put_together() {
    let body = get(100, async |peer| {
        // A character in two chunks.
        peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\xc3\r\n").await;
        peer.write(b"1\r\n\xa4\r\n0\r\n\r\n").await;
    });
    assert_eq!(body.await.as_deref(), Ok("ab\u{e4}"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_utf8_is_refused() {
    let error = get(100, async |peer| peer.answer("200 OK", b"4\xff\xfe").await).await;
    assert_eq!(error, Err(TransportError::NotText));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_at_once_is_named() {
    let (http, mut server) = client();
    let serve = async { drop(server.accept().await) };
    let (result, ()) = within(async { tokio::join!(http.get(URL, &[], 10), serve) }).await;
    let error = result.unwrap_err();
    assert!(matches!(error, TransportError::Http { .. }), "{error:?}");
    says(&error, &["server.test:3000 closed the connection", "https://"]);

    let error = get(10, async |peer| peer.io.shutdown().await.expect("closing")).await.unwrap_err();
    assert!(matches!(error, TransportError::Http { .. }), "{error:?}");
    says(&error, &["server.test:3000 closed the connection"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_an_error() {
    let error = get(100, async |peer| {
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234").await;
        peer.io.shutdown().await.expect("closing");
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, TransportError::Http { .. }), "{error:?}");
    says(&error, &["before its answer was complete"]);
}

#[tokio::test(start_paused = true)]
async fn another_protocol_is_named() {
    let error = get(100, async |peer| peer.write("SSH-2.0-OpenSSH_9.2\r\n").await).await.unwrap_err();
    assert!(matches!(error, TransportError::Http { .. }), "{error:?}");
    says(&error, &["server.test:3000", "HTTP/1.1", "port"]);
}

#[tokio::test(start_paused = true)]
async fn a_tls_server_spoken_to_without_tls_is_named() {
    // Alert: fatal, decode error.
    let alert = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x32];
    let error = get(100, async |peer| peer.write(alert).await).await.unwrap_err();
    assert!(matches!(error, TransportError::Tls { .. }), "{error:?}");
    says(&error, &["server.test:3000", "https://"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_request_closes_its_connection() {
    let (http, mut server) = client();
    let serve = async {
        let mut peer = server.accept().await;
        peer.head().await;
        peer
    };
    let mut peer = tokio::select! {
        biased;
        result = http.get(URL, &[], 10) => panic!("answered by nobody: {result:?}"),
        peer = serve => peer,
    };
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_dial_keeps_its_kind() {
    let (http, server) = client();
    drop(server);
    let error = http.post(URL, &[], "2").await.unwrap_err();
    let TransportError::Connect { address, cause } = &error else { panic!("{error:?}") };
    assert_eq!(address, "server.test:3000");
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn urls_that_cannot_work_are_refused_before_dialing() {
    let (http, server) = client();
    let urls = [
        "/socket.io/",
        "server.test",
        "ftp://server.test/",
        "http://",
        "http:///path",
        "http://a b/",
        "http://ho[st",
    ];
    for url in urls {
        let error = http.get(url, &[], 10).await.unwrap_err();
        assert!(matches!(&error, TransportError::InvalidUrl { url: named, .. } if named == url), "{error:?}");
    }
    assert!(server.is_idle());
}

#[tokio::test(start_paused = true)]
async fn headers_that_cannot_be_sent_are_refused_before_dialing() {
    let (http, server) = client();
    let cases = [
        ("bad name", "x"),
        ("x-injected", "a\r\nb: c"),
        ("Content-Length", "3"),
        ("Connection", "close"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    for (name, value) in cases {
        let error = http.get(URL, &[(name.to_owned(), value.to_owned())], 10).await.unwrap_err();
        says(&error, &[name]);
    }
    assert!(server.is_idle());
}
