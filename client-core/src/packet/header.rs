//! `type [attachments "-"] [namespace ","] [ack id]`, before the payload.
//!
//! Source: Socket.IO protocol, revision 5, "Packet encoding".

use alloc::string::String;
use core::ops::Deref;

use bytestring::ByteString;

use crate::error::DecodeError;

/// The namespace that every server has.
pub const ROOT: &str = "/";

/// What a packet is. Binary variants differ on the wire only: they are those with attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// 0: connect to a namespace, and the answer.
    Connect,
    /// 1: leave a namespace.
    Disconnect,
    /// 2, and 5 with attachments.
    Event,
    /// 3, and 6 with attachments.
    Ack,
    /// 4: the server refuses a namespace.
    ConnectError,
}

/// Everything of a packet except its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<N = ByteString> {
    /// What it is.
    pub kind: PacketKind,
    /// How many binary messages follow the text.
    pub attachments: usize,
    /// `/` or a longer name.
    pub namespace: N,
    /// The id that an ack carries or asks for.
    pub ack: Option<u64>,
}

/// A header read from text, and where its payload starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// What it is.
    pub kind: PacketKind,
    /// How many binary messages follow the text.
    pub attachments: usize,
    /// Borrowed from the text.
    pub namespace: &'a str,
    /// The id that an ack carries or asks for.
    pub ack: Option<u64>,
    /// Offset of the payload; the length of the text where there is none.
    pub payload: usize,
}

/// Reads the header of a packet, without the Engine.IO type in front.
///
/// ```
/// use socketio_client_core::packet::{PacketKind, header};
///
/// let parsed = header::parse(r#"51-/admin,7["photo",{"_placeholder":true,"num":0}]"#)?;
/// assert_eq!(parsed.kind, PacketKind::Event);
/// assert_eq!((parsed.attachments, parsed.namespace, parsed.ack), (1, "/admin", Some(7)));
/// assert_eq!(parsed.payload, 11);
/// # Ok::<(), socketio_client_core::DecodeError>(())
/// ```
///
/// # Errors
/// If the type is unknown, or a number is missing or too large.
pub fn parse(text: &str) -> Result<Parsed<'_>, DecodeError> {
    let error = |cause| Err(DecodeError::Header { cause });
    let mut rest = text;
    let (kind, binary) = match text.as_bytes().first() {
        Some(b'0') => (PacketKind::Connect, false),
        Some(b'1') => (PacketKind::Disconnect, false),
        Some(b'2') => (PacketKind::Event, false),
        Some(b'3') => (PacketKind::Ack, false),
        Some(b'4') => (PacketKind::ConnectError, false),
        Some(b'5') => (PacketKind::Event, true),
        Some(b'6') => (PacketKind::Ack, true),
        Some(_) => return error("unknown packet type"),
        None => return error("empty packet"),
    };
    advance(&mut rest, 1);

    let mut attachments = 0;
    if binary {
        let Some(count) = take_number(&mut rest) else { return error("number of attachments missing") };
        let Some(count) = count.and_then(|n| usize::try_from(n).ok()) else {
            return error("number of attachments too large");
        };
        if !rest.starts_with('-') {
            return error("no \"-\" after the number of attachments");
        }
        advance(&mut rest, 1);
        attachments = count;
    }

    let mut namespace = ROOT;
    if rest.starts_with('/') {
        // `find` would bring a search for any byte in any text.
        let end = rest.bytes().position(|byte| byte == b',').unwrap_or(rest.len());
        namespace = rest.get(..end).unwrap_or(ROOT);
        rest = rest.get(end + 1..).unwrap_or("");
    }

    let ack = match take_number(&mut rest) {
        Some(None) => return error("ack id too large"),
        Some(id) => id,
        None => None,
    };
    Ok(Parsed { kind, attachments, namespace, ack, payload: text.len() - rest.len() })
}

/// Writes a header, without the Engine.IO type in front.
pub fn write<N: Deref<Target = str>>(header: &Header<N>, out: &mut String) {
    let digit = match (header.kind, header.attachments) {
        (PacketKind::Connect, _) => '0',
        (PacketKind::Disconnect, _) => '1',
        (PacketKind::Event, 0) => '2',
        (PacketKind::Ack, 0) => '3',
        (PacketKind::ConnectError, _) => '4',
        (PacketKind::Event, _) => '5',
        (PacketKind::Ack, _) => '6',
    };
    out.push(digit);
    if header.attachments > 0 && matches!(header.kind, PacketKind::Event | PacketKind::Ack) {
        push_number(header.attachments as u64, out);
        out.push('-');
    }
    if *header.namespace != *ROOT {
        out.push_str(&header.namespace);
        out.push(',');
    }
    if let Some(id) = header.ack {
        push_number(id, out);
    }
}

/// In decimal. `format!` would bring all of `core::fmt` into modules that need nothing else of it.
pub fn push_number(mut number: u64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        first -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    for digit in digits.get(first..).unwrap_or_default() {
        out.push(char::from(*digit));
    }
}

fn advance(rest: &mut &str, bytes: usize) {
    *rest = rest.get(bytes..).unwrap_or("");
}

/// Digits in front: `None` if there are none, `Some(None)` if they do not fit.
fn take_number(rest: &mut &str) -> Option<Option<u64>> {
    let digits = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (number, after) = rest.split_at_checked(digits)?;
    *rest = after;
    (digits > 0).then(|| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn header(kind: PacketKind, attachments: usize, namespace: &str, ack: Option<u64>) -> Header {
        Header { kind, attachments, namespace: namespace.into(), ack }
    }

    #[test]
    fn every_form_is_written_and_read_back() {
        use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
        for (text, header) in [
            ("0", header(Connect, 0, "/", None)),
            ("0/admin,", header(Connect, 0, "/admin", None)),
            ("1/admin,", header(Disconnect, 0, "/admin", None)),
            ("2", header(Event, 0, "/", None)),
            ("212", header(Event, 0, "/", Some(12))),
            ("2/a,12", header(Event, 0, "/a", Some(12))),
            ("51-", header(Event, 1, "/", None)),
            ("51-/a,0", header(Event, 1, "/a", Some(0))),
            ("30", header(Ack, 0, "/", Some(0))),
            ("62-/a,9", header(Ack, 2, "/a", Some(9))),
            ("4/a,", header(ConnectError, 0, "/a", None)),
        ] {
            let mut written = String::new();
            write(&header, &mut written);
            assert_eq!(written, text);
            let payload = r#"["x"]"#;
            let with_payload = text.to_string() + payload;
            let parsed = parse(&with_payload).unwrap();
            assert_eq!(parsed.payload, text.len());
            assert_eq!((parsed.kind, parsed.attachments), (header.kind, header.attachments));
            assert_eq!((parsed.namespace, parsed.ack), (&*header.namespace, header.ack));
        }
    }

    #[test]
    fn a_namespace_may_end_the_text() {
        assert_eq!(parse("1/admin").unwrap().namespace, "/admin");
        assert_eq!(parse("1/admin").unwrap().payload, 7);
    }

    #[test]
    fn nonsense_is_an_error() {
        for text in
            ["", "7", "x", "-", "5", "5[", "51", "51[", "599999999999999999999-", "299999999999999999999[]"]
        {
            assert!(matches!(parse(text), Err(DecodeError::Header { .. })), "{text}");
        }
    }
}
