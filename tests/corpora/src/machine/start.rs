//! Options, from the first bytes.

use std::time::Duration;

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    Address, Auth, BufferPolicy, Config, Durability, Limits, Manager, Receipts, SocketOptions, TransportKind,
};

use super::server::PACKETS;
use super::shell::Shell;
use super::{NAMESPACES, RESENT, STORED};
use crate::source::Source;

/// Unix time at the shell's epoch.
const EPOCH: Duration = Duration::from_millis(1_795_252_000_000);

pub(super) fn shell(source: &mut Source<'_>) -> Shell {
    let config = config(source);
    let (pings, count, bytes) = (config.websocket_ping, config.buffer_size, config.buffer_bytes);
    let flags = source.byte();
    let window = Some(1 + u32::from(source.below(4)));
    let retries = Some(u32::from(source.below(3)));
    let seed = source.number();
    let mut manager = Manager::new(Json, config, seed);
    let sockets = [0, 1, RESENT, STORED].map(|at| {
        let mut options = SocketOptions::<Payload> { saves: flags & 1 != 0, ..SocketOptions::default() };
        match at {
            1 => options.auth = Auth::Ask,
            RESENT => (options.retries, options.retry_window) = (retries, window),
            STORED => {
                options.retries = Some(if flags & 2 != 0 { u32::MAX } else { 1 });
                options.retry_window = window;
                options.exactly_once = (flags & 4 != 0).then(|| "D".into());
                let stored_first = flags & 8 != 0;
                options.durability =
                    Some(if stored_first { Durability::StoredFirst } else { Durability::WriteBehind });
            }
            _ => options.auth = Auth::Value(Payload::empty_object()),
        }
        manager.socket(NAMESPACES[at], options)
    });
    let mut shell = Shell::new(manager, sockets.to_vec(), count, bytes);
    shell.pings = pings;
    for socket in sockets {
        shell.manager.observe_fates(socket, flags & 16 == 0);
    }
    shell
}

fn config(source: &mut Source<'_>) -> Config {
    let (one, other, third) = (source.byte(), source.byte(), source.byte());
    let set = |byte: u8, bit: u8| byte & (1 << bit) != 0;
    let seconds = |on: bool, seconds: u64| on.then(|| Duration::from_secs(seconds));
    let [polling, websocket] = [TransportKind::Polling, TransportKind::WebSocket];
    let mut config = Config::at(Address::parse("http://server").expect("a URL"));
    config.unix_epoch = EPOCH;
    config.transports = [vec![websocket], vec![polling], vec![polling, websocket], vec![websocket, polling]]
        [usize::from(one & 3)]
    .clone();
    config.upgrade = !set(one, 2);
    config.remember_upgrade = set(one, 3);
    config.websocket_ping = !set(one, 4);
    config.tells_unsent = set(one, 5);
    config.force_base64 = set(one, 6);
    config.recovery_takeover = !set(one, 7);
    config.buffer_policy =
        [BufferPolicy::Refuse, BufferPolicy::DropOldest, BufferPolicy::DropNewest][usize::from(other % 3)];
    config.receipts = [Receipts::Auto, Receipts::Namespace, Receipts::Off][usize::from(other / 3 % 3)];
    config.reconnection_attempts = set(other, 4).then_some(2);
    config.ack_timeout = seconds(set(other, 5), 2);
    config.buffer_max_age = seconds(set(other, 6), 20);
    config.ask_address = set(other, 7);
    config.recovery = !set(third, 0);
    config.try_all_transports = !set(third, 1);
    config.request_timeout = seconds(set(third, 2), 9);
    config.retry_delay = Duration::from_millis(if set(third, 3) { 300 } else { 0 });
    config.shuffle = set(third, 4);
    if set(third, 5) {
        config.others = vec![Address::parse("https://other:444").expect("a URL")];
    }
    config.tells_status = !set(third, 6);
    config.add_trailing_slash = !set(third, 7);
    config.buffer_size = 20;
    config.buffer_bytes = 2000;
    config.send_attachments = 4;
    config.limits = Limits { attachments: 4, attachment_bytes: 64, packets: PACKETS, ..Limits::default() };
    config
}
