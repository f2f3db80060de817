//! What becomes of emits.

use std::time::Duration;

use socketio_client_native::{BufferPolicy, EmitError, Fate, Receipts};

use crate::support::{pair, within};

#[tokio::test(start_paused = true)]
async fn an_emit_is_held_then_delivered_by_a_receipt() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let ticket = socket.emit("hello", &1).unwrap();
    assert_eq!(socket.fate(ticket), Some(Fate::Held));
    let settled = socket.settled(ticket);
    let mut peer = server.connect().await;
    peer.expect(r#"42["hello",1]"#).await;
    assert_eq!(socket.fate(ticket), Some(Fate::InFlight { attempt: 1 }));
    // The library answers the ping while the server reads.
    let reading = tokio::spawn(async move { peer.message().await });
    assert_eq!(settled.await, Some(Fate::Delivered));
    assert_eq!(socket.settled(ticket).await, Some(Fate::Delivered), "asked again");
    drop((socket, client));
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_receipt_a_lost_connection_leaves_it_uncertain() {
    let (builder, mut server) = pair();
    let client = builder.receipts(Receipts::Off).build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    let ticket = socket.emit("hello", &1).unwrap();
    let settled = socket.settled(ticket);
    peer.expect(r#"42["hello",1]"#).await;
    drop(peer);
    assert!(matches!(settled.await, Some(Fate::Uncertain { attempts: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_can_be_taken_back() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (first, second) = (socket.emit("a", &1).unwrap(), socket.emit("a", &2).unwrap());
    let settled = socket.settled(first);
    assert!(socket.cancel(first) && !socket.cancel(first));
    assert_eq!(settled.await, Some(Fate::Cancelled));
    let mut peer = server.connect().await;
    peer.expect(r#"42["a",2]"#).await;
    assert!(!socket.cancel(second), "it is on its way");
}

#[tokio::test(start_paused = true)]
async fn emits_on_terms() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let mut fates = socket.fates();
    let brief = socket.max_age(Duration::from_secs(1)).emit("brief", &()).unwrap();
    let old = socket.coalesce("k").emit("volume", &1).unwrap();
    let new = socket.coalesce("k").max_age(Duration::from_secs(60)).emit("volume", &2).unwrap();
    let volatile = socket.volatile().emit("cursor", &()).unwrap();
    for (emit, fate, value) in [
        (brief, Fate::Held, None),
        (old, Fate::Held, None),
        (new, Fate::Held, None),
        (old, Fate::Dropped, Some("1")),
        (volatile, Fate::Dropped, Some("")),
        (brief, Fate::Expired, Some("")),
    ] {
        let change = fates.next().await.unwrap();
        assert_eq!((change.emit, change.fate), (emit, fate));
        assert_eq!(change.event.as_ref().map(|event| event.args_json()), value);
    }
    server.connect().await.expect(r#"42["volume",2]"#).await;
    assert_eq!(fates.next().await.unwrap().fate, Fate::InFlight { attempt: 1 });
}

#[tokio::test(start_paused = true)]
async fn ages_count_from_the_emit_also_after_a_silence() {
    let (builder, _server) = pair();
    let client = builder.auto_connect(false).buffer_max_age(Some(Duration::from_secs(5))).build().unwrap();
    let socket = client.default_socket();
    // Nothing happens meanwhile that would tell the client the time.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (age, own) =
        (socket.emit("a", &1).unwrap(), socket.max_age(Duration::from_secs(9)).emit("a", &2).unwrap());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(socket.fate(age), Some(Fate::Held));
    assert_eq!(socket.settled(age).await, Some(Fate::Expired));
    assert_eq!((socket.fate(own), socket.settled(own).await), (Some(Fate::Held), Some(Fate::Expired)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_fates_misses_none() {
    let (builder, _server) = pair();
    let client =
        builder.auto_connect(false).buffer_size(10).buffer_policy(BufferPolicy::DropOldest).build().unwrap();
    let socket = client.default_socket();
    let (mut slow, mut other) = (socket.fates(), socket.fates());
    let tickets: Vec<_> = (0..500).map(|n| socket.emit("n", &n).unwrap()).collect();
    tokio::task::yield_now().await;
    let mut seen = Vec::new();
    while seen.len() < 490 {
        let (one, two) = tokio::join!(slow.next(), other.next());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.emit, one.fate), (two.emit, two.fate));
        if one.fate == Fate::Dropped {
            seen.push(one.emit);
        }
    }
    assert_eq!(seen, tickets[..490]);
    drop(slow);
    client.close();
    drop((client, socket));
    // What is still held ends with the client, and the stream with it.
    while other.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn an_answered_emit_has_a_ticket() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    let call = socket.emit_with_ack::<u32>("sum", &(1, 2));
    assert_eq!(call.id(), None);
    let call = call.send();
    let ticket = call.id().unwrap();
    peer.expect(r#"420["sum",1,2]"#).await;
    assert_eq!(socket.fate(ticket), Some(Fate::InFlight { attempt: 1 }));
    let settled = socket.settled(ticket);
    peer.send("430[3]").await;
    assert_eq!((call.await, settled.await), (Ok(3), Some(Fate::Acknowledged)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_of_tickets_that_were_never_given() {
    let (builder, _server) = pair();
    let client = builder.auto_connect(false).build().unwrap();
    let (socket, other) = (client.default_socket(), client.socket("/other"));
    let ticket = socket.emit("a", &()).unwrap();
    assert_eq!((other.fate(ticket), other.settled(ticket).await, other.cancel(ticket)), (None, None, false));
    assert!(!socket.stored(ticket).await, "there is no store");
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_refuses() {
    let (builder, _server) = pair();
    let client = builder.auto_connect(false).buffer_size(1).build().unwrap();
    let socket = client.default_socket();
    socket.emit("a", &()).unwrap();
    assert!(matches!(socket.emit("a", &()), Err(EmitError::BufferFull { held: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_may_emit_and_cancel() {
    let (builder, _server) = pair();
    let client =
        builder.auto_connect(false).buffer_size(2).buffer_policy(BufferPolicy::DropOldest).build().unwrap();
    let socket = client.default_socket();
    let mut fates = socket.fates();
    socket.emit("n", &0).unwrap();
    let mut dropped = 0;
    while dropped < 100 {
        let change = fates.next().await.unwrap();
        if change.fate.is_final() {
            dropped += 1;
            assert_eq!(change.fate, Fate::Dropped);
            assert!(!socket.cancel(change.emit), "it is settled");
            assert_eq!(socket.fate(change.emit), Some(Fate::Dropped));
        } else {
            socket.emit("n", &1).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_fates_that_nobody_reads_ends_when_it_is_full() {
    let (builder, _server) = pair();
    let client =
        builder.auto_connect(false).buffer_size(1).buffer_policy(BufferPolicy::DropOldest).build().unwrap();
    let socket = client.default_socket();
    let (mut many, mut large) = (socket.fates(), client.socket("/large").fates());
    for n in 0..60_000 {
        socket.emit("n", &n).unwrap();
    }
    // Time passes once there is nothing left to do.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut held = 0;
    while within(many.next()).await.is_some() {
        held += 1;
    }
    assert_eq!(held, 100_000);
    // By bytes too.
    let text = "x".repeat(1 << 20);
    for _ in 0..70 {
        client.socket("/large").emit("n", &text).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut bytes = 0;
    while let Some(change) = within(large.next()).await {
        bytes += change.event.map_or(0, |event| event.args_json().len());
    }
    assert!((60 << 20..64 << 20).contains(&bytes), "{bytes}");
    // A new one is as good as any.
    let mut new = socket.fates();
    let ticket = socket.emit("n", &0).unwrap();
    let change = new.next().await.unwrap();
    assert!(change.emit == ticket || change.fate == Fate::Dropped);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_holds_up_no_listener() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let mut peer = server.connect().await;
    socket.connected().await.unwrap();
    let fates = socket.fates();
    for n in 0..100 {
        socket.emit("n", &n).unwrap();
        peer.expect(&format!(r#"42["n",{n}]"#)).await;
    }
    let mut news = socket.stream("news");
    peer.send(r#"42["news",1]"#).await;
    assert_eq!(within(news.next()).await.unwrap().args_json(), "1");
    drop(fates);
}
