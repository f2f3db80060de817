//! `sio outbox`: what a stored outbox holds.

use std::path::Path;

use serde::Serialize;
use socketio_client_native::store::{FileStore, Record, Store as _};
use socketio_client_native::{Arguments, Outgoing, Value};

use crate::exit::{Exit, say};
use crate::output::Output;
use crate::value::JsonList;

/// One event that waits.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    namespace: &'a str,
    event: &'a str,
    args: JsonList<'a>,
    /// Milliseconds since 1970.
    created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

pub(crate) fn run(file: &Path, clear: bool) -> Result<Exit, Exit> {
    if !file.is_file() {
        return Err(Exit::Usage(format!("there is no outbox {}", file.display())));
    }
    let mut store = FileStore::new(file);
    let opened = store.open().map_err(|error| Exit::Usage(error.to_string()))?;
    if let Some(aside) = &opened.aside {
        say(&format!("the outbox could not be read; it is now {}", aside.display()));
    } else if opened.lost != Some(0) {
        say("some events in the outbox are damaged, and are lost");
    }
    if clear {
        store.clear().map_err(|error| Exit::Usage(error.to_string()))?;
        return Ok(Exit::Done);
    }
    let output = Output::start(|_| {}).map_err(|e| Exit::Output(format!("no threads: {e}")))?;
    opened.records.iter().for_each(|record| print(record, &output));
    output.drain();
    Ok(Exit::Done)
}

fn print(record: &Record, output: &Output) {
    let event = match Outgoing::from_record(record) {
        Ok(event) => event,
        Err(error) => return say(&format!("event {} of {}: {error}", record.seq, record.namespace)),
    };
    match event.parse::<Arguments<Vec<Value>>>() {
        Ok(Arguments(args)) => output.line(&Line {
            seq: record.seq,
            namespace: &record.namespace,
            event: event.event(),
            args: JsonList(&args),
            created_at: record.created_at,
            expires_at: record.expires_at,
        }),
        Err(error) => say(&format!("event {} of {}: {error}", record.seq, record.namespace)),
    }
}
