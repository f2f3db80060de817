//! Stand-in for the core's `TransportError`.

/// Why a transport could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The caller's URL cannot be used.
    #[error("invalid URL {url:?}: {cause}")]
    InvalidUrl {
        /// As given.
        url: String,
        /// Why.
        cause: String,
    },
    /// Name resolution failed, or nobody answered.
    #[error("cannot connect to {address}: {cause}")]
    Connect {
        /// Host and port.
        address: String,
        /// Why.
        cause: String,
    },
    /// Certificate or TLS handshake.
    #[error("no TLS connection to {address}: {cause}")]
    Tls {
        /// Host and port.
        address: String,
        /// Why.
        cause: String,
    },
    /// An HTTP answer that is not 200.
    #[error("the server answered with HTTP status {status}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The first 512 characters of the body.
        body: String,
    },
    /// The server did not agree to speak WebSocket.
    #[error("no WebSocket: {cause}")]
    NotWebSocket {
        /// Why.
        cause: String,
    },
    /// Malformed HTTP, or HTTP broken off.
    #[error("HTTP failed: {cause}")]
    Http {
        /// Why.
        cause: String,
    },
    /// The peer closed the WebSocket.
    #[error("the server closed the WebSocket (code {code:?}): {reason}")]
    Closed {
        /// The code of the close frame.
        code: Option<u16>,
        /// The reason in the close frame.
        reason: String,
    },
    /// The connection broke.
    #[error("connection lost: {cause}")]
    Lost {
        /// Why.
        cause: String,
    },
    /// A message above the configured limit.
    #[error("a message exceeds the limit of {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// A body or frame that is not UTF-8.
    #[error("the server sent text that is not UTF-8")]
    NotText,
    /// The caller's deadline passed.
    #[error("timed out")]
    Timeout,
}
