//! What comes over a WebSocket once there is a session.

use std::io;

use socketio_client_native::DisconnectReason::{ParseError, TransportClose, TransportError as Broken};
use socketio_client_native::{DecodeError, TransportError};

use crate::bomb;
use crate::rows::{Bound, Row, Told, WEBSOCKET, decode, limit, row, too_large, violation};
use crate::server::{Attack, HANDSHAKE, Peer, header};
use crate::subject::{App, LIMITS};

const ONE: &str = r#"451-["flood",{"_placeholder":true,"num":0}]"#;

fn illegal(error: &TransportError) -> bool {
    decode(error, |error| matches!(error, DecodeError::Payload { cause } if cause == "illegal attachments"))
}

fn malformed(error: &TransportError) -> bool {
    decode(error, |error| matches!(error, DecodeError::Header { .. }))
}

/// One text of this length between a beginning and an end.
fn text(peer: &mut Peer, before: &str, filler: &str, times: usize, after: &str) -> io::Result<()> {
    peer.raw(&header(0x81, (before.len() + times * filler.len() + after.len()) as u64))?;
    peer.raw(before.as_bytes())?;
    peer.repeat(filler.as_bytes(), times)?;
    peer.raw(after.as_bytes())
}

/// The same text so many times, then what is heard behind it.
fn same(peer: &mut Peer, text: &str, times: usize) -> io::Result<()> {
    peer.repeat(&[&header(0x81, text.len() as u64)[..], text.as_bytes()].concat(), times)?;
    done(peer)
}

