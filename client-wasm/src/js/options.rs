//! Options as numbers and texts. `src/options.js` writes them in this order.

use std::time::Duration;

use socketio_client_core::{Address, Config, EmitOptions, SocketOptions, TransportKind};

use crate::slots::Payload;

/// Bytes of one message, and of the attachments of one packet; as in `src/manager.js`.
const MESSAGE: usize = 100 << 20;

/// Before the first attempt reads the application's.
pub(super) fn defaults() -> Config {
    let (address, query) = address(false, String::new(), 80, Vec::new());
    let mut config = Config::at(address);
    config.query = query;
    config.ask_address = true;
    config.websocket_ping = false;
    // What an application may have emitted before is unbounded in the original, too.
    config.buffer_size = usize::MAX;
    config.buffer_bytes = usize::MAX;
    config.limits.message = MESSAGE;
    config.limits.attachment_bytes = MESSAGE;
    config
}

#[inline(never)]
fn duration(millis: f64) -> Duration {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    Duration::from_millis(millis as u64)
}

/// Not a number: none.
fn optional(millis: f64) -> Option<Duration> {
    (!millis.is_nan()).then(|| duration(millis))
}

pub(super) fn apply(config: &mut Config, numbers: &[f64], texts: Vec<String>) {
    let &[
        upgrade,
        try_all_transports,
        remember_upgrade,
        timestamp_requests,
        add_trailing_slash,
        force_base64,
        timeout,
        request_timeout,
        reconnection,
        attempts,
        delay,
        delay_max,
        randomization_factor,
        attachments,
        recovery,
        ref transports @ ..,
    ] = numbers
    else {
        return;
    };
    config.upgrade = upgrade != 0.0;
    config.try_all_transports = try_all_transports != 0.0;
    config.remember_upgrade = remember_upgrade != 0.0;
    config.timestamp_requests = (!timestamp_requests.is_nan()).then_some(timestamp_requests != 0.0);
    config.add_trailing_slash = add_trailing_slash != 0.0;
    config.force_base64 = force_base64 != 0.0;
    config.timeout = duration(timeout);
    config.request_timeout = optional(request_timeout);
    config.reconnection = reconnection != 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    {
        config.reconnection_attempts = attempts.is_finite().then_some(attempts as u32);
        config.send_attachments = attachments as usize;
    }
    config.reconnection_delay = duration(delay);
    config.reconnection_delay_max = duration(delay_max);
    config.randomization_factor = randomization_factor;
    config.recovery = recovery != 0.0;
    config.transports = transports
        .iter()
        .map(|kind| if *kind == 0.0 { TransportKind::Polling } else { TransportKind::WebSocket })
        .collect();
    let mut texts = texts.into_iter();
    if let (Some(path), Some(timestamp_param)) = (texts.next(), texts.next()) {
        config.path = path;
        config.timestamp_param = timestamp_param;
    }
}

/// `query` holds keys and values in turn.
pub(super) fn address(
    secure: bool,
    host: String,
    port: u16,
    query: Vec<String>,
) -> (Address, Vec<(String, String)>) {
    let mut pairs = Vec::new();
    let mut query = query.into_iter();
    while let (Some(key), Some(value)) = (query.next(), query.next()) {
        pairs.push((key, value));
    }
    (Address { secure, host, port, query: Vec::new(), namespace: String::new() }, pairs)
}

/// `retries` below 0: none.
pub(super) fn socket(retries: f64) -> SocketOptions<Payload> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    SocketOptions { retries: (retries >= 0.0).then_some(retries as u32), ..SocketOptions::default() }
}

const ACK: u32 = 1;
const VOLATILE: u32 = 2;
/// The transport has not yet taken what it was handed in this turn of the event loop.
const BUSY: u32 = 4;

pub(super) fn emit(flags: u32, timeout: f64) -> EmitOptions {
    EmitOptions {
        ack: flags & ACK != 0,
        timeout: optional(timeout),
        volatile: flags & VOLATILE != 0,
        // The original waits for the answer to what it dropped, too.
        quiet_drop: true,
        busy: flags & BUSY != 0,
    }
}
