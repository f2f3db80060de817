//! A server's words: some that are always at hand, and those of one that answers everything.

use socketio_client_core::codec::{Codec as _, Json};
use socketio_client_core::packet::{PacketKind, header};
use socketio_client_core::{Decoded, Limits};

/// Bytes of a POST that the server accepts.
pub(super) const MAX_PAYLOAD: usize = 300;

/// Packets of a polling body that the client reads.
pub(super) const PACKETS: usize = 16;

pub(super) const HANDSHAKE: &str =
    r#"0{"sid":"E1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":300}"#;

const WORDS: &[&str] = &[
    r#"40{"sid":"S1"}"#,
    r#"40/a,{"sid":"S2"}"#,
    r#"40/r,{"sid":"S3"}"#,
    r#"40/s,{"sid":"S4"}"#,
    r#"40{"sid":"S1","pid":"P1"}"#,
    r#"40{"sid":"S5","pid":"P1"}"#,
    r#"40/r,{"sid":"S3","pid":"P3"}"#,
    r#"40/s,{"sid":"S4","pid":"P4"}"#,
    r#"44{"message":"no"}"#,
    r#"44/a,{"message":"no"}"#,
    "41",
    "41/a,",
    "41/r,",
    "41/s,",
    r#"42["m",1]"#,
    r#"42["m",1,"Q7zOKAz"]"#,
    r#"42["m",2,"Q7zOKB0"]"#,
    r#"42/r,["m",1,"1795252804095-1"]"#,
    r#"42/s,7["m",1,"1795252804095-2"]"#,
    r#"42/a,8["m"]"#,
    r#"421["m"]"#,
    r#"451-["m",{"_placeholder":true,"num":0}]"#,
    r#"462-/r,0[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#,
    "430[1]",
    "431[1]",
    "43/r,0[1]",
    "43/r,1[1]",
    "43/s,200[]",
    "43/s,100[1]",
    r#"43/s,200[{"v":1,"ttl":600000}]"#,
    "2",
    "3",
    "3probe",
    "6",
    "1",
    "5",
    "",
    "x",
    "bAQID",
    "b!",
    HANDSHAKE,
    r#"0{"sid":"E2","upgrades":[],"pingInterval":0,"pingTimeout":0}"#,
    "2\u{1e}6\u{1e}42[\"m\",3]",
    "40{}",
    r#"42/r,["m",{"#,
];

pub(super) fn word(pick: u8) -> &'static str {
    WORDS[usize::from(pick) % WORDS.len()]
}

/// What a server that agrees to everything answers to an Engine.IO text.
pub(super) fn answer(text: &str) -> Option<String> {
    let parsed = header::parse(text.strip_prefix('4')?).ok()?;
    let (namespace, comma) = if parsed.namespace == "/" { ("", "") } else { (parsed.namespace, ",") };
    match (parsed.kind, parsed.ack) {
        (PacketKind::Connect, _) if namespace == "/$fence" => {
            Some(r#"44/$fence,{"message":"Invalid namespace"}"#.into())
        }
        (PacketKind::Connect, _) => Some(format!(r#"40{namespace}{comma}{{"sid":"K{}"}}"#, namespace.len())),
        (PacketKind::Event, Some(id)) if text.ends_with(r#"["$delivery",{"sync":1}]"#) => {
            Some(format!(r#"43{namespace}{comma}{id}[{{"v":1,"ttl":600000}}]"#))
        }
        (PacketKind::Event, Some(id)) => Some(format!("43{namespace}{comma}{id}[1]")),
        _ => None,
    }
}

/// What we sent, as far as the server can tell: a packet of ours must be one.
pub(super) fn check_sent(text: &str) {
    if !text.starts_with('4') || text == "4hello" {
        let control = ["1", "2probe", "3", "5", "4hello"].contains(&text);
        assert!(control || text.starts_with('b'), "{text:?} was sent");
        return;
    }
    let decoded = Json.decode(text.into(), &Limits::default());
    let attachments = match decoded {
        Ok(Decoded::Packet(header, _)) => header.attachments,
        Ok(Decoded::Partial(partial)) => Json.missing(&partial),
        Err(error) => panic!("{text:?} was sent: {error}"),
    };
    assert!(attachments <= 4, "more attachments than may be sent: {text}");
}
