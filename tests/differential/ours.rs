//! Our codec, asked by `differential.test.mjs`: a question is a line of JSON on standard input, its answer one on standard
//! output. `README.md` has their forms.

mod tokens;

use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead as _, BufWriter, Write as _};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Token, json};
use socketio_client_core::codec::{Arguments, Json, Partial, Payload, Value};
use socketio_client_core::engine::PacketType;
use socketio_client_core::packet::{Header, PacketKind};
use socketio_client_core::{Codec as _, DecodeError, Decoded, Limits, Message};

use self::tokens::{hex, unhex};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    /// Messages of a WebSocket, in their order.
    Messages(Vec<Wire>),
    /// What a GET brought.
    Body(String),
    /// A handshake, read.
    Handshake(String),
    /// A Socket.IO packet, written.
    Encode(Packet),
    /// Messages, as one polling body.
    Join(Vec<Wire>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Binary { hex: String },
}

#[derive(Deserialize)]
struct Packet {
    kind: String,
    namespace: String,
    id: Option<u64>,
    data: Option<Vec<Token>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Question::Messages(messages) => {
                let mut reader = Reader::default();
                for message in messages {
                    let message = message.read()?;
                    if reader.ended {
                        break;
                    }
                    reader.message(message);
                }
                reader.steps.into()
            }
            Question::Body(body) => {
                let mut reader = Reader::default();
                match Json.split(body.into(), &Limits::default()) {
                    Ok(texts) => {
                        for text in texts {
                            if reader.ended {
                                break;
                            }
                            reader.message(Message::Text(text));
                        }
                    }
                    Err(error) => reader.refuse("engine", &error),
                }
                reader.steps.into()
            }
            Question::Handshake(text) => match Json.handshake(&text.into()) {
                Ok(read) => json!({
                    "sid": read.sid,
                    "upgrades": read.upgrades,
                    "pingInterval": milliseconds(read.ping_interval),
                    "pingTimeout": milliseconds(read.ping_timeout),
                    "maxPayload": read.max_payload,
                }),
                Err(error) => json!({"error": error.to_string()}),
            },
            Question::Encode(packet) => match encode(packet) {
                Ok(messages) => json!({"messages": messages}),
                Err(error) => json!({"error": error.to_string()}),
            },
            Question::Join(messages) => {
                let mut queue = messages.into_iter().map(Wire::read).collect::<Result<_, _>>()?;
                let body = Json.join(&mut queue, None);
                json!({"body": &*body, "left": queue.len()})
            }
        };
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}

fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

impl Wire {
    fn read(self) -> Result<Message<Json>, &'static str> {
        Ok(match self {
            Self::Text(text) => Message::Text(text.into()),
            Self::Binary { hex } => Message::Binary(unhex(&hex).ok_or("not hexadecimal")?.into()),
        })
    }
}

/// What the engine does with messages, without its session.
#[derive(Default)]
struct Reader {
    partial: Option<Partial>,
    steps: Vec<Token>,
    ended: bool,
}

impl Reader {
    fn message(&mut self, message: Message<Json>) {
        let text = match message {
            Message::Binary(bytes) => return self.binary(bytes),
            Message::Text(text) => text,
        };
        let control = match Json.packet_type(&text) {
            Err(error) => return self.refuse("engine", &error),
            Ok(PacketType::Base64) => {
                return match Json.base64(text) {
                    Ok(bytes) => self.binary(bytes),
                    Err(error) => self.refuse("engine", &error),
                };
            }
            Ok(PacketType::Message) => {
                let decoded = match &self.partial {
                    Some(partial) => Err(DecodeError::AttachmentsMissing { missing: Json.missing(partial) }),
                    None => Json.decode(text, &Limits::default()),
                };
                return self.decoded(decoded);
            }
            Ok(PacketType::Open) => "open",
            Ok(PacketType::Close) => "close",
            Ok(PacketType::Ping) => "ping",
            Ok(PacketType::Pong) => "pong",
            Ok(PacketType::ProbePong) if &*text != "3probe" => "no pong of a probe",
            Ok(PacketType::ProbePong) => "pong",
            Ok(PacketType::Upgrade) => "upgrade",
            Ok(PacketType::Noop) => "noop",
        };
        self.steps.push(json!({"engine": control, "data": text.get(1..)}));
    }

