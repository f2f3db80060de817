//! What servers could send to keep a client busy.

use std::time::Duration;

use bytes::Bytes;
use socketio_client_core::codec::{Arguments, Json, Payload, Value};
use socketio_client_core::{Codec, Decoded, EmitOptions, Input as Any, Limits, Message, TransportKind};

use super::machine::Machine;

type Input = Any<Json>;

pub(crate) type Work = Box<dyn FnOnce() -> usize>;

pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// The smallest number of units.
    pub(crate) first: usize,
    /// An input of so many units: its bytes, and what is to be done with it.
    pub(crate) make: fn(usize) -> (usize, Work),
}

const WEBSOCKET: TransportKind = TransportKind::WebSocket;

fn size(inputs: &[Input]) -> usize {
    inputs
        .iter()
        .map(|input| match input {
            Input::Message { message: Message::Text(text), .. } => text.len(),
            Input::Message { message: Message::Binary(bytes), .. } => bytes.len(),
            Input::Got { body, .. } => body.len(),
            _ => 0,
        })
        .sum()
}

fn work(mut machine: Machine, inputs: Vec<Input>) -> (usize, Work) {
    (size(&inputs), Box::new(move || machine.run(inputs)))
}

/// One message.
fn one(text: String) -> (usize, Work) {
    let machine = Machine::joined(WEBSOCKET);
    let input = machine.text(text);
    work(machine, vec![input])
}

/// Many messages.
fn many(count: usize, text: impl Fn(usize) -> String) -> (usize, Work) {
    answers(Machine::joined(WEBSOCKET), count, text)
}

fn answers(machine: Machine, count: usize, text: impl Fn(usize) -> String) -> (usize, Work) {
    let inputs = (0..count).map(|number| machine.text(text(number))).collect();
    work(machine, inputs)
}

fn bodies(packets: usize, packet: &str) -> (usize, Work) {
    let machine = Machine::joined(TransportKind::Polling);
    let body = machine.body(vec![packet; packets].join("\u{1e}"));
    work(machine, vec![body])
}

/// So many emits wait for their acks, which come in this order.
fn acks(count: usize, number: impl Fn(usize) -> usize) -> (usize, Work) {
    acks_of(EmitOptions::default(), count, number)
}

/// The same of emits that want more.
fn acks_of(options: EmitOptions<'_>, count: usize, number: impl Fn(usize) -> usize) -> (usize, Work) {
    let mut machine = Machine::joined(WEBSOCKET);
    machine.emit(count, options);
    answers(machine, count, |at| format!("43{}[]", number(at)))
}

/// Each number below `count` once: of no size of an input is it a multiple.
const fn mixed(at: usize, count: usize) -> usize {
    at * 617 % count
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("/namespace-{number:06}")).collect()
}

/// So many namespaces of our own, connected if `joined`.
fn namespaces(count: usize, joined: bool) -> Machine {
    let names = names(count);
    let mut machine = Machine::joining(WEBSOCKET, names.iter().map(String::as_str));
    machine.run(Vec::new());
    if joined {
        let answers = names.iter().map(|name| machine.text(format!("40{name},{{\"sid\":\"n\"}}"))).collect();
        machine.run(answers);
    }
    machine
}

fn read(payload: Payload) -> (usize, Work) {
    (
        payload.size(),
        Box::new(move || payload.parse::<Arguments<Vec<Value>>>().map_or(0, |args| args.0.len())),
    )
}

