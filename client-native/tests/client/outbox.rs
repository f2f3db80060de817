//! Emits that are kept in a store. In real time: the store has a thread of its own.

use std::path::PathBuf;
use std::time::Duration;

use socketio_client_native::store::{ByteString, MemoryStore, Record, StoreError};
use socketio_client_native::{
    Bytes, Client, ClientBuilder, ClientEvent, Durability, EmitError, Fate, Socket,
};
use tokio::sync::mpsc;

use crate::support::{Server, pair};

fn stored(place: &MemoryStore) -> (ClientBuilder, Server) {
    let (builder, server) = pair();
    (builder.outbox_store(place.clone()), server)
}

fn events(client: &Client) -> mpsc::UnboundedReceiver<ClientEvent> {
    let (tx, events) = mpsc::unbounded_channel();
    client.on_event(move |event| {
        if matches!(event, ClientEvent::OutboxError { .. } | ClientEvent::OutboxSettled { .. }) {
            // The test may have ended.
            let _ = tx.send(event);
        }
    });
    events
}

fn texts(place: &MemoryStore) -> Vec<ByteString> {
    place.records().into_iter().map(|record| record.text).collect()
}

/// Waits until the last process has let go of the place.
async fn ended(client: Client, socket: Socket) {
    let mut end = socket.stream("");
    drop((client, socket));
    assert!(end.next().await.is_none());
}

