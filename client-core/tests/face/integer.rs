//! A codec whose payload is a bare integer: proof that the state machine never looks inside a payload.

use std::collections::VecDeque;
use std::time::Duration;

use scenarios::Face;
use socketio_client_core::engine::PacketType;
use socketio_client_core::packet::{Header, header};
use socketio_client_core::{
    Codec, Connected, Credentials, DecodeError, Decoded, EncodeError, Handshake, Limits, Message, Offset,
    Shape,
};

/// Payloads on the wire are `#` and a decimal number. Its low 24 bits are the scenario's number, the next 4 the count of
/// attachments, and from bit 32 on come their bytes; or bit 28 is set, and there stands an offset.
#[derive(Debug)]
pub(crate) struct Integer;

#[derive(Debug)]
pub(crate) struct Waiting {
    header: Header<std::sync::Arc<str>>,
    payload: u64,
    have: usize,
    bytes: usize,
}

fn pack(number: u32, attachments: &[u8]) -> u64 {
    let bytes = attachments
        .iter()
        .take(4)
        .enumerate()
        .fold(0, |bits, (i, byte)| bits | u64::from(*byte) << (32 + 8 * i));
    u64::from(number) | (attachments.len() as u64) << 24 | bytes
}

const OFFSET: u64 = 1 << 28;

/// The question to the middleware, and its answer.
const SYNC: u64 = 0x00ff_fffe;

/// What CONNECT says: the length of the token, the session's number, and the offset and one.
fn claim(token: Option<u64>, pid: &str, offset: Option<u64>) -> u64 {
    let pid: u64 = pid.trim_start_matches('P').parse().unwrap();
    token.unwrap_or(0) | pid << 16 | offset.map_or(0, |offset| offset + 1) << 32
}

const fn count(payload: u64) -> usize {
    (payload >> 24 & 0xf) as usize
}

fn wire(payload: u64) -> String {
    format!("#{}", payload & 0xffff_ffff)
}

fn malformed(cause: &str) -> DecodeError {
    DecodeError::Payload { cause: cause.into() }
}

impl Codec for Integer {
    type Text = String;
    type Binary = u8;
    type Name = std::sync::Arc<str>;
    type Payload = u64;
    type Partial = Waiting;
    type Refusal = EncodeError;

    fn packet_type(&self, text: &String) -> Result<PacketType, DecodeError> {
        PacketType::of(text)
    }

    fn control(&mut self, text: &'static str) -> String {
        text.into()
    }

    fn handshake(&mut self, text: &String) -> Result<Handshake, DecodeError> {
        let error = || DecodeError::Handshake { cause: "not ours".into() };
        let fields: Vec<_> = text.strip_prefix("0#").ok_or_else(error)?.split(';').collect();
        let &[sid, upgrades, interval, timeout, max] = fields.as_slice() else { return Err(error()) };
        let number = |text: &str| text.parse().map_err(|_| error());
        Ok(Handshake {
            sid: sid.into(),
            upgrades: upgrades.split(',').map(Into::into).collect(),
            ping_interval: Duration::from_millis(number(interval)?),
            ping_timeout: Duration::from_millis(number(timeout)?),
            max_payload: Some(usize::try_from(number(max)?).unwrap()),
        })
    }

    fn split(&mut self, body: String, limits: &Limits) -> Result<VecDeque<String>, DecodeError> {
        let texts: VecDeque<_> = body.split('\u{1e}').map(Into::into).collect();
        if texts.len() > limits.packets {
            return Err(DecodeError::Limit { what: "packets", limit: limits.packets });
        }
        Ok(texts)
    }

    fn join(&mut self, queue: &mut VecDeque<Message<Self>>, max: Option<usize>) -> String {
        let mut body = String::new();
        while let Some(message) = queue.front() {
            let text = match message {
                Message::Text(text) => text.clone(),
                Message::Binary(byte) => format!("b{}", base64(*byte)),
            };
            if !body.is_empty() {
                if max.is_some_and(|max| body.len() + 1 + text.len() > max) {
                    break;
                }
                body.push('\u{1e}');
            }
            body.push_str(&text);
            queue.pop_front();
        }
        body
    }