fn done(peer: &mut Peer) -> io::Result<()> {
    peer.text(r#"42["done"]"#)
}

fn announced(peer: &mut Peer) -> io::Result<()> {
    let more = peer.limits().attachments + 1;
    peer.text(&ONE.replace("51-", &format!("5{more}-")))
}

fn attachments(rows: &mut Vec<Row>) {
    use Attack::WebSocket;
    let mut add = |name, attack, error: fn(&TransportError) -> bool, bound| {
        rows.push(row(name, WEBSOCKET, attack, Told::Closed(ParseError, error), bound));
    };
    add(
        "more attachments than announced",
        WebSocket(|peer| {
            peer.text(ONE)?;
            peer.frame(0x82, &[0; 4096])?;
            peer.without_end(&[&header(0x82, 4)[..], b"more"].concat())
        }),
        |error| decode(error, |error| *error == DecodeError::UnexpectedBinary),
        Bound::Nothing,
    );
    add(
        "fewer attachments than announced",
        WebSocket(|peer| {
            peer.text(&ONE.replace("51-", "52-"))?;
            peer.binary(b"one")?;
            peer.text(r#"42["flood"]"#)
        }),
        |error| decode(error, |error| *error == DecodeError::AttachmentsMissing { missing: 1 }),
        Bound::Nothing,
    );
    add(
        "attachments that never come",
        WebSocket(|peer| peer.text(ONE)),
        |error| decode(error, |error| *error == DecodeError::Incomplete),
        Bound::Nothing,
    );
    add(
        "half-built packets on namespace after namespace",
        WebSocket(|peer| peer.flood(1000, |number| ONE.replace("-[", &format!("-/{number},[")))),
        |error| decode(error, |error| *error == DecodeError::AttachmentsMissing { missing: 1 }),
        Bound::Nothing,
    );
    add(
        "attachments of more bytes than allowed",
        WebSocket(|peer| {
            peer.text(&ONE.replace("51-", "5100-"))?;
            let size = peer.limits().attachment_bytes / 64;
            let mut frame = header(0x82, size as u64);
            frame.resize(frame.len() + size, 0);
            peer.without_end(&frame)
        }),
        |error| limit(error, "bytes in the attachments of one packet", LIMITS.attachment_bytes),
        Bound::Attachments,
    );
    for (name, attack) in [
        ("one attachment more than may be, announced", announced as fn(&mut Peer) -> io::Result<()>),
        ("1,000,000,000 attachments announced", |peer| peer.text(&ONE.replace("51-", "51000000000-"))),
    ] {
        add(name, WebSocket(attack), |error| limit(error, "attachments", LIMITS.attachments), Bound::Nothing);
    }
    add(
        "10^30 attachments announced",
        WebSocket(|peer| peer.text(&ONE.replace("51-", &format!("51{}-", "0".repeat(30))))),
        malformed,
        Bound::Nothing,
    );
    add(
        "binary data that no packet announced",
        WebSocket(|peer| peer.without_end(&[&header(0x82, 4)[..], b"data"].concat())),
        |error| decode(error, |error| *error == DecodeError::UnexpectedBinary),
        Bound::Nothing,
    );
    add(
        "a placeholder of number 4,294,967,295",
        WebSocket(|peer| {
            peer.text(&ONE.replace("num\":0", "num\":4294967295"))?;
            peer.binary(b"data")
        }),
        illegal,
        Bound::Nothing,
    );
    add(
        "a placeholder whose number is 1e308",
        WebSocket(|peer| {
            peer.text(&ONE.replace("num\":0", "num\":1e308"))?;
            peer.binary(b"data")
        }),
        illegal,
        Bound::Nothing,
    );
}

fn texts(rows: &mut Vec<Row>) {
    use Attack::WebSocket;
    let mut add = |name, attack, error: fn(&TransportError) -> bool, bound| {
        rows.push(row(name, WEBSOCKET, attack, Told::Closed(ParseError, error), bound));
    };
    add(
        "JSON a million levels deep",
        WebSocket(|peer| text(peer, r#"42["flood","#, "[", 1_000_000, "")),
        |error| limit(error, "arrays and objects in one another", 127),
        Bound::Message,
    );
    add(
        "placeholders by the hundred thousand, none as servers write them",
        WebSocket(|peer| text(peer, r#"451-["flood",0"#, r#",{"_placeholder":0}"#, 100_000, "x")),
        |error| decode(error, |error| matches!(error, DecodeError::Payload { .. })),
        Bound::Placeholders,
    );
    add(
        "an ack id of a million digits",
        WebSocket(|peer| text(peer, "42", "9", 1_000_000, r#"["flood"]"#)),
        malformed,
        Bound::Message,
    );
    add(
        "an ack whose payload is no list",
        WebSocket(|peer| peer.text(r#"430{"a":1}"#)),
        |error| decode(error, |error| matches!(error, DecodeError::Payload { .. })),
        Bound::Nothing,
    );
    add(
        "an event of a reserved name",
        WebSocket(|peer| peer.text(r#"42["connect_error"]"#)),
        |error| decode(error, |error| matches!(error, DecodeError::Payload { .. })),
        Bound::Nothing,
    );
    rows.push(row(
        "an unknown Engine.IO packet of 1 MB",
        WEBSOCKET,
        WebSocket(|peer| text(peer, "", "x", 1_000_000, "")),
        Told::Closed(Broken, |error| {
            decode(error, |error| matches!(error, DecodeError::Engine { found } if found.len() == 32))
        }),
        Bound::Message,
    ));
    rows.push(row(
        "events before the answer to CONNECT, without end",
        WEBSOCKET,
        Attack::Joining(|peer| {
            let text = r#"42["flood"]"#;
            peer.without_end(&[&header(0x81, text.len() as u64), text.as_bytes()].concat())
        }),
        Told::Closed(ParseError, |error| limit(error, "events before the answer to CONNECT", LIMITS.packets)),
        Bound::Packets,
    ));
}

fn frames(rows: &mut Vec<Row>) {
    use Attack::WebSocket;
    let mut add = |name, attack, told, bound| rows.push(row(name, WEBSOCKET, attack, told, bound));
    let large = Told::Closed(Broken, too_large);
    let wrong = Told::Closed(TransportClose, violation);
    let unread = Told::Closed(Broken, |error| *error == TransportError::NotText);
    for (name, attack) in [
        ("a frame of 1 GB, announced", WebSocket(|peer| peer.raw(&header(0x81, 1 << 30)))),
        ("a frame of 2^63 - 1 bytes, announced", WebSocket(|peer| peer.raw(&header(0x82, u64::MAX >> 1)))),
        ("a frame of 2^64 - 1 bytes, announced", WebSocket(|peer| peer.raw(&header(0x82, u64::MAX)))),
    ] {
        add(name, attack, large, Bound::Nothing);
    }
    add(
        "a text one byte too long",
        WebSocket(|peer| text(peer, "42", " ", peer.limits().message - 1, "")),
        large,
        Bound::Message,
    );
    add(
        "a message of fragments without end",
        WebSocket(|peer| {
            peer.frame(0x01, b"42")?;
            let mut frame = header(0x00, 4096);
            frame.resize(frame.len() + 4096, b' ');
            peer.without_end(&frame)
        }),
        large,
        Bound::Message,
    );
    add(
        "empty fragments without end, and no heartbeat",
        Attack::Handshake(|peer| {
            peer.text(&HANDSHAKE.replace("25000", "300").replace("20000", "200"))?;
            peer.frame(0x01, b"42")?;
            peer.without_end(&header(0x00, 0))
        }),
        Told::Silent,
        Bound::Message,
    );
    add(
        "a compressed bomb, which was not asked for",
        WebSocket(|peer| peer.frame(0xc1, &bomb::MESSAGE)),
        wrong,
        Bound::Message,
    );
    add(
        "a compressed bomb, from a server that says that it compresses",
        Attack::Compressed(|peer| peer.frame(0xc1, &bomb::MESSAGE)),
        Told::NotOpened(|error| matches!(error, TransportError::NotWebSocket { .. })),
        Bound::Message,
    );
    add("an unknown opcode", WebSocket(|peer| peer.frame(0x83, b"?")), wrong, Bound::Nothing);
    add("a masked frame", WebSocket(|peer| peer.raw(&[0x81, 0x81, 1, 2, 3, 4, 0x33])), wrong, Bound::Nothing);
    add(
        "a ping of 1 GB, announced",
        WebSocket(|peer| peer.raw(&header(0x89, 1 << 30))),
        large,
        Bound::Nothing,
    );
    add("a fragment of nothing", WebSocket(|peer| peer.frame(0x80, b"42")), wrong, Bound::Nothing);
    add(
        "text that is not UTF-8",
        WebSocket(|peer| peer.frame(0x81, b"42[\"\xff\"]")),
        unread,
        Bound::Nothing,
    );
    add(
        "an overlong zero and a surrogate",
        WebSocket(|peer| peer.frame(0x81, b"42[\"\xc0\x80\xed\xa0\x80\"]")),
        unread,
        Bound::Nothing,
    );
    add(
        "a goodbye with code 1002 and a reason",
        WebSocket(|peer| peer.frame(0x88, b"\x03\xeagone")),
        Told::Closed(
            TransportClose,
            |error| matches!(error, TransportError::Closed { code: Some(1002), reason } if reason == "gone"),
        ),
        Bound::Nothing,
    );
}

fn floods(rows: &mut Vec<Row>) {
    use Attack::WebSocket;
    let mut add = |name, bound, attack| rows.push(row(name, WEBSOCKET, attack, Told::Survives, bound));
    add(
        "20,000 packets for namespaces that nobody asked for",
        Bound::Nothing,
        WebSocket(|peer| {
            peer.flood(20_000, |number| match number % 5 {
                0 => format!("42/n{number},[\"flood\",{number}]"),
                1 => format!("43/n{number},{number}[]"),
                2 => format!("40/n{number},{{\"sid\":\"x\"}}"),
                3 => format!("41/n{number},"),
                _ => format!("44/n{number},{{\"message\":\"no\"}}"),
            })?;
            done(peer)
        }),
    );
    add(
        "20,000 acks that nobody waits for",
        Bound::Nothing,
        WebSocket(|peer| {
            peer.flood(20_000, |number| format!("43{}[{number}]", u64::MAX - number as u64 % 7))?;
            done(peer)
        }),
    );
    add(
        "20,000 times CONNECT again, with another `sid` and `pid` each time",
        Bound::Nothing,
        WebSocket(|peer| {
            peer.flood(20_000, |number| format!("40{{\"sid\":\"n{number}\",\"pid\":\"p{number}\"}}"))?;
            done(peer)
        }),
    );
    add(
        "20,000 refusals of a namespace that is connected",
        Bound::Nothing,
        WebSocket(|peer| same(peer, r#"44{"message":"no"}"#, 20_000)),
    );
    add(
        "20,000 handshakes, noops, pongs and upgrades inside a session",
        Bound::Nothing,
        WebSocket(|peer| {
            peer.flood(20_000, |number| [HANDSHAKE, "6", "3", "3probe", "5", "1"][number % 6].into())?;
            done(peer)
        }),
    );
    add("50,000 pings, no pong of which is read", Bound::Events, WebSocket(|peer| same(peer, "2", 50_000)));
    add(
        "60,000 WebSocket pings, no pong of which is read",
        Bound::Written,
        WebSocket(|peer| {
            peer.repeat(&[&header(0x89, 125)[..], &[0; 125]].concat(), 60_000)?;
            done(peer)
        }),
    );
    add(
        "10,000 packets with an attachment",
        Bound::Events,
        WebSocket(|peer| {
            let packet = [&header(0x81, ONE.len() as u64)[..], ONE.as_bytes(), &header(0x82, 4), b"data"];
            peer.repeat(&packet.concat(), 10_000)?;
            done(peer)
        }),
    );
    rows.push(
        row(
            "48 MB of events, while the application does not read",
            WEBSOCKET,
            WebSocket(|peer| same(peer, &format!("42[\"flood\",\"{}\"]", "m".repeat(16 << 10)), 3000)),
            Told::Survives,
            Bound::Queue,
        )
        .app(App::Stuck),
    );
    rows.push(
        row(
            "200,000 small events, while the application does not read",
            WEBSOCKET,
            WebSocket(|peer| same(peer, &format!("42[\"flood\",\"{}\"]", "m".repeat(60)), 200_000)),
            Told::Survives,
            Bound::Queue,
        )
        .app(App::Stuck),
    );
    rows.push(
        row(
            "1,500 events that are answered with 16 KB each, no answer of which is read",
            WEBSOCKET,
            WebSocket(|peer| same(peer, r#"421["flood"]"#, 1500)),
            Told::Survives,
            Bound::Answers,
        )
        .app(App::Answers),
    );
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    attachments(&mut rows);
    texts(&mut rows);
    frames(&mut rows);
    floods(&mut rows);
    rows
}
