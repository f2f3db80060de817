//! Engine.IO packet types.
//!
//! Source: Engine.IO protocol, revision 4, "Packet encoding".

use crate::error::DecodeError;

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
    /// Looks at the first character.
    ///
    /// ```
    /// use socketio_client_core::engine::PacketType;
    ///
    /// assert_eq!(PacketType::of("42[\"hello\"]"), Ok(PacketType::Message));
    /// assert!(PacketType::of("hello").is_err());
    /// ```
    ///
    /// # Errors
    /// If the text is no Engine.IO packet.
    pub fn of(text: &str) -> Result<Self, DecodeError> {
        Ok(match text.as_bytes().first() {
            Some(b'0') => Self::Open,
            Some(b'1') => Self::Close,
            Some(b'2') => Self::Ping,
            Some(b'3') if text == "3probe" => Self::ProbePong,
            Some(b'3') => Self::Pong,
            Some(b'4') => Self::Message,
            Some(b'5') => Self::Upgrade,
            Some(b'6') => Self::Noop,
            Some(b'b') => Self::Base64,
            _ => return Err(DecodeError::Engine { found: text.chars().take(32).collect() }),
        })
    }
}

/// Texts that the client itself sends.
pub(crate) mod control {
    pub(crate) const CLOSE: &str = "1";
    pub(crate) const PONG: &str = "3";
    pub(crate) const PROBE: &str = "2probe";
    pub(crate) const UPGRADE: &str = "5";
    /// CONNECT to a namespace that does not exist: its refusal proves that all before it was read.
    pub(crate) const FENCE: &str = "40/$fence,";
}
