//! A connection that is cut at every byte of a hundred plain emits: none arrives twice, each has one end, and none is said
//! to be held again that the server has.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use socketio_client_native::{AckError, Client, EmitId, Fate, Transport};
use tests::{Direction, End, Fault, NodeServer, Options, PATIENCE, Proxy};

const EMITS: u64 = 100;

/// What the server has of one round, with how often.
fn received(server: &NodeServer, round: u64) -> BTreeMap<u64, u64> {
    let mut seen = BTreeMap::new();
    for value in server.recorded() {
        if value[0] == round {
            *seen.entry(value[1].as_u64().unwrap()).or_default() += 1;
        }
    }
    seen
}

/// One cut: so many bytes of the emits pass. Returns how many emits arrived, and how many are uncertain.
async fn cut_after(server: &NodeServer, proxy: &Proxy, round: u64, bytes: u64) -> (usize, usize) {
    let client = Client::builder(proxy.url())
        .transports([Transport::WebSocket])
        .reconnection_delay(Duration::from_millis(1))
        .build()
        .unwrap();
    let socket = client.socket("/");
    socket.connected().await.unwrap();
    let mut changes = socket.fates();
    proxy.set(Fault::Cut(Direction::Up, bytes, End::Close));
    let tickets: Vec<EmitId> =
        (0..EMITS).map(|number| socket.emit("record", &((round, number),)).unwrap()).collect();
    let mut last: BTreeMap<EmitId, Fate> = BTreeMap::new();
    while last.values().filter(|fate| fate.is_final()).count() < tickets.len() {
        let change = changes.next().await.unwrap();
        let before = last.insert(change.emit, change.fate);
        assert!(
            !before.is_some_and(Fate::is_final),
            "{:?} was {before:?}, and is {:?}",
            change.emit,
            change.fate
        );
        let again = matches!((before, change.fate), (Some(Fate::InFlight { .. }), Fate::Held));
        assert!(!again, "natively nothing proves that it never left");
    }
    // What is on its way to the server's file is there once an answer has come after it. The cut may lie behind the emits,
    // and hit this one.
    while let Err(error) = socket.emit_with_ack::<serde_json::Value>("record", &((round, EMITS),)).await {
        assert_eq!(error, AckError::Disconnected);
    }
    let seen = received(server, round);
    let mut uncertain = 0;
    for (number, ticket) in (0..).zip(&tickets) {
        let times = seen.get(&number).copied().unwrap_or(0);
        match last[ticket] {
            Fate::Delivered => assert_eq!(times, 1, "{number} was told as delivered"),
            Fate::Uncertain { .. } => {
                uncertain += 1;
                assert!(times <= 1, "{number} arrived {times} times");
            }
            other => panic!("{number} ended as {other}"),
        }
        assert_eq!(socket.fate(*ticket), Some(last[ticket]));
    }
    client.close();
    client.closed().await;
    (seen.len() - 1, uncertain)
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Every byte in a full run, fifty of them in each.
#[tokio::test]
async fn a_cut_at_every_byte_of_a_hundred_emits() {
    let server = NodeServer::start(Options::new().record());
    let proxy = Proxy::start(server.port());
    // A frame has six bytes of its own, and a text such as `42["record",[12,34]]`.
    let most = EMITS * 32;
    let full = std::env::var_os("TESTS_FULL").is_some();
    let step = usize::try_from(if full { 1 } else { most / 50 }).unwrap();
    let first = variable("CUT_SEED", 7) % step as u64;
    let (mut cuts, mut arrived, mut uncertain) = (0, 0, 0);
    for (round, bytes) in (0..).zip((first..most).step_by(step)) {
        let round = tokio::time::timeout(PATIENCE, cut_after(&server, &proxy, round, bytes)).await.unwrap();
        cuts += proxy.fired();
        proxy.lift();
        arrived += round.0;
        uncertain += round.1;
    }
    println!(
        "figures: {cuts} cuts: {arrived} emits arrived, {uncertain} uncertain, none twice, each one end"
    );
    assert!(cuts > 30);
}
