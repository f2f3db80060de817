//! How a server reads what a client sends, and writes bytes where only text can go.

/// A message of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

impl Message {
    /// A packet of a polling body, if it is one.
    pub(crate) fn of_body(packet: &str) -> Option<Self> {
        Some(match packet.strip_prefix('b') {
            Some(base64) => Self::Bytes(of_base64(base64)?),
            None => Self::Text(packet.into()),
        })
    }

    pub(crate) const fn is_bytes(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// In bytes.
    pub(crate) const fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(crate) fn in_body(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => format!("b{}", base64(bytes)),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A packet, but for its attachments.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) kind: &'a str,
    /// How many messages follow that belong to it.
    pub(crate) attachments: usize,
    pub(crate) namespace: &'a str,
    pub(crate) id: Option<u64>,
    pub(crate) data: &'a str,
}

impl<'a> Packet<'a> {
    /// `None` if the text is none.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix('4')?.split_at_checked(1)?;
        let (attachments, rest) = match kind {
            "5" | "6" => rest.split_once('-')?,
            "0" | "1" | "2" | "3" | "4" => ("0", rest),
            _ => return None,
        };
        let (namespace, rest) = match rest.strip_prefix('/') {
            Some(_) => rest.split_once(',').unwrap_or((rest, "")),
            None => ("/", rest),
        };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (id, data) = rest.split_at(digits);
        Some(Self { kind, attachments: attachments.parse().ok()?, namespace, id: id.parse().ok(), data })
    }

    /// Whether it is an event.
    pub(crate) fn is_event(&self) -> bool {
        matches!(self.kind, "2" | "5")
    }
}

/// The bytes that go with a number.
pub(crate) fn attachment(number: u64) -> Vec<u8> {
    format!("bytes of {number}").into_bytes()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = char::from(DIGITS[all >> (18 - 6 * at) & 63]);
            text.push(if at > three.len() { '=' } else { digit });
        }
    }
    text
}

pub(crate) fn of_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut all, mut bits) = (0, 0);
    for digit in text.trim_end_matches('=').bytes() {
        all = (all << 6 | DIGITS.iter().position(|of| *of == digit)?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((all >> bits & 255) as u8);
        }
    }
    Some(bytes)
}
