//! Answers to the first request, and handshakes.

use std::io;

use socketio_client_native::{DecodeError, TransportError};

use crate::bomb;
use crate::rows::{Bound, POLLING, Row, Told, WEBSOCKET, decode, row, too_large, violation};
use crate::server::{Attack, HANDSHAKE, Peer, header};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

fn chunked(peer: &mut Peer) -> io::Result<()> {
    peer.raw(OK)?;
    peer.raw(b"Transfer-Encoding: chunked\r\n\r\n")?;
    peer.without_end(format!("400\r\n{}\r\n", "m".repeat(0x400)).as_bytes())
}

fn claim(peer: &mut Peer) -> io::Result<()> {
    peer.raw(OK)?;
    peer.raw(b"Content-Length: 1073741824\r\n\r\n")?;
    peer.without_end(b"m")
}

/// A gzip body: as `Content-Encoding` says, though nobody asked for it.
fn gzip(peer: &mut Peer) -> io::Result<()> {
    peer.answer("200 OK", "Content-Encoding: gzip\r\n", &bomb::BODY)
}

/// A handshake of this length, most of which is `filler`.
fn handshake(peer: &mut Peer, before: &str, filler: &str, after: &str) -> io::Result<()> {
    let times = (peer.limits().message - before.len() - after.len()) / filler.len();
    peer.raw(&header(0x81, (before.len() + times * filler.len() + after.len()) as u64))?;
    peer.raw(before.as_bytes())?;
    peer.repeat(filler.as_bytes(), times)?;
    peer.raw(after.as_bytes())
}

fn long_head(error: &TransportError) -> bool {
    matches!(error, TransportError::Http { cause } if cause.ends_with("is longer than 16 KiB"))
}

pub(crate) fn rows() -> Vec<Row> {
    use Attack::{Handshake, Opening};
    const LAST: &str = r#","pingInterval":25000,"pingTimeout":20000}"#;
    let mut rows = Vec::new();
    for transports in [WEBSOCKET, POLLING] {
        rows.push(row(
            "headers without end",
            transports,
            Opening(|peer| {
                peer.raw(OK)?;
                peer.without_end(format!("X-More: {}\r\n", "m".repeat(1000)).as_bytes())
            }),
            Told::NotOpened(long_head),
            Bound::Message,
        ));
        rows.push(row(
            "a header that does not end",
            transports,
            Opening(|peer| {
                peer.raw(OK)?;
                peer.raw(b"X-More: ")?;
                peer.without_end(b"m")
            }),
            Told::NotOpened(long_head),
            Bound::Message,
        ));
        rows.push(row(
            "`100 Continue` without end",
            transports,
            Opening(|peer| peer.without_end(b"HTTP/1.1 100 Continue\r\n\r\n")),
            Told::TimedOut,
            Bound::Message,
        ));
        rows.push(row(
            "an error with a page without end",
            transports,
            Opening(|peer| {
                peer.raw(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                peer.without_end(b"3\r\nno!\r\n")
            }),
            Told::NotOpened(
                |error| matches!(error, TransportError::Status { status: 500, body, .. } if body.len() == 512),
            ),
            Bound::Message,
        ));
        rows.push(row(
            "a redirect to 12 KB",
            transports,
            Opening(|peer| {
                peer.raw(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: http://")?;
                peer.repeat(b"m", 12 << 10)?;
                peer.raw(b"\r\n\r\n")
            }),
            Told::NotOpened(
                |error| matches!(error, TransportError::Status { status: 301, body, .. } if body.len() < 700),
            ),
            Bound::Message,
        ));
        rows.push(row(
            "a redirect to itself, with a page without end",
            transports,
            Opening(|peer| {
                peer.raw(b"HTTP/1.1 301 Moved\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                peer.without_end(b"3\r\nno!\r\n")
            }),
            Told::NotOpened(|error| matches!(error, TransportError::Status { status: 301, .. })),
            Bound::Message,
        ));
        rows.push(row(
            "90 cookies, and no session",
            transports,
            Opening(|peer| {
                peer.raw(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n")?;
                for number in 0..90 {
                    peer.raw(format!("Set-Cookie: c{number}={}\r\n", "m".repeat(150)).as_bytes())?;
                }
                peer.raw(b"\r\n")
            }),
            Told::NotOpened(|error| matches!(error, TransportError::Status { status: 403, .. })),
            Bound::Message,
        ));
    }
    rows.extend([
        row("a body without end", POLLING, Opening(chunked), Told::NotOpened(too_large), Bound::Message),
        row("a body of 1 GB, announced", POLLING, Opening(claim), Told::NotOpened(too_large), Bound::Nothing),
        row(
            "a compressed bomb, which was not asked for",
            POLLING,
            Opening(gzip),
            Told::NotOpened(|error| *error == TransportError::NotText),
            Bound::Message,
        ),
        row(
            "a compressed bomb as the handshake, which was not asked for",
            WEBSOCKET,
            Handshake(|peer| peer.frame(0xc1, &bomb::MESSAGE)),
            Told::NotOpened(violation),
            Bound::Nothing,
        ),
        row(
            "a handshake of 1 GB, announced",
            WEBSOCKET,
            Handshake(|peer| peer.raw(&header(0x81, 1 << 30))),
            Told::NotOpened(too_large),
            Bound::Nothing,
        ),
        row(
            "a handshake with upgrades by the hundred thousand",
            WEBSOCKET,
            Handshake(|peer| {
                handshake(peer, r#"0{"sid":"s","upgrades":[""#, "\",\"", &format!("\"]{LAST}"))?;
                // It is a handshake after all.
                peer.text("49")
            }),
            Told::Closed(socketio_client_native::DisconnectReason::ParseError, |error| {
                decode(error, |error| matches!(error, DecodeError::Header { .. }))
            }),
            Bound::Message,
        ),
        row(
            "a handshake with a `sid` as long as may be",
            POLLING,
            Opening(|peer| {
                let (before, after) = (r#"0{"sid":""#, format!("\"{LAST}"));
                let message = peer.limits().message;
                let length = message - before.len() - after.len();
                peer.raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {message}\r\n\r\n").as_bytes())?;
                peer.raw(before.as_bytes())?;
                peer.repeat(b"s", length)?;
                peer.raw(after.as_bytes())
            }),
            Told::NotOpened(|error| {
                decode(
                    error,
                    |error| matches!(error, DecodeError::Handshake { cause } if cause.contains("sid")),
                )
            }),
            Bound::Message,
        ),
        row(
            "a handshake a million levels deep",
            WEBSOCKET,
            Handshake(|peer| handshake(peer, r#"0{"a":"#, "[", "")),
            Told::NotOpened(|error| decode(error, |error| matches!(error, DecodeError::Handshake { .. }))),
            Bound::Message,
        ),
        row(
            "heartbeats every 0 ms",
            WEBSOCKET,
            Handshake(|peer| {
                peer.text(&HANDSHAKE.replace("25000", "0").replace("20000", "0"))?;
                peer.flood(10, |_| "2".into())
            }),
            Told::Silent,
            Bound::Nothing,
        ),
    ]);
    rows
}
