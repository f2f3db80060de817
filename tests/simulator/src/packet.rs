//! How a server reads what a client sends.

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
        let (kind, rest) = text.strip_prefix('4')?.split_at(1);
        let (attachments, rest) = match kind {
            "5" | "6" => rest.split_once('-').expect("the number of attachments"),
            _ => ("0", rest),
        };
        let (namespace, rest) = match rest.strip_prefix('/') {
            Some(_) => rest.split_once(',').unwrap_or((rest, "")),
            None => ("/", rest),
        };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (id, data) = rest.split_at(digits);
        Some(Self { kind, attachments: attachments.parse().unwrap(), namespace, id: id.parse().ok(), data })
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
