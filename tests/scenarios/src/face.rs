//! How one codec writes down what the scenarios talk about.

use socketio_client_core::Codec;

/// A codec, and its forms of the payloads that scenarios use: a number with attachments of one byte each.
pub trait Face {
    /// The codec under test.
    type Codec: Codec;

    /// A new codec.
    fn codec(&self) -> Self::Codec;

    /// A message or polling body as the codec's text.
    fn text(&self, wire: &str) -> <Self::Codec as Codec>::Text;
    /// What a text says.
    fn show(&self, text: &<Self::Codec as Codec>::Text) -> String;
    /// A binary message of one byte.
    fn binary(&self, byte: u8) -> <Self::Codec as Codec>::Binary;
    /// That byte.
    fn show_binary(&self, binary: &<Self::Codec as Codec>::Binary) -> u8;

    /// An event's payload, as the application emits it.
    fn event(&self, number: u32, attachments: &[u8]) -> <Self::Codec as Codec>::Payload;
    /// An ack's payload, as the application answers with it.
    fn ack(&self, number: u32) -> <Self::Codec as Codec>::Payload;
    /// CONNECT's payload.
    fn auth(&self, token: &str) -> <Self::Codec as Codec>::Payload;
    /// The number and the attachments of an event's or an ack's payload.
    fn read(&self, payload: &<Self::Codec as Codec>::Payload) -> (u32, Vec<u8>);

    // On the wire, payloads are JSON unless the codec says otherwise.

    /// The number in an event's or an ack's payload on the wire.
    fn number_in(&self, payload: &str) -> Option<u32> {
        let args = payload.strip_prefix("[\"e\",").or_else(|| payload.strip_prefix('['))?;
        args.split([',', ']']).next()?.parse().ok()
    }

    /// An event's payload on the wire.
    fn event_wire(&self, number: u32, attachments: usize) -> String {
        let placeholders = (0..attachments).map(|num| format!(r#",{{"_placeholder":true,"num":{num}}}"#));
        format!(r#"["e",{number}{}]"#, placeholders.collect::<String>())
    }

    /// An ack's payload on the wire.
    fn ack_wire(&self, number: u32) -> String {
        format!("[{number}]")
    }

    /// CONNECT's payload on the wire.
    fn auth_wire(&self, token: &str) -> String {
        format!(r#"{{"token":"{token}"}}"#)
    }

    /// An event's payload on the wire with the server's offset behind it, counted from [`EPOCH`](crate::EPOCH).
    fn offset_wire(&self, number: u32, offset: u32) -> String {
        format!(r#"["e",{number},"{}"]"#, offset_text(offset))
    }

    /// CONNECT's payload on the wire that resumes a session.
    fn claim_wire(&self, token: Option<&str>, pid: &str, offset: Option<u32>) -> String {
        let offset = offset.map(|offset| format!(r#","offset":"{}""#, offset_text(offset)));
        let token = token.map(|token| format!(r#","token":"{token}""#));
        format!(r#"{{"pid":"{pid}"{}{}}}"#, offset.unwrap_or_default(), token.unwrap_or_default())
    }

    /// The payload of the answer to CONNECT.
    fn connected_wire(&self, sid: &str, pid: Option<&str>) -> String {
        let pid = pid.map(|pid| format!(r#","pid":"{pid}""#));
        format!(r#"{{"sid":"{sid}"{}}}"#, pid.unwrap_or_default())
    }

    /// The payload of a refusal.
    fn refusal_wire(&self) -> String {
        r#"{"message":"no","data":{"code":7}}"#.into()
    }

    /// The server's handshake, with `0` in front.
    fn handshake_wire(
        &self,
        sid: &str,
        upgrades: &[&str],
        interval: u64,
        timeout: u64,
        max_payload: usize,
    ) -> String {
        format!(
            r#"0{{"sid":"{sid}","upgrades":{upgrades:?},"pingInterval":{interval},"pingTimeout":{timeout},"maxPayload":{max_payload}}}"#
        )
    }
}

/// As a Node server writes it that keeps events in memory.
fn offset_text(offset: u32) -> String {
    let millis = crate::EPOCH + u64::from(offset);
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    (0..7).rev().map(|place| char::from(digits[(millis >> (6 * place) & 63) as usize])).collect()
}
