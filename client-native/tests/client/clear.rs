//! Emits that are not to stay in the store. In real time: the store has a thread of its own.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use socketio_client_native::store::{MemoryStore, Opened, Record, Store, StoreError};
use socketio_client_native::{ClearError, Client, ClientBuilder, ClientEvent, Durability, Fate};

use crate::support::{Server, pair};

/// A store that tells what it was asked for, and may wait before it opens.
struct Log {
    place: MemoryStore,
    calls: Sender<&'static str>,
    gate: Option<Receiver<()>>,
}

impl Log {
    fn tell(&self, call: &'static str) {
        // The test may have ended.
        let _ = self.calls.send(call);
    }
}

impl Store for Log {
    fn open(&mut self) -> Result<Opened, StoreError> {
        if let Some(gate) = self.gate.take() {
            let _ = gate.recv();
        }
        self.place.open()
    }
    fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.tell("append");
        self.place.append(records)
    }
    fn erase(&mut self, namespace: &str, seqs: &[u64]) -> Result<(), StoreError> {
        self.tell("erase");
        self.place.erase(namespace, seqs)
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        self.tell("flush");
        self.place.flush()
    }
    fn reserve(&mut self, up_to: u64) -> Result<(), StoreError> {
        self.place.reserve(up_to)
    }
    fn clear(&mut self) -> Result<(), StoreError> {
        self.tell("clear");
        self.place.clear()
    }
}

fn logged(
    place: &MemoryStore,
    gate: Option<Receiver<()>>,
) -> (ClientBuilder, Server, Receiver<&'static str>) {
    let (builder, server) = pair();
    let (calls, log) = mpsc::channel();
    (builder.outbox_store(Log { place: place.clone(), calls, gate }), server, log)
}

#[tokio::test]
async fn a_cleared_outbox_holds_nothing_and_each_emit_ends() {
    let place = MemoryStore::new();
    let (builder, mut server, _log) = logged(&place, None);
    let client = builder.build().unwrap();
    let (socket, chat) = (client.default_socket(), client.socket("/chat"));
    let sent = socket.emit("a", &1).unwrap();
    let held = socket.emit("a", &2).unwrap();
    let other = chat.emit("a", &3).unwrap();
    let mut peer = server.connect().await;
    while peer.text().await != r#"420["a",1]"# {}
    let late = socket.emit("a", &4).unwrap();
    let cleared = client.clear_outbox();
    // All of that is so at once; what comes after it stays.
    assert!(matches!(socket.fate(sent), Some(Fate::Uncertain { attempts: 1, .. })));
    for (socket, ticket) in [(&socket, held), (&chat, other), (&socket, late)] {
        assert_eq!(socket.fate(ticket), Some(Fate::Cancelled));
    }
    let new = socket.emit("a", &5).unwrap();
    cleared.await.unwrap();
    assert!(socket.stored(new).await);
    let texts = place.records().into_iter().map(|record| record.text).collect::<Vec<_>>();
    assert_eq!(texts, [r#"["a",5]"#]);
    while !peer.text().await.ends_with(r#"["a",5]"#) {}
}

#[tokio::test]
async fn what_earlier_processes_left_is_cleared_unsent_even_before_it_is_known() {
    let place = MemoryStore::new();
    let mut earlier = place.clone();
    earlier.open().unwrap();
    earlier.reserve(1024).unwrap();
    for (seq, namespace) in [(5, "/"), (6, "/"), (7, "/nobody")] {
        let (text, attachments) = (r#"["a",1]"#.into(), Vec::new());
        let namespace = namespace.into();
        let record =
            Record { namespace, seq, text, attachments, created_at: 0, expires_at: None, attempts: 0 };
        earlier.append(&[record]).unwrap();
    }
    drop(earlier);
    let (open, gate) = mpsc::channel();
    let (builder, mut server, _log) = logged(&place, Some(gate));
    let client = builder.retry_window(9).build().unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    client.on_event(move |event| {
        if let ClientEvent::OutboxSettled { seq, fate, .. } = event {
            let _ = tell.send((seq, fate));
        }
    });
    let socket = client.default_socket();
    let mine = socket.emit("a", &1).unwrap();
    let cleared = client.clear_outbox();
    let new = socket.emit("a", &2).unwrap();
    assert_eq!((socket.fate(mine), socket.fate(new)), (Some(Fate::Cancelled), Some(Fate::Held)));
    let mut peer = server.connect().await;
    open.send(()).unwrap();
    cleared.await.unwrap();
    for seq in [5, 6] {
        assert!(matches!(told.recv().await, Some((told, Fate::Uncertain { .. })) if told == seq));
    }
    assert!(peer.text().await.ends_with(r#"["a",2]"#), "nothing else is sent");
    assert_eq!(place.records().len(), 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_emptied_is_an_error() {
    let place = MemoryStore::new();
    let (builder, _server, _log) = logged(&place, None);
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let ticket = socket.emit("a", &1).unwrap();
    assert!(socket.stored(ticket).await);
    // Another one has the place.
    let (builder, _server, _log) = logged(&place, None);
    let second = builder.build().unwrap();
    let Err(ClearError::Storage { cause }) = second.clear_outbox().await else { panic!() };
    assert!(cause.contains("in use"), "{cause}");
    assert_eq!(place.records().len(), 1);
    client.clear_outbox().await.unwrap();
    assert!(place.records().is_empty());
}

#[tokio::test]
async fn without_an_outbox_there_is_nothing_to_clear() {
    let client = Client::builder("http://server.test").auto_connect(false).build().unwrap();
    let socket = client.default_socket();
    let ticket = socket.emit("a", &1).unwrap();
    client.clear_outbox().await.unwrap();
    assert_eq!(socket.fate(ticket), Some(Fate::Held));
}

#[tokio::test]
async fn a_cancelled_emit_leaves_the_store_durably_at_once() {
    let place = MemoryStore::new();
    let (builder, _server, log) = logged(&place, None);
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let ticket = socket.emit("a", &1).unwrap();
    assert!(socket.stored(ticket).await);
    assert!(socket.cancel(ticket));
    client.clear_outbox().await.unwrap();
    assert_eq!(log.try_iter().collect::<Vec<_>>(), ["append", "erase", "flush", "clear"]);
}

#[tokio::test]
async fn who_waits_for_what_the_store_did_not_take_is_told_so() {
    let place = MemoryStore::new();
    let (builder, mut server, _log) = logged(&place, None);
    let client = builder.outbox_durability(Durability::WriteBehind).build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    let first = socket.emit("a", &1).unwrap();
    assert!(socket.stored(first).await);
    peer.expect(r#"420["a",1]"#).await;
    peer.send("430[]").await;
    assert_eq!(socket.settled(first).await, Some(Fate::Acknowledged));
    place.set_room(Some(0));
    let second = socket.emit("a", &2).unwrap();
    let stored = socket.stored(second);
    peer.expect(r#"421["a",2]"#).await;
    // It is neither answered nor given up.
    assert!(!tokio::time::timeout(Duration::from_secs(30), stored).await.unwrap());
    assert_eq!(socket.fate(second), Some(Fate::InFlight { attempt: 1 }));
    assert!(!socket.stored(second).await, "also if it is asked later");
    peer.send("431[]").await;
    assert_eq!(socket.settled(second).await, Some(Fate::Acknowledged));
}
