//! The lines of `sio connect`: what it writes, and what it reads.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use socketio_client_native::{Gap, Value};
use tokio::sync::mpsc;

use crate::value::{Json, JsonList, list_with_bytes};

/// Bytes of one line of input. The client's own buffer holds half of it.
const MAX_LINE: u64 = 32 << 20;

/// One line of output.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Connect {
        namespace: &'a str,
        id: &'a str,
        recovered: bool,
    },
    /// Events may be missing. Times are Unix times in milliseconds, null where they are not known.
    Gap {
        namespace: &'a str,
        recovered: bool,
        exact: bool,
        reason: &'a str,
        since: Option<u64>,
        until: u64,
        outage_ms: u64,
        last_offset: Option<String>,
        last_event_at: Option<u64>,
        possibly_missed: Option<u64>,
        server_knew: bool,
    },
    Disconnect {
        namespace: &'a str,
        reason: &'a str,
    },
    ConnectError {
        namespace: &'a str,
        message: &'a str,
        data: Json<'a>,
    },
    ReconnectAttempt {
        attempt: u32,
        delay_ms: u64,
    },
    Reconnect,
    ReconnectFailed,
    Event {
        namespace: &'a str,
        event: &'a str,
        args: JsonList<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ack: Option<u64>,
        /// It was missed, and came when the session was resumed.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        replayed: bool,
    },
    Ack {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a RawValue>,
        #[serde(flatten)]
        outcome: Outcome<'a>,
    },
    /// What has become of an emit.
    Fate {
        id: &'a RawValue,
        fate: &'a str,
    },
    /// An emit of an earlier process is settled; `args` is what was answered.
    OutboxSettled {
        seq: u64,
        fate: &'a str,
        event: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        args: Option<JsonList<'a>>,
    },
    OutboxError {
        message: &'a str,
        kept: usize,
        lost: Option<u64>,
    },
    DeliveryUnsupported,
    Error {
        message: &'a str,
    },
}

impl<'a> Line<'a> {
    /// What may be missing in a namespace.
    pub(crate) fn gap(namespace: &'a str, gap: &Gap) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self::Gap {
            namespace,
            recovered: gap.recovered,
            exact: gap.exact,
            reason: gap.reason.as_str(),
            since: Some(millis(gap.since)).filter(|since| *since > 0),
            until: millis(gap.until),
            outage_ms: millis(gap.outage),
            last_offset: gap.last_offset.map(|offset| offset.to_string()),
            last_event_at: gap.last_event_at.map(millis),
            possibly_missed: gap.possibly_missed,
            server_knew: gap.server_knew,
        }
    }
}

/// What became of an emit with ack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome<'a> {
    Args(JsonList<'a>),
    Error(&'a str),
}

/// One line of input.
#[derive(Debug)]
pub(crate) enum Command {
    Emit(Emit),
    Answer { ack: u64, args: Vec<Value> },
    Disconnect,
}

/// An event to be sent.
#[derive(Debug)]
pub(crate) struct Emit {
    pub(crate) event: String,
    pub(crate) args: Vec<Value>,
    pub(crate) ack: bool,
    /// As it was written, so that it is given back unchanged.
    pub(crate) id: Option<Box<RawValue>>,
    pub(crate) namespace: Option<String>,
}

impl Command {
    /// Reads a line.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        // A field that nobody reads is a mistake that nobody would notice.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            emit: Option<String>,
            #[serde(default)]
            args: Vec<Value>,
            ack: Option<Value>,
            id: Option<Box<RawValue>>,
            namespace: Option<String>,
            disconnect: Option<bool>,
        }
        let Fields { emit, args, ack, id, namespace, disconnect } =
            serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let args = list_with_bytes(args)?;
        match (emit, ack, disconnect) {
            (Some(event), ack, None) => {
                let ack = match ack {
                    None => false,
                    Some(Value::Bool(ack)) => ack,
                    Some(_) => return Err("\"ack\" beside \"emit\" is true or false".to_owned()),
                };
                // It is valid JSON already: the first character tells its type.
                let plain = |id: &RawValue| {
                    id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
                };
                if !id.as_deref().is_none_or(plain) {
                    return Err("\"id\" is a text or a number".to_owned());
                }
                Ok(Self::Emit(Emit { event, args, ack, id, namespace }))
            }
            (None, Some(Value::Number(ack)), None) if id.is_none() && namespace.is_none() => {
                let ack = ack.as_u64().ok_or("\"ack\" is the number that came with the event")?;
                Ok(Self::Answer { ack, args })
            }
            (None, None, Some(true)) => Ok(Self::Disconnect),
            _ => Err("one of \"emit\", \"ack\" (a number) and \"disconnect\" (true) is needed".to_owned()),
        }
    }
}

