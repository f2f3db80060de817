//! What may be missing: gaps, what the application does about them, events that wait for their listener.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socketio_client_native::GapReason;
use tokio::sync::{Notify, mpsc};

use crate::support::{pair, within};

#[tokio::test(start_paused = true)]
async fn a_gap_is_told_and_events_wait_until_it_is_made_good() {
    let (builder, mut server) = pair();
    let client = builder.build().unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    let gaps = tx.clone();
    socket.on_gap(move |gap| gaps.send(format!("gap {}", gap.reason)).unwrap());
    let events = tx.clone();
    socket.on("news", move |message| events.send(message.args_json().to_owned()).unwrap());
    let loaded = Arc::new(Notify::new());
    let (wait, loader) = (Arc::clone(&loaded), socket.clone());
    socket.resync(move |gap| {
        let (wait, socket, tx) = (Arc::clone(&wait), loader.clone(), tx.clone());
        async move {
            assert_eq!(gap.reason, GapReason::NoneOffered);
            let history: u8 = socket.emit_with_ack("history", &()).await.unwrap();
            tx.send(format!("history {history}")).unwrap();
            wait.notified().await;
        }
    });

    let peer = server.connect().await;
    assert_eq!(socket.last_gap(), None);
    drop(peer);
    let mut peer = within(server.connect()).await;
    peer.expect(r#"420["history"]"#).await;
    peer.send(r#"42["news",1]"#).await;
    peer.send("430[7]").await;
    assert_eq!(within(told.recv()).await.unwrap(), "gap none-offered");
    assert_eq!(within(told.recv()).await.unwrap(), "history 7");
    peer.send(r#"42["news",2]"#).await;
    loaded.notify_one();
    assert_eq!(within(told.recv()).await.unwrap(), "1");
    assert_eq!(within(told.recv()).await.unwrap(), "2");
    assert_eq!(socket.last_gap().unwrap().reason, GapReason::NoneOffered);

    // One that panics, or is given up, holds up nothing.
    socket.resync(|_| async { panic!("no history") });
    drop(peer);
    let mut peer = within(server.connect()).await;
    peer.send(r#"42["news",3]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "gap none-offered");
    assert_eq!(within(told.recv()).await.unwrap(), "3");
}

#[tokio::test(start_paused = true)]
async fn named_events_wait_for_their_first_listener() {
    let (builder, mut server) = pair();
    let client = builder.hold_events(["early"]).hold_size(2).build().unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    let gaps = tx.clone();
    socket.on_gap(move |gap| gaps.send(format!("gap {}", gap.reason)).unwrap());
    let others = tx.clone();
    socket.on("other", move |_| others.send("other".into()).unwrap());
    let mut peer = server.connect().await;
    for number in 1..=4 {
        peer.send(format!(r#"42["early",{number}]"#)).await;
    }
    peer.send(r#"42["unnamed"]"#).await;
    peer.send(r#"42["other"]"#).await;
    // Two of four, of which one was told at once.
    let mut both = [within(told.recv()).await.unwrap(), within(told.recv()).await.unwrap()];
    both.sort();
    assert_eq!(both, ["gap overflow", "other"]);
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (numbers, done) = (Arc::clone(&seen), tx.clone());
    socket.on("early", move |message| {
        numbers.lock().unwrap().push(message.parse().unwrap());
        done.send("early".into()).unwrap();
    });
    // What was dropped since lies in a gap too.
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(within(told.recv()).await.unwrap());
    }
    all.sort();
    assert_eq!(all, ["early", "early", "gap overflow"]);
    peer.send(r#"42["early",5]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "early");
    assert_eq!(*seen.lock().unwrap(), [3, 4, 5]);
    assert!(tokio::time::timeout(Duration::from_secs(1), told.recv()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_was_dropped_unheard_is_made_good() {
    let (builder, mut server) = pair();
    let client = builder.hold_events(["early"]).hold_size(1).build().unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    let (loaded, events) = (tx.clone(), tx.clone());
    socket.on("other", move |_| events.send("other".into()).unwrap());
    socket.resync(move |gap| {
        let loaded = loaded.clone();
        async move {
            // By the client's clock: since the event came that was dropped.
            loaded.send(format!("{} {:?}", gap.reason, gap.until - gap.since)).unwrap();
        }
    });
    let mut peer = server.connect().await;
    assert_eq!(socket.last_gap(), None);
    peer.send(r#"42["early",1]"#).await;
    peer.send(r#"42["other"]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "other");
    tokio::time::sleep(Duration::from_secs(2)).await;
    peer.send(r#"42["early",2]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "overflow 2s");
    assert_eq!(socket.last_gap().unwrap().reason, GapReason::Overflow);
    // Told again once somebody has listened.
    socket.off_event("early");
    peer.send(r#"42["early",3]"#).await;
    peer.send(r#"42["other"]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "other");
    let (early, listens) = tokio::sync::oneshot::channel();
    let early = Mutex::new(Some(early));
    let listener = socket.on("early", move |message| {
        if let Some(early) = early.lock().unwrap().take() {
            early.send(message.args_json().to_owned()).unwrap();
        }
    });
    assert_eq!(within(listens).await.unwrap(), "3");
    socket.off(listener);
    peer.send(r#"42["early",4]"#).await;
    peer.send(r#"42["early",5]"#).await;
    assert!(within(told.recv()).await.unwrap().starts_with("overflow"));
}

#[tokio::test(start_paused = true)]
async fn who_joins_next_gets_nothing_of_what_waited() {
    let (builder, mut server) = pair();
    let client = builder
        .hold_events(["early"])
        .offset("place", |message| message.parse::<(u64,)>().ok().map(|(place,)| place))
        .build()
        .unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    let events = tx.clone();
    socket.on("other", move |message| events.send(message.args_json().to_owned()).unwrap());
    let mut peer = within(server.open(crate::support::SLOW)).await;
    peer.expect("40").await;
    peer.send(r#"40{"sid":"S1"}"#).await;
    for (event, place) in [("other", 1), ("early", 2), ("other", 3)] {
        peer.send(format!(r#"42["{event}",{place}]"#)).await;
    }
    for place in ["1", "3"] {
        assert_eq!(within(told.recv()).await.unwrap(), place);
    }
    // A connection that is lost changes nothing: what waits has come.
    drop(peer);
    let mut peer = within(server.open(crate::support::SLOW)).await;
    peer.expect(r#"40{"place":3}"#).await;
    peer.send(r#"40{"sid":"S2"}"#).await;
    peer.send(r#"42["early",4]"#).await;
    peer.send(r#"42["other",5]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "5");
    socket.disconnect();
    socket.connect();
    let mut peer = within(server.open(crate::support::SLOW)).await;
    // The server's history has it all the same.
    peer.expect(r#"40{"place":1}"#).await;
    peer.send(r#"40{"sid":"S3"}"#).await;
    peer.send(r#"42["early",6]"#).await;
    peer.send(r#"42["other",7]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), "7");
    socket.on_disconnect(move |reason| tx.send(reason.to_string()).unwrap());
    peer.send("41").await;
    assert_eq!(within(told.recv()).await.unwrap(), "io server disconnect");
    socket.connect();
    let mut peer = within(server.open(crate::support::SLOW)).await;
    peer.expect(r#"40{"place":1}"#).await;
    peer.send(r#"40{"sid":"S4"}"#).await;
    peer.send(r#"42["early",8]"#).await;
    let (tx, mut told) = mpsc::unbounded_channel();
    socket.on("early", move |message| tx.send(message.args_json().to_owned()).unwrap());
    assert_eq!(within(told.recv()).await.unwrap(), "8");
}

#[tokio::test(start_paused = true)]
async fn a_servers_own_history_goes_on_where_the_listeners_were() {
    let (builder, mut server) = pair();
    let client = builder
        .auth(std::collections::BTreeMap::from([("token", "t")]))
        .offset("serverOffset", |message| Some(message.parse::<(String, u64)>().ok()?.1))
        .build()
        .unwrap();
    let socket = client.default_socket();
    let (tx, mut told) = mpsc::unbounded_channel();
    socket.on("news", move |message| tx.send(message.args_json().to_owned()).unwrap());
    let mut peer = within(server.open(crate::support::SLOW)).await;
    peer.expect(r#"40{"token":"t"}"#).await;
    peer.send(r#"40{"sid":"S1"}"#).await;
    peer.send(r#"42["news","a",41]"#).await;
    peer.send(r#"42["news","b"]"#).await;
    assert_eq!(within(told.recv()).await.unwrap(), r#""a",41"#);
    assert_eq!(within(told.recv()).await.unwrap(), r#""b""#);
    drop(peer);
    let mut peer = within(server.open(crate::support::SLOW)).await;
    peer.expect(r#"40{"serverOffset":41,"token":"t"}"#).await;
}
