//! Engine.IO packet types.
//!
//! Source: Engine.IO protocol, revision 4, "Packet encoding".

/// What an Engine.IO text is, by its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    /// `0`: the server's handshake.
    Open,
    /// `1`: the session ends (long-polling only).
    Close,
    /// `2`: heartbeat.
    Ping,
    /// `3`: answer to a heartbeat.
    Pong,
    /// `3probe`: the server accepts the transport that was probed.
    ProbePong,
    /// `4`: a Socket.IO packet.
    Message,
    /// `5`: the client moves to the transport that was probed.
    Upgrade,
    /// `6`: nothing; releases a pending GET.
    Noop,
    /// `b`: a binary message as base64.
    Base64,
}

impl PacketType {
    /// `None` for what is no Engine.IO packet.
    ///
    /// ```
    /// use socketio_client_core::engine::PacketType;
    ///
    /// assert_eq!(PacketType::of("42[\"hello\"]"), Some(PacketType::Message));
    /// assert_eq!(PacketType::of("hello"), None);
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Some(match text.as_bytes().first()? {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' if text == "3probe" => Self::ProbePong,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            b'b' => Self::Base64,
            _ => return None,
        })
    }
}

/// Texts that the client itself sends.
pub(crate) mod control {
    pub(crate) const CLOSE: &str = "1";
    pub(crate) const PONG: &str = "3";
    pub(crate) const PROBE: &str = "2probe";
    pub(crate) const UPGRADE: &str = "5";
}