/// Reads standard input on a thread of its own, since nothing can call a blocked read off. One line waits at most.
pub(crate) fn read() -> mpsc::Receiver<Result<Command, String>> {
    let (sender, receiver) = mpsc::channel(1);
    let input = std::io::stdin();
    let prompt = input.is_terminal();
    let read = move || {
        let mut reader = input.lock();
        loop {
            if prompt {
                let _ = write!(std::io::stderr(), "> ");
            }
            let command = match next_line(&mut reader, MAX_LINE) {
                Ok(None) => return,
                Ok(Some(Ok(line))) if line.trim_ascii().is_empty() => continue,
                Ok(Some(Ok(line))) => Command::parse(&line).map_err(|e| format!("cannot read the line: {e}")),
                Ok(Some(Err(message))) => Err(message),
                Err(error) => Err(format!("standard input cannot be read: {error}")),
            };
            let broken = command.as_ref().is_err_and(|message| message.starts_with("standard input"));
            if sender.blocking_send(command).is_err() || broken {
                return;
            }
        }
    };
    // Without the thread the sender is gone, and the input with it.
    if let Err(error) = std::thread::Builder::new().name("stdin".to_owned()).spawn(read) {
        crate::exit::say(&format!("standard input cannot be read: {error}"));
    }
    receiver
}

/// The next line without its end; `Err` inside for one that is longer than `max`, which is passed over.
fn next_line(reader: &mut impl BufRead, max: u64) -> std::io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    if reader.by_ref().take(max).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") || (line.len() as u64) < max {
        return Ok(Some(Ok(line)));
    }
    drop(line);
    reader.skip_until(b'\n')?;
    Ok(Some(Err(format!("cannot read the line: it is longer than {max} bytes"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.as_bytes())
    }

    #[test]
    fn commands() {
        let line = r#"{"emit":"chat","args":[1,{"$bytes":"AA=="}],"ack":true,"id":"q1","namespace":"/"}"#;
        let Ok(Command::Emit(emit)) = parse(line) else { panic!() };
        assert_eq!((emit.event.as_str(), emit.ack, emit.namespace.as_deref()), ("chat", true, Some("/")));
        assert_eq!(emit.args[1], Value::Bytes(vec![0].into()));
        let Ok(Command::Emit(emit)) = parse(r#" {"emit":"","id": 1.10 } "#) else { panic!() };
        assert_eq!((emit.args.len(), emit.ack, emit.id.unwrap().get()), (0, false, "1.10"));
        assert!(
            matches!(parse(r#"{"ack":7,"args":[[]]}"#), Ok(Command::Answer { ack: 7, args }) if args.len() == 1)
        );
        assert!(matches!(parse(r#"{"ack":7}"#), Ok(Command::Answer { ack: 7, args }) if args.is_empty()));
        assert!(matches!(parse(r#"{"disconnect":true}"#), Ok(Command::Disconnect)));
    }

    #[test]
    fn lines_that_cannot_be_read() {
        for line in [
            "nonsense",
            "",
            "[]",
            "7",
            "null",
            "{}",
            "{\"emit\":1}",
            r#"{"emit":"a","arg":[1]}"#,
            r#"{"emit":"a","args":{}}"#,
            r#"{"emit":"a","ack":1}"#,
            r#"{"emit":"a","id":{}}"#,
            r#"{"emit":"a","id":true}"#,
            r#"{"emit":"a","id":[1]}"#,
            r#"{"emit":"a","disconnect":true}"#,
            r#"{"ack":-1}"#,
            r#"{"ack":1.5}"#,
            r#"{"ack":"7"}"#,
            r#"{"ack":true}"#,
            r#"{"disconnect":false}"#,
            r#"{"args":[]}"#,
            r#"{"emit":"a","emit":"b"}"#,
            r#"{"emit":"a","args":[{"$bytes":"?"}]}"#,
            r#"{"emit":"a"} x"#,
            "{\"emit\":\"\u{1}\"}",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(Command::parse(b"{\"emit\":\"\xff\"}").is_err());
        assert!(
            parse(&format!(r#"{{"emit":"a","args":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000)))
                .is_err()
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut input = &b"short\n12345678901234567890\nnext\n123456789\nlast"[..];
        let mut next = || next_line(&mut input, 10).unwrap();
        assert_eq!(next(), Some(Ok(b"short\n".to_vec())));
        assert!(next().unwrap().is_err());
        assert_eq!(next(), Some(Ok(b"next\n".to_vec())));
        assert_eq!(next(), Some(Ok(b"123456789\n".to_vec())));
        assert_eq!(next(), Some(Ok(b"last".to_vec())));
        assert_eq!(next(), None);
    }

    #[test]
    fn output() {
        let text = |line: &Line<'_>| serde_json::to_string(line).unwrap();
        let args = [Value::Null, Value::Bytes(vec![255].into())];
        assert_eq!(text(&Line::Reconnect), r#"{"type":"reconnect"}"#);
        assert_eq!(
            text(&Line::ReconnectAttempt { attempt: 2, delay_ms: 812 }),
            r#"{"type":"reconnect_attempt","attempt":2,"delay_ms":812}"#
        );
        assert_eq!(
            text(&Line::Event {
                namespace: "/",
                event: "e",
                args: JsonList(&args),
                ack: Some(7),
                replayed: false
            }),
            r#"{"type":"event","namespace":"/","event":"e","args":[null,{"$bytes":"/w=="}],"ack":7}"#
        );
        let id: Box<RawValue> = serde_json::from_str("1.10").unwrap();
        assert_eq!(
            text(&Line::Ack { id: Some(&id), outcome: Outcome::Args(JsonList(&[])) }),
            r#"{"type":"ack","id":1.10,"args":[]}"#
        );
        assert_eq!(
            text(&Line::Ack { id: None, outcome: Outcome::Error("no") }),
            r#"{"type":"ack","error":"no"}"#
        );
    }
}