    fn base64(&mut self, text: String) -> Result<u8, DecodeError> {
        (0..=255).find(|byte| text.strip_prefix('b') == Some(&base64(*byte))).ok_or(DecodeError::Base64)
    }

    fn decode(&mut self, text: String, limits: &Limits) -> Result<Decoded<Self>, DecodeError> {
        let packet = text.strip_prefix('4').ok_or_else(|| malformed("not a packet"))?;
        let parsed = header::parse(packet)?;
        if parsed.attachments > limits.attachments {
            return Err(DecodeError::Limit { what: "attachments", limit: limits.attachments });
        }
        let header = Header {
            kind: parsed.kind,
            attachments: parsed.attachments,
            namespace: parsed.namespace.into(),
            ack: parsed.ack,
        };
        let body = &packet[parsed.payload..];
        let payload = match body.split_at_checked(1) {
            None => None,
            Some(("=", ids)) => {
                let (sid, pid) = ids.trim_start_matches('S').split_once('P').unwrap_or((ids, "0"));
                let number = |id: &str| id.trim_start_matches('S').parse().unwrap_or(0_u64);
                Some(number(sid) | number(pid) << 16)
            }
            Some(("#" | "@", digits)) => Some(digits.parse().unwrap_or(0)),
            Some(("!", "")) => Some(0),
            Some(_) => return Err(malformed("not a number")),
        };
        match (payload, parsed.attachments) {
            (None, _) if matches!(packet.as_bytes()[0], b'2' | b'3' | b'5' | b'6') => {
                Err(malformed("missing"))
            }
            (payload, 0) => Ok(Decoded::Packet(header, payload)),
            (payload, _) => {
                let payload = payload.unwrap_or(0);
                Ok(Decoded::Partial(Waiting { header, payload: payload & 0x0fff_ffff, have: 0, bytes: 0 }))
            }
        }
    }

    fn missing(&self, partial: &Waiting) -> usize {
        partial.header.attachments - partial.have
    }

    fn attach(
        &mut self,
        mut partial: Waiting,
        byte: u8,
        limits: &Limits,
    ) -> Result<Decoded<Self>, DecodeError> {
        partial.bytes += 1;
        if partial.bytes > limits.attachment_bytes {
            return Err(DecodeError::Limit { what: "bytes of attachments", limit: limits.attachment_bytes });
        }
        partial.payload |= u64::from(byte) << (32 + 8 * partial.have);
        partial.have += 1;
        if partial.have < partial.header.attachments {
            return Ok(Decoded::Partial(partial));
        }
        Ok(Decoded::Packet(partial.header, Some(partial.payload)))
    }

    fn encode(
        &mut self,
        header: &Header<std::sync::Arc<str>>,
        payload: Option<&u64>,
        out: &mut VecDeque<Message<Self>>,
    ) -> Result<(), EncodeError> {
        let mut text = "4".to_string();
        header::write(header, &mut text);
        let payload = payload.copied();
        match (header.kind, payload) {
            (_, None) => {}
            (socketio_client_core::packet::PacketKind::Connect, Some(token)) => {
                text.push_str(&format!("@{token}"))
            }
            (_, Some(payload)) => text.push_str(&wire(payload)),
        }
        out.push_back(Message::Text(text));
        let payload = payload.unwrap_or(0);
        out.extend(
            (0..header.attachments).map(|i| Message::Binary((payload >> (32 + 8 * i.min(3)) & 0xff) as u8)),
        );
        Ok(())
    }

    fn connected(&mut self, payload: &u64) -> Result<Connected, DecodeError> {
        let pid = Some(payload >> 16).filter(|pid| *pid > 0).map(|pid| format!("P{pid}"));
        Ok(Connected { sid: format!("S{}", payload & 0xffff), pid })
    }

