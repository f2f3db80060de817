//! Events of ours: what an application gives is what the server reads.

use std::collections::VecDeque;

use bytes::Bytes;
use socketio_client_core::codec::{Arguments, Codec as _, Json, Payload, Value};
use socketio_client_core::packet::{Header, PacketKind};

use crate::packet::{decode, taken};
use crate::source::Source;

/// Values in one another.
const DEPTH: u8 = 6;

pub(crate) fn run(data: &[u8]) {
    let mut source = Source(data);
    let namespace = ["/", "/a", "/\u{e9}"][usize::from(source.below(3))];
    let ack = source.yes().then(|| source.number());
    let name = source.text();
    let mut room = 8;
    let values: Vec<_> = (0..source.below(5)).map(|_| value(&mut source, DEPTH, &mut room)).collect();
    let Ok(payload) = Payload::event(&name, &Arguments(&values)) else { return };
    assert_eq!(payload.event_name(), name);
    assert_eq!(payload.parse::<Arguments<Vec<Value>>>().map(|list| list.0).as_ref(), Ok(&values));
    let attachments = payload.attachments().len();
    let header = Header { kind: PacketKind::Event, attachments, namespace: namespace.into(), ack };
    let (mut out, mut last) = (VecDeque::new(), VecDeque::new());
    Json.encode(&header, Some(&payload), &mut out).expect("it was accepted");
    Json.encode_last(&header, payload.clone(), &mut last).expect("it was accepted");
    let (text, bytes) = taken(out);
    assert_eq!((&text, &bytes), (&taken(last).0, &payload.attachments().to_vec()));
    assert!(text.len() >= payload.json().len() && text.len() <= payload.json().len() + 64);
    let packet = decode(&text, bytes).expect("what was written can be read").expect("it is whole");
    let (found, Some(read)) = packet else { panic!("it has a payload") };
    assert_eq!((&found, read.event_name()), (&header, name.as_str()));
    assert_eq!(read.parse::<Arguments<Vec<Value>>>().map(|list| list.0), Ok(values), "{text}");
}

/// Without keys that come twice, and without what looks like a placeholder: JavaScript takes that for one, as we do.
fn value(source: &mut Source<'_>, depth: u8, room: &mut usize) -> Value {
    match source.below(if depth == 0 { 7 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(source.yes()),
        2 => Value::Number(source.number().into()),
        3 => Value::Number(source.number().cast_signed().into()),
        4 => serde_json::Number::from_f64(f64::from_bits(source.number())).map_or(Value::Null, Value::Number),
        5 => Value::String(source.text()),
        6 if *room > 0 => {
            *room -= 1;
            let bytes = source.bytes();
            Value::Bytes(Bytes::copy_from_slice(&bytes[..bytes.len().min(8)]))
        }
        6 => Value::Null,
        7 => Value::Array((0..source.below(4)).map(|_| value(source, depth - 1, room)).collect()),
        _ => {
            let mut entries: Vec<(String, Value)> = Vec::new();
            for _ in 0..source.below(4) {
                let key = source.text();
                if key != "_placeholder" && entries.iter().all(|(other, _)| *other != key) {
                    entries.push((key, value(source, depth - 1, room)));
                }
            }
            Value::Object(entries)
        }
    }
}
