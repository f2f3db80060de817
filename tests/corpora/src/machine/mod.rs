//! The whole machine: wishes, a shell's doings, a server's words and time, in any order, chosen by bytes.
//!
//! The first bytes are options. Then each byte is something that happens, and those behind it say how. In the end the
//! application leaves, and nothing may be left; then comes a kind server, and everything must settle.

mod judge;
mod server;
mod shell;
mod start;

use std::time::Duration;

use bytes::Bytes;
use socketio_client_core::codec::{Arguments, Payload, Value};
use socketio_client_core::{
    Address, EmitOptions, Input, Instant, Message, Restored, RestoredEmit, SocketId, TransportError,
};

use self::shell::Shell;
use crate::source::Source;

/// More than that takes long, and finds nothing else.
const STEPS: usize = 400;

/// Namespaces: a plain one, one that asks for authentication data, one whose emits are sent again, and one with a store.
const NAMESPACES: [&str; 4] = ["/", "/a", "/r", "/s"];
const RESENT: usize = 2;
const STORED: usize = 3;

pub(crate) fn run(data: &[u8]) {
    let mut source = Source(data);
    let mut shell = start::shell(&mut source);
    for _ in 0..STEPS {
        if source.is_empty() {
            break;
        }
        step(&mut shell, &mut source);
        shell.drain(&mut source);
    }
    shell.leave();
    shell.make_up();
    shell.leave();
}

fn step(shell: &mut Shell, source: &mut Source<'_>) {
    let action = source.below(32);
    let now = shell.now;
    match action {
        0 => {
            let socket = socket(shell, source);
            shell.manager.connect(socket, now);
        }
        1 => {
            let socket = socket(shell, source);
            shell.left(socket);
            if source.yes() {
                shell.manager.disconnect_at_once(socket, now);
            } else {
                shell.manager.disconnect(socket, now);
            }
        }
        2..=5 => emit(shell, source),
        6 => connection(shell, source),
        7 => {
            let socket = socket(shell, source);
            shell.flush(socket);
        }
        8 => acknowledge(shell, source),
        9 => authenticate(shell, source),
        10 => pass_time(shell, source),
        11 => take_back(shell, source),
        12 => store(shell, source),
        13 => recovery(shell, source),
        14 => switches(shell, source),
        15..=20 => shell.kind_word(source.byte(), shell.answers()),
        21 => shell.close_link(source.byte(), error(source)),
        22 => shell.says(source.byte(), server::word(source.byte()).into()),
        23 => {
            let link = source.byte();
            shell.wild = true;
            shell.says(link, source.text());
        }
        24 => {
            let link = source.byte();
            shell.binary(link, Bytes::copy_from_slice(source.bytes()));
        }
        25 => shell.posted(source.byte()),
        26 => shell.pong(source.byte()),
        27 => shell.opened(source.byte()),
        // Several at once.
        28 => burst(shell, source),
        29 => shell.for_dead(source.byte()),
        30 => shell.unsent(source.byte(), source.byte()),
        _ => shell.resolved(source),
    }
}

fn socket(shell: &Shell, source: &mut Source<'_>) -> SocketId {
    shell.sockets[usize::from(source.below(4))]
}

fn emit(shell: &mut Shell, source: &mut Source<'_>) {
    let socket = socket(shell, source);
    let flags = source.byte();
    let millis = |source: &mut Source<'_>| Duration::from_millis(u64::from(source.short()));
    let options = EmitOptions {
        ack: flags & 1 != 0,
        volatile: flags & 2 != 0,
        timeout: (flags & 4 != 0).then(|| millis(source)),
        max_age: (flags & 8 != 0).then(|| millis(source)),
        coalesce: (flags & 16 != 0).then_some("key"),
        watched: flags & 32 != 0,
        busy: flags & 192 == 64,
        quiet_drop: flags & 192 == 128,
        ..EmitOptions::default()
    };
    let mut values = vec![Value::Number(shell.next_number().into())];
    values.push(Value::String("x".repeat(usize::from(source.byte()))));
    values.extend((0..source.below(5)).map(|part| Value::Bytes(vec![part; 3].into())));
    // Most have no attachments.
    values.truncate(if flags & 192 == 192 { 7 } else { 2 });
    let payload = Payload::event("e", &Arguments(&values)).expect("nothing refuses");
    shell.emit(socket, payload, options);
}

fn connection(shell: &mut Shell, source: &mut Source<'_>) {
    let now = shell.now;
    match source.below(6) {
        0 => shell.manager.reconnect_now(now),
        1 => shell.manager.open_connection(now),
        2 => shell.manager.close_connection(now),
        3 => shell.manager.drop_connection(now),
        4 => {
            let message = if source.yes() {
                Message::Text("4hello".into())
            } else {
                Message::Binary(Bytes::from_static(b"hello"))
            };
            shell.manager.write(message, now);
        }
        _ => {
            shell.sockets.clone().into_iter().for_each(|socket| shell.left(socket));
            shell.manager.close(now);
        }
    }
}

