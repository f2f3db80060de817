//! Nanoseconds per packet: the codec against serde_json alone, which knows no packets.
//!
//! `cargo bench -p socketio-client-core --bench codec`. The best of several rounds, on whatever machine this is.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::packet::{Header, PacketKind};
use socketio_client_core::{Codec, Decoded, EncodeError, Limits, Message};

#[derive(Serialize, Deserialize)]
struct Chat {
    from: String,
    room: u32,
    text: String,
    tags: Vec<String>,
}

impl Chat {
    /// An event with this as its argument has about `bytes`.
    fn of(bytes: usize, tags: usize) -> Self {
        let tags = (0..tags).map(|n| format!("tag {n}")).collect();
        Self { from: "alice".into(), room: 42, text: "x".repeat(bytes.saturating_sub(66)), tags }
    }
}

#[derive(Serialize, Deserialize)]
struct Photo {
    id: u32,
    data: Bytes,
}

fn time(name: &str, mut run: impl FnMut()) {
    const ROUNDS: usize = 15;
    let mut calls = 1;
    let mut best = f64::INFINITY;
    let mut round = 0;
    while round < ROUNDS {
        let start = Instant::now();
        for _ in 0..calls {
            run();
        }
        let nanos = start.elapsed().as_nanos();
        if nanos < 5_000_000 {
            calls *= 2;
            continue;
        }
        best = best.min(nanos as f64 / f64::from(calls));
        round += 1;
    }
    println!("  {name:<44} {best:>8.0} ns");
}

fn main() -> Result<(), EncodeError> {
    let limits = Limits::default();
    let plain = Header { kind: PacketKind::Event, attachments: 0, namespace: "/".into(), ack: None };
    for (bytes, tags) in [(100, 1), (4096, 1), (4096, 300)] {
        let chat = Chat::of(bytes - tags * 9, tags);
        let sent = Payload::event("chat", &chat)?;
        let mut out = VecDeque::new();
        Json.encode(&plain, Some(&sent), &mut out)?;
        let Some(Message::Text(text)) = out.pop_front() else { continue };
        let json = &text[2..];
        println!("{} bytes, {tags} tags", text.len());
        time("decode (check, name, arguments)", || {
            let _ = black_box(Json.decode(black_box(text.clone()), &limits));
        });
        time("  serde_json: check only", || {
            let _ = black_box(serde_json::from_str::<IgnoredAny>(black_box(json)));
        });
        time("decode and parse", || {
            let Ok(Decoded::Packet(_, Some(payload))) = Json.decode(black_box(text.clone()), &limits) else {
                return;
            };
            let _ = black_box(payload.parse::<Chat>());
        });
        time("  serde_json: parse", || {
            let _ = black_box(serde_json::from_str::<(IgnoredAny, Chat)>(black_box(json)));
        });
        time("build and encode", || {
            if let Ok(payload) = Payload::event("chat", black_box(&chat)) {
                let _ = Json.encode(&plain, Some(&payload), &mut out);
            }
            black_box(out.pop_front());
        });
        time("  serde_json: to_string", || {
            let _ = black_box(serde_json::to_string(black_box(&("chat", &chat))));
        });
    }
    println!("1 attachment of 1000 bytes");
    let photo = Photo { id: 1, data: vec![7; 1000].into() };
    let sent = Payload::event("photo", &photo)?;
    let binary = Header { attachments: 1, ..plain };
    let mut out = VecDeque::new();
    Json.encode(&binary, Some(&sent), &mut out)?;
    let Some(Message::Text(text)) = out.pop_front() else { return Ok(()) };
    let data = &sent.attachments()[0];
    time("decode, attach and parse", || {
        let Ok(Decoded::Partial(partial)) = Json.decode(black_box(text.clone()), &limits) else { return };
        let Ok(Decoded::Packet(_, Some(payload))) = Json.attach(partial, data.clone(), &limits) else {
            return;
        };
        let _ = black_box(payload.parse::<Photo>());
    });
    time("build and encode", || {
        out.clear();
        if let Ok(payload) = Payload::event("photo", black_box(&photo)) {
            let _ = Json.encode(&binary, Some(&payload), &mut out);
        }
    });
    Ok(())
}