/// Waits for what the store's thread does.
async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn nothing_leaves_before_it_is_stored_and_it_stays_until_it_is_acknowledged() {
    let place = MemoryStore::new();
    let (builder, mut server) = stored(&place);
    let client = builder.retry_window(4).build().unwrap();
    let socket = client.default_socket();
    let first = socket.emit("order", &("tea", Bytes::from_static(b"leaf"))).unwrap();
    let second = socket.emit("order", "milk").unwrap();
    assert!(socket.stored(first).await && socket.stored(second).await);
    let settled = (socket.settled(first), socket.settled(second));
    let mut peer = server.connect().await;
    peer.expect(r#"451-0["order","tea",{"_placeholder":true,"num":0}]"#).await;
    assert_eq!(peer.binary().await, "leaf");
    peer.expect(r#"421["order","milk"]"#).await;
    peer.send("430[]").await;
    assert_eq!(settled.0.await, Some(Fate::Acknowledged));
    assert!(socket.stored(first).await, "it was");
    assert!(!texts(&place).is_empty());
    peer.send("431[]").await;
    assert_eq!(settled.1.await, Some(Fate::Acknowledged));
    ended(client, socket).await;
    assert!(texts(&place).is_empty());
}

#[tokio::test]
async fn what_a_process_leaves_the_next_one_sends_first() {
    let place = MemoryStore::new();
    let (builder, mut server) = stored(&place);
    let client = builder.exactly_once(true).build().unwrap();
    let (socket, chat) = (client.default_socket(), client.socket("/chat"));
    let photo = socket.emit("photo", &(7, Bytes::from_static(b"pixels"))).unwrap();
    let text = chat.emit("text", "hi").unwrap();
    assert!(socket.stored(photo).await && chat.stored(text).await);
    let mut peer = server.open(crate::support::SLOW).await;
    let name = peer.text().await;
    assert!(name.contains(r#""$delivery":{"v":1,"id":""#), "{name}");
    drop((peer, chat));
    ended(client, socket).await;
    assert_eq!(place.records().len(), 2);

    let (builder, mut server) = stored(&place);
    let client = builder.exactly_once(true).build().unwrap();
    let mut events = events(&client);
    let socket = client.default_socket();
    let new = socket.emit("photo", &8).unwrap();
    let mut peer = server.open(crate::support::SLOW).await;
    peer.expect(&name).await;
    peer.send(r#"40{"sid":"s1"}"#).await;
    // The question to the middleware comes once there are ids again, so before or after.
    let is_sync = |text: &str| text.contains(r#"["$delivery",{"sync":1}]"#);
    let mut first = peer.text().await;
    let asked = is_sync(&first);
    if asked {
        first = peer.text().await;
    }
    assert_eq!(first, r#"451-0["photo",7,{"_placeholder":true,"num":0}]"#);
    assert_eq!(peer.binary().await, "pixels");
    if !asked {
        assert!(is_sync(&peer.text().await));
    }
    let next = peer.text().await;
    let id: u64 = next.strip_prefix("42").unwrap().split('[').next().unwrap().parse().unwrap();
    assert!(id >= 1024, "{next}: none of the block that the first had reserved");
    peer.send(r#"430["seen"]"#).await;
    let event = events.recv().await.unwrap();
    let ClientEvent::OutboxSettled { seq: 0, fate: Fate::Acknowledged, event, answer } = event else {
        panic!("{event:?}")
    };
    assert_eq!((event.event_name(), &event.attachments()[0][..]), ("photo", &b"pixels"[..]));
    assert_eq!(answer.unwrap().parse::<String>().unwrap(), "seen");
    assert_eq!(socket.fate(new), Some(Fate::InFlight { attempt: 1 }));
    // The other namespace's turn is when somebody asks for it.
    until(|| texts(&place) == [r#"["photo",8]"#, r#"["text","hi"]"#]).await;
    let _chat = client.socket("/chat");
    assert!(peer.text().await.starts_with("40/chat,"));
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    let place = MemoryStore::new();
    let (builder, _server) = stored(&place);
    let first = builder.build().unwrap();
    let socket = first.default_socket();
    let ticket = socket.emit("a", &1).unwrap();
    assert!(socket.stored(ticket).await);

    let (builder, mut server) = stored(&place);
    let second = builder.exactly_once(true).build().unwrap();
    let mut events = events(&second);
    let socket = second.default_socket();
    match socket.emit("a", &2) {
        // It was not known yet.
        Ok(early) => assert_eq!(socket.settled(early).await, Some(Fate::Refused)),
        Err(error) => assert!(matches!(error, EmitError::Storage { .. }), "{error}"),
    }
    let Err(EmitError::Storage { cause }) = socket.emit("a", &3) else { panic!() };
    assert!(cause.starts_with("locked"), "{cause}");
    assert!(matches!(events.recv().await, Some(ClientEvent::OutboxError { .. })));
    // It listens all the same, and what is not kept leaves.
    let mut peer = server.open(crate::support::SLOW).await;
    assert!(peer.text().await.starts_with("40{"));
    peer.send(r#"40{"sid":"s2"}"#).await;
    socket.connected().await.unwrap();
    let _sync = peer.text().await;
    socket.volatile().emit("cursor", &()).unwrap();
    peer.expect(r#"42["cursor"]"#).await;
    assert_eq!(place.records().len(), 1, "the first one's is untouched");
}

#[tokio::test]
async fn a_store_that_does_not_open_is_told_and_done_without() {
    let place = MemoryStore::new();
    place.set_failure(Some(StoreError::ReadOnly {
        path: PathBuf::from("here"),
        cause: "private mode".into(),
    }));
    let (builder, mut server) = stored(&place);
    let client = builder.build().unwrap();
    let mut events = events(&client);
    let socket = client.default_socket();
    let ticket = socket.emit("a", &1).unwrap();
    let stored = socket.stored(ticket);
    let event = events.recv().await.unwrap();
    assert!(
        matches!(&event, ClientEvent::OutboxError { cause, .. } if cause.contains("private mode")),
        "{event:?}"
    );
    assert!(!stored.await);
    let mut peer = server.connect().await;
    peer.expect(r#"420["a",1]"#).await;
    assert!(!socket.stored(ticket).await);
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let place = MemoryStore::new();
    let (builder, _server) = stored(&place);
    let client = builder.build().unwrap();
    let mut events = events(&client);
    let socket = client.default_socket();
    let first = socket.emit("a", &1).unwrap();
    assert!(socket.stored(first).await);
    place.set_room(Some(0));
    let mut fates = socket.fates();
    let second = socket.emit("a", &2).unwrap();
    assert!(!socket.stored(second).await);
    assert_eq!(socket.settled(second).await, Some(Fate::Refused));
    assert!(
        matches!(events.recv().await, Some(ClientEvent::OutboxError { cause, .. }) if cause.contains("no room"))
    );
    let change = loop {
        let change = fates.next().await.unwrap();
        if change.emit == second && change.fate.is_final() {
            break change;
        }
    };
    assert_eq!(change.event.unwrap().args_json(), "2", "it is handed back");
    place.set_room(None);
    let third = socket.emit("a", &3).unwrap();
    assert!(socket.stored(third).await);
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_refuses_and_recovers() {
    let place = MemoryStore::new();
    place.set_room(Some(0));
    let (builder, _server) = stored(&place);
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let first = socket.emit("a", &1).unwrap();
    assert_eq!(socket.settled(first).await, Some(Fate::Refused));
    place.set_room(None);
    // The first may still be refused together with the block of ids that was asked for before.
    let mut ticket = socket.emit("a", &2).unwrap();
    while !socket.stored(ticket).await {
        ticket = socket.emit("a", &2).unwrap();
    }
    assert_eq!(texts(&place), [r#"["a",2]"#]);
}

#[tokio::test]
async fn write_behind_does_not_wait() {
    let place = MemoryStore::new();
    let (builder, mut server) = stored(&place);
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
    peer.expect(r#"421["a",2]"#).await;
    peer.send("431[]").await;
    assert_eq!(socket.settled(second).await, Some(Fate::Acknowledged), "it went on from memory");
}

#[tokio::test]
async fn what_is_too_old_is_uncertain_and_leaves_the_store() {
    let place = MemoryStore::new();
    let (builder, _server) = stored(&place);
    let client = builder.outbox_max_age(Duration::from_millis(1)).auto_connect(false).build().unwrap();
    let socket = client.default_socket();
    let ticket = socket.emit("a", &1).unwrap();
    // It may have been stored by then, and was certainly never sent.
    assert_eq!(socket.settled(ticket).await, Some(Fate::Expired));
    ended(client, socket).await;
    assert!(texts(&place).is_empty());

    place_record(&place, 5, r#"["a",2]"#, Some(1));
    place_record(&place, 6, r#"["a",3]"#, None);
    let (builder, mut server) = stored(&place);
    let client = builder.build().unwrap();
    let mut events = events(&client);
    let socket = client.default_socket();
    let event = events.recv().await.unwrap();
    assert!(
        matches!(event, ClientEvent::OutboxSettled { seq: 5, fate: Fate::Uncertain { .. }, .. }),
        "whether the process before had sent it is not known: {event:?}"
    );
    let mut peer = server.connect().await;
    peer.expect(r#"426["a",3]"#).await;
    drop(socket);
}

/// What is stored expires at a wall time: set a day forward, a clock ends it a day early, and set back a day late.
#[tokio::test]
async fn a_clock_that_is_a_day_off_ends_what_was_left_early_or_late_and_no_worse() {
    const DAY: u64 = 24 * 3600 * 1000;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let place = MemoryStore::new();
    // Each had an hour left.
    place_record(&place, 5, r#"["a",1]"#, Some(now + DAY / 24 - DAY));
    place_record(&place, 6, r#"["a",2]"#, Some(now + DAY / 24 + DAY));
    let (builder, mut server) = stored(&place);
    let client = builder.build().unwrap();
    let mut events = events(&client);
    let socket = client.default_socket();
    let event = events.recv().await.unwrap();
    let ClientEvent::OutboxSettled { seq: 5, fate: Fate::Uncertain { .. }, event, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(event.json(), r#"["a",1]"#);
    let mut peer = server.connect().await;
    peer.expect(r#"426["a",2]"#).await;
    peer.send("436[]").await;
    let event = events.recv().await.unwrap();
    assert!(
        matches!(event, ClientEvent::OutboxSettled { seq: 6, fate: Fate::Acknowledged, .. }),
        "{event:?}"
    );
    drop(socket);
}

#[tokio::test]
async fn what_is_no_event_is_told_and_removed() {
    let place = MemoryStore::new();
    place_record(&place, 5, "nonsense", None);
    place_record(&place, 6, r#"["a",{"_placeholder":true,"num":3}]"#, None);
    place_record(&place, 7, r#"["a",1]"#, None);
    let (builder, mut server) = stored(&place);
    let client = builder.retry_window(9).build().unwrap();
    let mut events = events(&client);
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    let event = events.recv().await.unwrap();
    assert!(matches!(event, ClientEvent::OutboxError { lost: Some(1..), .. }), "{event:?}");
    while peer.text().await != r#"427["a",1]"# {}
    drop(socket);
}

fn place_record(place: &MemoryStore, seq: u64, text: &'static str, expires_at: Option<u64>) {
    use socketio_client_native::store::Store as _;
    let mut store = place.clone();
    store.open().unwrap();
    store.reserve(1024).unwrap();
    let text = ByteString::from_static(text);
    let attachments = Vec::new();
    let record =
        Record { namespace: "/".into(), seq, text, attachments, created_at: 0, expires_at, attempts: 0 };
    store.append(&[record]).unwrap();
}