/// An attachment of 100 bytes that stands in so many places, which no encoder writes.
fn shared(places: usize) -> Payload {
    let text = format!("451-[\"e\"{}]", r#",{"_placeholder":true,"num":0}"#.repeat(places));
    let Ok(Decoded::Partial(partial)) = Json.decode(text.into(), &Limits::default()) else {
        panic!("a packet that wants an attachment");
    };
    match Json.attach(partial, Bytes::from(vec![0; 100]), &Limits::default()) {
        Ok(Decoded::Packet(_, Some(payload))) => payload,
        _ => panic!("a packet that is complete"),
    }
}

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "one long text",
        unit: "KB",
        first: 16,
        make: |n| one(format!("42[\"e\",\"{}\"]", "m".repeat(1000 * n))),
    },
    Shape {
        name: "escapes in a text",
        unit: "escapes",
        first: 1000,
        make: |n| one(format!("42[\"e\",\"{}\"]", "\\u0041".repeat(n))),
    },
    Shape {
        name: "halves of characters in a text",
        unit: "halves",
        first: 1000,
        make: |n| one(format!("42[\"e\",\"{}\"]", "\\ud800".repeat(n))),
    },
    Shape {
        name: "lists 120 levels deep",
        unit: "lists",
        first: 25,
        make: |n| one(format!("42[\"e\"{}]", format!(",{}{}", "[".repeat(120), "]".repeat(120)).repeat(n))),
    },
    Shape {
        name: "an event's name of escapes",
        unit: "escapes",
        first: 1000,
        make: |n| one(format!("42[\"{}\"]", "\\n".repeat(n))),
    },
    Shape {
        name: "spaces between arguments",
        unit: "KB",
        first: 4,
        make: |n| one(format!("42[\"e\",{}1]", " ".repeat(1000 * n))),
    },
    Shape {
        name: "digits of an ack id",
        unit: "KB",
        first: 4,
        make: |n| one(format!("42{}[\"e\"]", "0".repeat(1000 * n))),
    },
    Shape {
        name: "digits of a number",
        unit: "KB",
        first: 4,
        make: |n| one(format!("42[\"e\",{}]", "1".repeat(1000 * n))),
    },
    Shape {
        name: "attachments, as servers send them",
        unit: "attachments",
        first: 250,
        make: |n| {
            let machine = Machine::joined(WEBSOCKET);
            let places: String =
                (0..n).map(|at| format!(",{{\"_placeholder\":true,\"num\":{at}}}")).collect();
            let mut inputs = vec![machine.text(format!("45{n}-[\"e\"{places}]"))];
            inputs.extend((0..n).map(|_| machine.binary(b"data")));
            work(machine, inputs)
        },
    },
    Shape {
        name: "placeholders that are none",
        unit: "objects",
        first: 500,
        make: |n| one(format!("451-[\"e\"{}]", ",{\"_placeholder\":0}".repeat(n))),
    },
    Shape {
        name: "placeholders in one another, turned about",
        unit: "times 100 levels",
        first: 5,
        make: |n| {
            let nested =
                format!("{}0{}", "{\"num\":0,\"a\":".repeat(100), ",\"_placeholder\":true}".repeat(100));
            one(format!("451-[\"e\"{}]", format!(",{nested}").repeat(n)))
        },
    },
    Shape {
        name: "keys with escapes, beside attachments",
        unit: "keys",
        first: 500,
        make: |n| one(format!("451-[\"e\",{{\"a\":0{}}}]", ",\"\\u005fplaceholder\":0".repeat(n))),
    },
    Shape {
        name: "attachments, read by the application",
        unit: "attachments",
        first: 250,
        make: |n| {
            let part = Bytes::from(vec![0; 100]);
            read(Payload::event("e", &Arguments(vec![Value::Bytes(part); n])).expect("a payload"))
        },
    },
    Shape {
        name: "one attachment in many places, read by the application",
        unit: "places",
        first: 250,
        make: |n| read(shared(n)),
    },
    Shape {
        name: "half-built packets, completed",
        unit: "packets",
        first: 125,
        make: |n| {
            let machine = Machine::joined(WEBSOCKET);
            let packet = r#"451-["e",{"_placeholder":true,"num":0}]"#;
            let inputs =
                (0..n).flat_map(|_| [machine.text(packet.to_owned()), machine.binary(b"data")]).collect();
            work(machine, inputs)
        },
    },
    Shape {
        // Longer than a body that is shared (`client-core/src/codec/polling.rs`).
        name: "noops in a body",
        unit: "packets",
        first: 1000,
        make: |n| bodies(n, "6"),
    },
    Shape { name: "pings in a body", unit: "packets", first: 1000, make: |n| bodies(n, "2") },
    Shape { name: "events in a body", unit: "packets", first: 250, make: |n| bodies(n, r#"42["e"]"#) },
    Shape {
        name: "attachments in a body",
        unit: "packets",
        first: 125,
        make: |n| bodies(n, "451-[\"e\"]\u{1e}bAAAA"),
    },
    Shape { name: "pings", unit: "packets", first: 250, make: |n| many(n, |_| "2".to_owned()) },
    Shape {
        name: "handshakes inside a session",
        unit: "packets",
        first: 250,
        make: |n| many(n, |_| "0{}".to_owned()),
    },
    Shape { name: "events", unit: "packets", first: 250, make: |n| many(n, |_| r#"42["e"]"#.to_owned()) },
    Shape {
        name: "events with offsets, all the same",
        unit: "packets",
        first: 125,
        make: |n| many(n, |_| r#"42["e","1700000000000-0"]"#.to_owned()),
    },
    Shape {
        name: "events with offsets, none the same",
        unit: "packets",
        first: 125,
        make: |n| many(n, |at| format!("42[\"e\",\"{}-0\"]", 1_700_000_000_000_u64 + at as u64)),
    },
    Shape {
        name: "events for unknown namespaces",
        unit: "packets",
        first: 250,
        make: |n| many(n, |at| format!("42/n{at:06},[\"e\"]")),
    },
    Shape {
        name: "CONNECT of a namespace that is connected",
        unit: "packets",
        first: 250,
        make: |n| many(n, |at| format!("40{{\"sid\":\"{at:06}\"}}")),
    },
    Shape {
        name: "acks that nobody waits for",
        unit: "packets",
        first: 250,
        make: |n| many(n, |at| format!("43{}[]", 900_000 + at)),
    },
    Shape { name: "acks, the first one first", unit: "packets", first: 250, make: |n| acks(n, |at| at) },
    Shape { name: "one ack again and again", unit: "packets", first: 250, make: |n| acks(n, |_| 0) },
    Shape {
        name: "acks, the last one first",
        unit: "packets",
        first: 250,
        make: |n| acks(n, |at| n - 1 - at),
    },
    Shape { name: "acks in no order", unit: "packets", first: 250, make: |n| acks(n, |at| mixed(at, n)) },
    Shape {
        name: "acks in no order, each awaited for a time",
        unit: "packets",
        first: 250,
        make: |n| {
            let options = EmitOptions { timeout: Some(Duration::from_secs(20)), ..EmitOptions::default() };
            acks_of(options, n, |at| mixed(at, n))
        },
    },
    Shape {
        name: "acks in no order, and the application watches each",
        unit: "packets",
        first: 250,
        make: |n| acks_of(EmitOptions { watched: true, ..EmitOptions::default() }, n, |at| mixed(at, n)),
    },
    Shape {
        name: "events before the answer to CONNECT, and the answer",
        unit: "packets",
        first: 125,
        make: |n| {
            let machine = Machine::joining(WEBSOCKET, ["/"]);
            answers(machine, n + 1, |at| {
                if at < n { r#"42["e"]"#.to_owned() } else { r#"40{"sid":"n"}"#.to_owned() }
            })
        },
    },
];

/// Not judged: an application has as many namespaces as it likes, and each packet, ping and look at what to do next costs a part of
/// them. No server can choose how many.
pub(crate) const SHOWN: &[Shape] = &[
    Shape {
        name: "answers to CONNECT, as many as namespaces",
        unit: "namespaces",
        first: 62,
        make: |n| {
            let names = names(n);
            answers(namespaces(n, false), n, |at| format!("40{},{{\"sid\":\"n\"}}", names[at]))
        },
    },
    Shape {
        name: "events, one for each of as many namespaces",
        unit: "namespaces",
        first: 62,
        make: |n| {
            let names = names(n);
            answers(namespaces(n, true), n, |at| format!("42{},[\"e\"]", names[at]))
        },
    },
    Shape {
        name: "pings, beside as many namespaces",
        unit: "namespaces",
        first: 62,
        make: |n| answers(namespaces(n, true), n, |_| "2".to_owned()),
    },
    Shape {
        name: "the end of as many namespaces",
        unit: "namespaces",
        first: 62,
        make: |n| {
            let names = names(n);
            answers(namespaces(n, true), n, |at| format!("41{},", names[at]))
        },
    },
    Shape {
        name: "the end of as many namespaces, the last one first",
        unit: "namespaces",
        first: 62,
        make: |n| {
            let names = names(n);
            answers(namespaces(n, true), n, |at| format!("41{},", names[n - 1 - at]))
        },
    },
    Shape {
        name: "packets for unknown namespaces, beside as many of our own",
        unit: "namespaces",
        first: 62,
        make: |n| answers(namespaces(n, true), n, |at| format!("42/unknown---{at:06},[\"e\"]")),
    },
    Shape {
        name: "events, one for each of as many namespaces, one at a time",
        unit: "namespaces",
        first: 62,
        make: |n| {
            let names = names(n);
            answers(namespaces(n, true).one_by_one(), n, |at| format!("42{},[\"e\"]", names[at]))
        },
    },
];