    fn binary(&mut self, bytes: <Json as socketio_client_core::Codec>::Binary) {
        let limits = Limits::default();
        let decoded = match self.partial.take() {
            Some(partial) => Json.attach(partial, bytes, &limits),
            None => Json.decode_binary(bytes, &limits),
        };
        self.decoded(decoded);
    }

    fn decoded(&mut self, decoded: Result<Decoded<Json>, DecodeError>) {
        match decoded {
            Ok(Decoded::Packet(header, payload)) => self.steps.push(packet(&header, payload.as_ref())),
            Ok(Decoded::Partial(partial)) => {
                self.partial = Some(partial);
                self.steps.push(json!({"waits": true}));
            }
            Err(error) => self.refuse("socket", &error),
        }
    }

    fn refuse(&mut self, layer: &str, error: &DecodeError) {
        self.steps.push(json!({"refused": layer, "error": error.to_string()}));
        self.ended = true;
    }
}

/// A packet with its whole data; of an event and an ack also whether their arguments, read as such, are the same.
fn packet(header: &Header, payload: Option<&Payload>) -> Token {
    let mut told = json!({
        "kind": kind(header.kind),
        "namespace": &*header.namespace,
        "id": header.ack.map(|id| id.to_string()),
    });
    let Some(payload) = payload else { return json!({"packet": told}) };
    told["name"] = payload.event_name().into();
    match payload.parse_value::<Value>() {
        Ok(value) => {
            let mut data = Vec::new();
            tokens::write(&value, &mut data);
            told["data"] = data.into();
            if let (Value::Array(all), true) = (&value, is_list(header.kind)) {
                let args = all.get(usize::from(header.kind == PacketKind::Event)..);
                let same = payload.parse::<Arguments<Vec<Value>>>().is_ok_and(|read| Some(&*read.0) == args);
                told["same"] = same.into();
            }
        }
        Err(error) => told["unreadable"] = error.to_string().into(),
    }
    json!({"packet": told})
}

const fn is_list(kind: PacketKind) -> bool {
    matches!(kind, PacketKind::Event | PacketKind::Ack)
}

const fn kind(kind: PacketKind) -> &'static str {
    match kind {
        PacketKind::Connect => "connect",
        PacketKind::Disconnect => "disconnect",
        PacketKind::Event => "event",
        PacketKind::Ack => "ack",
        PacketKind::ConnectError => "connect_error",
    }
}

fn encode(packet: Packet) -> Result<Vec<Token>, Box<dyn Error>> {
    let data = match packet.data {
        Some(data) => Some(tokens::read(&mut data.into_iter()).ok_or("no value")?),
        None => None,
    };
    let (kind, payload) = match (&*packet.kind, data) {
        ("connect", data) => (PacketKind::Connect, data.map(|data| Payload::object(&data)).transpose()?),
        ("disconnect", None) => (PacketKind::Disconnect, None),
        ("event", Some(Value::Array(list))) => {
            let Some((Value::String(name), args)) = list.split_first() else { return Err("no name".into()) };
            (PacketKind::Event, Some(Payload::event(name, &Arguments(args))?))
        }
        ("ack", Some(Value::Array(list))) => (PacketKind::Ack, Some(Payload::args(&Arguments(list))?)),
        ("connect_error", data) => {
            (PacketKind::ConnectError, data.map(|data| Payload::object(&data)).transpose()?)
        }
        _ => return Err("no such packet".into()),
    };
    let header = Header {
        kind,
        attachments: payload.as_ref().map_or(0, |payload| Json.attachments(payload)),
        namespace: packet.namespace.as_str().into(),
        ack: packet.id,
    };
    let (mut kept, mut given) = (VecDeque::new(), VecDeque::new());
    Json.encode(&header, payload.as_ref(), &mut kept)?;
    let kept = wire(kept);
    if let Some(payload) = payload {
        Json.encode_last(&header, payload, &mut given).map_err(|(error, _)| error)?;
        if wire(given) != kept {
            return Err("`encode_last` writes what `encode` does not".into());
        }
    }
    Ok(kept)
}

fn wire(messages: VecDeque<Message<Json>>) -> Vec<Token> {
    messages
        .into_iter()
        .map(|message| match message {
            Message::Text(text) => (&*text).into(),
            Message::Binary(bytes) => json!({"hex": hex(&bytes)}),
        })
        .collect()
}
