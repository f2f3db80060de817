//! What comes in polling bodies once there is a session, and on the WebSocket to which it would move.

use std::io;

use socketio_client_native::DisconnectReason::{ParseError, TransportClose, TransportError as Broken};
use socketio_client_native::{DecodeError, TransportError};

use crate::bomb;
use crate::rows::{Bound, POLLING, Row, Told, decode, limit, row, too_large, upgrade};
use crate::server::{Attack, Peer, header};
use crate::subject::{App, LIMITS};

const SEPARATOR: &str = "\u{1e}";

/// A body of this, so many times.
fn many(peer: &mut Peer, packet: &str, times: usize) -> io::Result<()> {
    let length = (packet.len() + 1) * times - 1;
    peer.raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes())?;
    peer.repeat(format!("{packet}{SEPARATOR}").as_bytes(), times - 1)?;
    peer.raw(packet.as_bytes())
}

fn bodies(rows: &mut Vec<Row>) {
    use Attack::Polling;
    let mut add = |name, attack, told, bound| rows.push(row(name, POLLING, attack, told, bound));
    add(
        "a body without end",
        Polling(|peer, _| {
            peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            peer.without_end(format!("400\r\n{}\r\n", "6".repeat(0x400)).as_bytes())
        }),
        Told::Closed(Broken, too_large),
        Bound::Message,
    );
    add(
        "a body without end, in pieces of four bytes",
        Polling(|peer, _| {
            peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            peer.without_end(b"4\r\n6666\r\n")
        }),
        Told::Closed(Broken, too_large),
        Bound::Message,
    );
    add(
        "a body of 1 GB, announced",
        Polling(|peer, _| {
            peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
            peer.without_end(b"6")
        }),
        Told::Closed(Broken, too_large),
        Bound::Nothing,
    );
    add(
        "a chunk of 2^63 bytes, announced",
        Polling(|peer, _| {
            peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            peer.raw(b"8000000000000000\r\n")?;
            peer.without_end(b"6")
        }),
        Told::Closed(Broken, too_large),
        Bound::Message,
    );
    add(
        "chunk extensions without end",
        Polling(|peer, _| {
            peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1")?;
            peer.without_end(b";a=b")
        }),
        Told::Closed(Broken, |error| {
            matches!(error, TransportError::Http { .. } | TransportError::Lost { .. })
        }),
        Bound::Message,
    );
    add(
        "trailers without end",
        Polling(|peer, _| {
            peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n6\r\n0\r\n")?;
            peer.without_end(b"X-More: m\r\n")
        }),
        Told::Closed(Broken, |error| {
            matches!(error, TransportError::Http { .. } | TransportError::Lost { .. })
        }),
        Bound::Message,
    );
    add(
        "a compressed bomb, which was not asked for",
        Polling(|peer, _| peer.answer("200 OK", "Content-Encoding: gzip\r\n", &bomb::BODY)),
        Told::Closed(Broken, |error| *error == TransportError::NotText),
        Bound::Message,
    );
    add(
        "a body that is not UTF-8",
        Polling(|peer, _| peer.answer("200 OK", "", b"42[\"\xc3\x28\"]")),
        Told::Closed(Broken, |error| *error == TransportError::NotText),
        Bound::Nothing,
    );
    add(
        "an empty body",
        Polling(|peer, _| peer.body("")),
        Told::Closed(Broken, |error| decode(error, |error| matches!(error, DecodeError::Engine { .. }))),
        Bound::Nothing,
    );
    add(
        "a million packets in a body",
        Polling(|peer, _| many(peer, "6", 1_000_000)),
        Told::Closed(Broken, |error| limit(error, "packets in a polling body", LIMITS.packets)),
        Bound::Packets,
    );
    add(
        "base64 that is none",
        Polling(|peer, _| peer.body(&format!("451-[\"flood\",{{}}]{SEPARATOR}b****"))),
        Told::Closed(Broken, |error| decode(error, |error| *error == DecodeError::Base64)),
        Bound::Nothing,
    );
    add(
        "more attachments than announced",
        Polling(|peer, _| peer.body(&format!("451-[\"flood\",{{}}]{SEPARATOR}bAAAA{SEPARATOR}bAAAA"))),
        Told::Closed(ParseError, |error| decode(error, |error| *error == DecodeError::UnexpectedBinary)),
        Bound::Nothing,
    );
    add(
        "attachments that never come, and empty answers",
        Polling(|peer, number| {
            peer.body(if number == 0 { r#"451-["flood",{"_placeholder":true,"num":0}]"# } else { "6" })
        }),
        Told::Closed(ParseError, |error| decode(error, |error| *error == DecodeError::Incomplete)),
        Bound::Nothing,
    );
    add(
        "the end of the session",
        Polling(|peer, _| peer.body(&format!("1{SEPARATOR}42[\"flood\"]"))),
        Told::Closed(TransportClose, |error| matches!(error, TransportError::Closed { code: None, .. })),
        Bound::Nothing,
    );
}

fn floods(rows: &mut Vec<Row>) {
    use Attack::Polling;
    let mut add = |name, attack, bound| rows.push(row(name, POLLING, attack, Told::Survives, bound));
    add(
        "10,000 pings in a body, ten times",
        Polling(|peer, number| if number < 10 { many(peer, "2", 10_000) } else { peer.idle() }),
        Bound::Packets,
    );
    add(
        "500 bodies that hold nothing",
        Polling(|peer, number| if number < 500 { peer.body("6") } else { peer.idle() }),
        Bound::Nothing,
    );
    add(
        "10,000 packets for namespaces that nobody asked for in a body, ten times",
        Polling(
            |peer, number| {
                if number < 10 { many(peer, r#"42/n,["flood"]"#, 10_000) } else { peer.idle() }
            },
        ),
        Bound::Packets,
    );
    rows.push(
        row(
            "10,000 events in a body, 30 times, while the application does not read",
            POLLING,
            Polling(
                |peer, number| {
                    if number < 30 { many(peer, r#"42["flood"]"#, 10_000) } else { peer.idle() }
                },
            ),
            Told::Survives,
            Bound::Queue,
        )
        .app(App::Stuck),
    );
    rows.push(
        row(
            "60 bodies of 1 MB with one small event each, while the application does not read",
            POLLING,
            Polling(|peer, number| {
                if number >= 60 {
                    return peer.idle();
                }
                let event = format!("{SEPARATOR}42[\"flood\"]");
                let length = (1 << 20) + event.len();
                peer.raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes())?;
                peer.repeat(b"6", 1 << 20)?;
                peer.raw(event.as_bytes())
            }),
            Told::Survives,
            Bound::Queue,
        )
        .app(App::Late),
    );
}

fn upgrades(rows: &mut Vec<Row>) {
    use Attack::Probe;
    let mut add = |name, attack, says, bound| {
        rows.push(upgrade(name, attack, Told::NotUpgraded(says), bound));
    };
    add(
        "10,000 answers to one probe",
        Probe(|peer| peer.flood(10_000, |_| "3probe".into())),
        "no answer to the probe",
        Bound::Nothing,
    );
    add(
        "10,000 noops on the probe",
        Probe(|peer| peer.flood(10_000, |_| "6".into())),
        "no answer to the probe",
        Bound::Nothing,
    );
    add(
        "events on the probe",
        Probe(|peer| peer.flood(10_000, |_| r#"42["flood"]"#.into())),
        "no answer to the probe",
        Bound::Nothing,
    );
    add("binary data on the probe", Probe(|peer| peer.binary(b"data")), "binary data", Bound::Nothing);
    add(
        "a frame of 1 GB, announced, on the probe",
        Probe(|peer| peer.raw(&header(0x81, 1 << 30))),
        "more than 2097152 bytes",
        Bound::Nothing,
    );
    add("an end of the probe", Probe(|peer| peer.frame(0x88, &[])), "closed the connection", Bound::Nothing);
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    bodies(&mut rows);
    floods(&mut rows);
    upgrades(&mut rows);
    rows
}