    fn connect(
        &mut self,
        auth: Option<&u64>,
        credentials: Credentials<'_>,
    ) -> Result<Option<u64>, EncodeError> {
        Ok(match credentials.recovery {
            Some((pid, offset)) => {
                let offset = offset.map(|offset| offset.millis - scenarios::EPOCH);
                Some(claim(auth.copied(), pid, offset))
            }
            None => auth.copied(),
        })
    }

    fn sync(&mut self) -> u64 {
        SYNC
    }

    fn is_middleware(&self, answer: &u64) -> bool {
        *answer == SYNC
    }

    fn offset(&mut self, payload: &u64) -> Option<Offset> {
        let millis = scenarios::EPOCH + (payload >> 32);
        (payload & OFFSET > 0).then_some(Offset { shape: Shape::Memory, millis, count: 0 })
    }

    fn digest(&mut self, payload: &u64, without_last: bool) -> u64 {
        if without_last { payload & (OFFSET - 1) } else { *payload }
    }

    fn attachments(&self, payload: &u64) -> usize {
        count(*payload)
    }

    fn size(&self, payload: &u64) -> usize {
        wire(*payload).len() + count(*payload)
    }

    fn largest(&self, payload: &u64) -> (usize, usize) {
        (wire(*payload).len(), count(*payload).min(1))
    }
}

fn base64(byte: u8) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |index: u8| char::from(ALPHABET[usize::from(index)]);
    format!("{}{}==", digit(byte >> 2), digit((byte & 3) << 4))
}

impl Face for Integer {
    type Codec = Self;

    fn codec(&self) -> Self {
        Self
    }

    fn text(&self, wire: &str) -> String {
        wire.into()
    }

    fn show(&self, text: &String) -> String {
        text.clone()
    }

    fn binary(&self, byte: u8) -> u8 {
        byte
    }

    fn show_binary(&self, binary: &u8) -> u8 {
        *binary
    }

    fn event(&self, number: u32, attachments: &[u8]) -> u64 {
        pack(number, attachments)
    }

    fn ack(&self, number: u32) -> u64 {
        pack(number, &[])
    }

    fn auth(&self, token: &str) -> u64 {
        token.len() as u64
    }

    fn read(&self, payload: &u64) -> (u32, Vec<u8>) {
        let bytes = (0..count(*payload).min(4)).map(|i| (payload >> (32 + 8 * i) & 0xff) as u8).collect();
        ((payload & 0xff_ffff) as u32, bytes)
    }

    fn number_in(&self, payload: &str) -> Option<u32> {
        payload.strip_prefix('#')?.parse().ok().map(|payload: u64| self.read(&payload).0)
    }

    fn event_wire(&self, number: u32, attachments: usize) -> String {
        wire(pack(number, &vec![0; attachments]))
    }

    fn ack_wire(&self, number: u32) -> String {
        wire(pack(number, &[]))
    }

    fn auth_wire(&self, token: &str) -> String {
        format!("@{}", token.len())
    }

    fn offset_wire(&self, number: u32, offset: u32) -> String {
        format!("#{}", u64::from(number) | OFFSET | u64::from(offset) << 32)
    }

    fn claim_wire(&self, token: Option<&str>, pid: &str, offset: Option<u32>) -> String {
        format!("@{}", claim(token.map(|token| token.len() as u64), pid, offset.map(u64::from)))
    }

    fn connected_wire(&self, sid: &str, pid: Option<&str>) -> String {
        format!("={sid}{}", pid.unwrap_or_default())
    }

    fn refusal_wire(&self) -> String {
        "!".into()
    }

    fn handshake_wire(
        &self,
        sid: &str,
        upgrades: &[&str],
        interval: u64,
        timeout: u64,
        max_payload: usize,
    ) -> String {
        format!("0#{sid};{};{interval};{timeout};{max_payload}", upgrades.join(","))
    }
}
