//! Options as numbers. `src/options.js` writes them in this order.

use std::time::Duration;

use socketio_client_core::{
    Address, Auth, BufferPolicy, Config, Durability, EmitOptions, GapLevel, Receipts, RecoveryDedupe,
    SocketOptions, TransportKind,
};

use super::calls::index;
use crate::slots::Payload;

/// Bytes of one message, and of the attachments of one packet; as in `src/manager.js`.
const MESSAGE: usize = 100 << 20;

/// Before the first attempt reads the application's.
pub(super) fn defaults() -> Config {
    let mut config = Config::at(address(false, String::new(), 80));
    config.ask_address = true;
    config.websocket_ping = false;
    config.tells_status = false;
    // What an application may have emitted before is unbounded in the original, too.
    config.buffer_size = usize::MAX;
    config.buffer_bytes = usize::MAX;
    config.limits.message = MESSAGE;
    config.limits.attachment_bytes = MESSAGE;
    config
}

#[inline(never)]
pub(super) fn duration(millis: f64) -> Duration {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    Duration::from_millis(millis as u64)
}

/// Not a number: none.
pub(super) fn optional(millis: f64) -> Option<Duration> {
    (!millis.is_nan()).then(|| duration(millis))
}

/// Sets one option, by its place in the list. What follows the last are the transports, in order.
pub(super) fn set(config: &mut Config, place: u32, value: f64) {
    let on = value != 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    match place {
        0 => config.upgrade = on,
        1 => config.try_all_transports = on,
        2 => config.remember_upgrade = on,
        3 => config.timestamp_requests = (!value.is_nan()).then_some(on),
        4 => config.add_trailing_slash = on,
        5 => config.force_base64 = on,
        6 => config.timeout = duration(value),
        7 => config.request_timeout = optional(value),
        8 => config.reconnection = on,
        9 => config.reconnection_attempts = value.is_finite().then_some(value as u32),
        10 => config.reconnection_delay = duration(value),
        11 => config.reconnection_delay_max = duration(value),
        12 => config.randomization_factor = value,
        13 => config.send_attachments = value as usize,
        14 => config.recovery = on,
        15 => config.close_timeout = duration(value),
        16 => config.retry_delay = duration(value),
        17 => config.retry_delay_max = duration(value),
        18 => config.buffer_size = value as usize,
        19 => config.buffer_bytes = value as usize,
        20 => config.buffer_max_age = optional(value),
        21 => {
            config.buffer_policy = match value as u32 {
                0 => BufferPolicy::Refuse,
                1 => BufferPolicy::DropOldest,
                _ => BufferPolicy::DropNewest,
            };
        }
        22 => {
            config.receipts = match value as u32 {
                0 => Receipts::Auto,
                1 => Receipts::Namespace,
                _ => Receipts::Off,
            };
        }
        23 => config.tells_unsent = on,
        24 => config.recovery_takeover = on,
        25 => config.recovery_takeover_timeout = duration(value),
        26 => config.recovery_overlap = optional(value),
        27 => {
            config.recovery_dedupe = match value as u32 {
                0 => None,
                1 => Some(RecoveryDedupe::Offset),
                _ => Some(RecoveryDedupe::Content),
            };
        }
        28 => config.gap = if on { GapLevel::All } else { GapLevel::Likely },
        // There are no transports yet; how many will be does not matter.
        29 => config.transports.clear(),
        _ => config.transports.push(if on { TransportKind::WebSocket } else { TransportKind::Polling }),
    }
}

/// The module adds the application's query itself.
pub(super) const fn address(secure: bool, host: String, port: u16) -> Address {
    Address { secure, host, port, query: Vec::new(), namespace: String::new() }
}

/// Where an attempt begins for which the module names this address: of several servers at the one that worked last.
pub(super) fn arrival(config: &mut Config, named: Address) -> Address {
    let server = |of: &Address| (of.secure, of.host.clone(), of.port);
    let listed = |address: &Address| server(address) == server(&named);
    if config.address.host.is_empty() && config.others.iter().any(listed) {
        config.others.remove(0)
    } else if listed(&config.address) || config.others.iter().any(listed) {
        config.address.clone()
    } else {
        named
    }
}

/// Added to the window where there is an outbox.
const OUTBOX: u32 = 2048;
/// And where the session outlives the page.
const SAVES: u32 = 4096;

/// What `calls.rs` has of a namespace.
pub(super) fn socket(delivery: &str, retries: f64, window: u32) -> SocketOptions<Payload> {
    let own = window % OUTBOX;
    SocketOptions {
        retries: (retries >= 0.0).then(|| index(retries)),
        retry_window: (own > 0).then_some(own),
        durability: (window & OUTBOX != 0).then_some(Durability::StoredFirst),
        saves: window & SAVES != 0,
        exactly_once: (!delivery.is_empty()).then(|| delivery.to_owned()),
        auth: Auth::Ask,
    }
}

/// What few emits have.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) max_age: Option<Duration>,
    pub(super) key: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) maybe_sent: bool,
}

const ACK: u32 = 1;
const VOLATILE: u32 = 2;
/// The transport has not yet taken what it was handed in this turn of the event loop.
const BUSY: u32 = 4;
/// What becomes of it is told.
const WATCHED: u32 = 8;

pub(super) fn emit(flags: u32, timeout: f64, terms: &Terms) -> EmitOptions<'_> {
    EmitOptions {
        ack: flags & ACK != 0,
        timeout: optional(timeout),
        volatile: flags & VOLATILE != 0,
        // The original waits for the answer to what it dropped, too.
        quiet_drop: true,
        busy: flags & BUSY != 0,
        max_age: terms.max_age,
        coalesce: terms.key.as_deref(),
        watched: flags & WATCHED != 0,
        unread: false,
    }
}
