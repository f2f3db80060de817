//! WebSocket over the pooled HTTP client.

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::http::{Target, classify, header_map, status_error};
use super::stream::ByteStream;
use super::{Http, TransportError};

/// An open WebSocket: a `Stream` and a `Sink` of messages. Frames are written when the sink is flushed, or when
/// 32 KiB have gathered.
pub type WebSocket = WebSocketStream<ByteStream>;

/// Held by every open connection, used or not, and filled with zeros at every read. Twice the time per 1 MiB message
/// below 8 KiB; 16 KiB gain a twentieth with floods of small messages, and more than that at most a fifth with large ones.
/// The library's default of 128 KiB is six times all that an idle client holds.
const READ_BUFFER: usize = 8 * 1024;

/// Small frames gather up to here before they are written without a flush.
const WRITE_BUFFER: usize = 32 * 1024;

/// What one WebSocket may hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message accepted from the server, in bytes.
    pub incoming: usize,
    /// The largest message that will be sent, in bytes; bounds the write buffer.
    pub outgoing: usize,
}

/// Does the WebSocket handshake at `url` (ws, wss, http or https). Dropping the future closes the connection.
///
/// # Errors
/// [`TransportError::Status`] where the server answered with an error or a redirect,
/// [`TransportError::NotWebSocket`] where its answer is no acceptance of this very handshake, and whatever keeps the
/// answer from arriving.
pub async fn open(
    http: &Http,
    url: &str,
    headers: &[(String, String)],
    limits: Limits,
) -> Result<WebSocket, TransportError> {
    let target = Target::parse(url)?;
    let mut headers = header_map(headers)?;
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect::<Vec<_>>();
    let key = generate_key();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    let value = HeaderValue::from_str(&key).map_err(|error| not_websocket(&error.to_string()))?;
    headers.insert(header::SEC_WEBSOCKET_KEY, value);

    let mut response = http.handshake(target.request(Method::GET, headers, Bytes::new()), &target).await?;
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => verify(response.headers(), &key, &protocols)?,
        status if status.is_success() => {
            let cause = format!(
                "the handshake was answered as an ordinary request, with HTTP status {}",
                status.as_u16()
            );
            return Err(TransportError::NotWebSocket { cause });
        }
        _ => return Err(status_error(response).await),
    }
    let upgraded = hyper::upgrade::on(&mut response).await.map_err(|error| classify(&error, &target))?;
    // The stream itself, without hyper's box and rewind around it.
    let parts = upgraded
        .downcast::<TokioIo<ByteStream>>()
        .map_err(|_| not_websocket("the connection is not one that our connector opened"))?;
    // What the server sent right behind its answer, copied out of hyper's buffer so that this is freed. The capacity
    // counts: later buffers get the size of this first one.
    let mut received = Vec::with_capacity(READ_BUFFER.max(parts.read_buf.len()));
    received.extend_from_slice(&parts.read_buf);
    drop(parts.read_buf);
    let stream = parts.io.into_inner();
    Ok(WebSocketStream::from_partially_read(stream, received, Role::Client, Some(config(limits))).await)
}

fn config(limits: Limits) -> WebSocketConfig {
    // A frame's header has at most 14 bytes; the rest is for pongs that wait in front of a message.
    let slack = 1024;
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(limits.outgoing.saturating_add(WRITE_BUFFER + slack))
        .max_message_size(Some(limits.incoming))
        .max_frame_size(Some(limits.incoming))
}

fn not_websocket(cause: &str) -> TransportError {
    TransportError::NotWebSocket { cause: cause.to_owned() }
}

/// RFC 6455, section 4.1, "the client MUST validate the server's response".
fn verify(headers: &HeaderMap, key: &str, offered: &[HeaderValue]) -> Result<(), TransportError> {
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Err(not_websocket(
            "the server switched to another protocol (its Upgrade header is not \"websocket\")",
        ));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(not_websocket("the server's answer lacks \"Connection: Upgrade\""));
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept.map(<[u8]>::trim_ascii) != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(not_websocket(
            "the server's Sec-WebSocket-Accept does not belong to this handshake; a proxy may have answered from a \
             cache",
        ));
    }
    if let Some(extension) = headers.get(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err(not_websocket(&format!(
            "the server uses the extension {extension:?}, which was not offered"
        )));
    }
    if let Some(chosen) = headers.get(header::SEC_WEBSOCKET_PROTOCOL) {
        let chosen_bytes = chosen.as_bytes().trim_ascii();
        let mut names = offered.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        if !names.any(|name| name.trim_ascii() == chosen_bytes) {
            return Err(not_websocket(&format!(
                "the server chose the sub-protocol {chosen:?}, which was not offered"
            )));
        }
    }
    Ok(())
}

/// Whether a header that is a comma-separated list has `token`, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// What a failure of an open WebSocket means. A close frame comes as a message instead: see [`closed`].
pub fn error(error: Error) -> TransportError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => closed(None),
        Error::Io(error) => TransportError::Lost { cause: error.to_string() },
        Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
            TransportError::TooLarge { limit: max_size }
        }
        Error::Utf8(_) => TransportError::NotText,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => TransportError::Lost {
            cause: "the server dropped the connection without closing the WebSocket".to_owned(),
        },
        Error::Protocol(ProtocolError::SendAfterClosing) => closed(None),
        Error::Protocol(error) => {
            TransportError::Lost { cause: format!("the server violated the WebSocket protocol: {error}") }
        }
        Error::WriteBufferFull(message) => {
            let bytes = match &*message {
                Message::Frame(frame) => frame.payload().len(),
                message => message.len(),
            };
            TransportError::Lost {
                cause: format!("a message of {bytes} bytes exceeds the limit for outgoing messages"),
            }
        }
        other => TransportError::Lost { cause: other.to_string() },
    }
}

/// The error for a received close frame.
pub fn closed(frame: Option<&CloseFrame>) -> TransportError {
    TransportError::Closed {
        code: frame.map(|frame| frame.code.into()),
        reason: frame.map_or_else(String::new, |frame| frame.reason.as_str().to_owned()),
    }
}