fn acknowledge(shell: &mut Shell, source: &mut Source<'_>) {
    if shell.wanted_acks.is_empty() {
        return;
    }
    let at = usize::from(source.byte()) % shell.wanted_acks.len();
    let ack = shell.wanted_acks.swap_remove(at);
    let payload = Payload::args(&(7, source.text())).expect("nothing refuses");
    let _ = shell.manager.ack(ack, payload, shell.now);
}

fn authenticate(shell: &mut Shell, source: &mut Source<'_>) {
    if shell.questions.is_empty() {
        return;
    }
    let at = usize::from(source.byte()) % shell.questions.len();
    let request = shell.questions.swap_remove(at);
    let data = match source.below(4) {
        0 => Err("no".to_owned()),
        1 => Ok(None),
        _ => Ok(Some(Payload::empty_object().with_field("token", "[1]"))),
    };
    shell.manager.authenticate(request, data, shell.now);
}

fn pass_time(shell: &mut Shell, source: &mut Source<'_>) {
    let millis = u64::from(source.short());
    // Up to a minute, or a sleep of weeks.
    let sleep = source.below(8) == 7;
    let jump = Duration::from_millis(if sleep { millis << 16 } else { millis });
    // A shell that is late calls once.
    let late = source.yes() || sleep;
    shell.pass_time(jump, late, Some(source));
}

fn take_back(shell: &mut Shell, source: &mut Source<'_>) {
    let pick = source.byte();
    match source.below(8) {
        0 => shell.manager.clear_outbox(shell.sockets[RESENT]),
        1 => shell.manager.clear_outbox(shell.sockets[STORED]),
        2 => shell.manager.clear_restored(shell.sockets[STORED]),
        _ => shell.cancel(pick),
    }
}

fn store(shell: &mut Shell, source: &mut Source<'_>) {
    let now = shell.now;
    match source.below(10) {
        0 => {
            let keys = (0..u64::from(source.below(3))).map(|at| 100 + at);
            let emits = keys.map(|key| RestoredEmit {
                key,
                payload: Payload::event("old", &key).expect("nothing refuses"),
                attempts: source.below(2).into(),
                expires: source.yes().then(|| now + Duration::from_secs(source.below(100).into())),
            });
            let emits = emits.collect();
            shell.restore(Restored { delivery: Some("D".into()), next: 200, emits });
        }
        1 if source.yes() => shell.give_up_store(None),
        2 if source.below(4) == 3 => shell.give_up_store(Some("refused")),
        3 => shell.not_reserved(),
        4 => shell.kept(Err("full".into())),
        5 => shell.manager.report_store("lost".into(), 1, None),
        6 | 7 => shell.reserved(),
        _ => shell.kept(Ok(())),
    }
}

fn recovery(shell: &mut Shell, source: &mut Source<'_>) {
    let (socket, now) = (socket(shell, source), shell.now);
    match source.below(6) {
        0 => shell.manager.resume(now),
        1 => shell.set_resync(socket, source.yes()),
        2 => shell.manager.dropped(socket, Instant::from_millis(0), now),
        3 => shell.save(socket),
        4 => shell.restore_session(socket),
        _ => shell.resynced(),
    }
}

fn switches(shell: &mut Shell, source: &mut Source<'_>) {
    let now = shell.now;
    let on = source.yes();
    match source.below(7) {
        0 => shell.manager.set_reconnection(on),
        1 => shell.manager.set_online(on, now),
        2 => shell.manager.set_heartbeat_deadline(now),
        3 => shell.manager.set_upgraded_before(on),
        4 => {
            let socket = socket(shell, source);
            shell.manager.observe(socket, on);
        }
        5 => {
            let socket = socket(shell, source);
            shell.observe_fates(socket, on);
        }
        _ => {
            let host = if on { "http://one" } else { "https://two:81/n?q=1" };
            shell.manager.config_mut().address = Address::parse(host).expect("a URL");
        }
    }
}

fn burst(shell: &mut Shell, source: &mut Source<'_>) {
    let Some(transport) = shell.link(source.byte()) else { return };
    let inputs = (0..source.below(6))
        .map(|_| Input::Message { transport, message: Message::Text(server::word(source.byte()).into()) });
    let inputs: Vec<_> = inputs.collect();
    if shell.is_open(transport) {
        shell.manager.handle_inputs(inputs, shell.now);
    }
}

fn error(source: &mut Source<'_>) -> TransportError {
    let cause = || "fuzz".to_owned();
    match source.below(6) {
        0 => TransportError::Lost { cause: cause() },
        1 => TransportError::Closed { code: Some(source.short()), reason: cause() },
        2 => {
            let status = source.short();
            let retry_after = (status % 4 == 3).then(|| Duration::from_secs(status.into()));
            TransportError::Status { status, retry_after, body: cause() }
        }
        3 => TransportError::Offline,
        4 => TransportError::NotWebSocket { cause: cause() },
        _ => TransportError::Connect { address: cause(), cause: cause() },
    }
}
