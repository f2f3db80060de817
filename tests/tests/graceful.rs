//! What is emitted right before the end arrives, and receipts tell the truth.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use socketio_client_native::{Client, ClientEvent, Fate, Transport};
use tests::{NodeServer, Options, PATIENCE};
use tokio::sync::mpsc::unbounded_channel;

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

const ROUNDS: usize = 20;

/// `emit`, then `disconnect` in the same breath.
async fn arrives(transports: &[Transport], upgrades: bool) {
    let mut server = NodeServer::start(Options::new().record());
    for round in 0..ROUNDS {
        let client =
            Client::builder(server.url()).transports(transports.to_vec()).upgrade(upgrades).build().unwrap();
        let (tell, mut upgraded) = unbounded_channel();
        client.on_event(move |event| {
            if matches!(event, ClientEvent::Upgrade(_)) {
                // Nobody may wait for it.
                let _ = tell.send(());
            }
        });
        let socket = client.socket("/");
        soon(socket.connected()).await.unwrap();
        if upgrades {
            soon(upgraded.recv()).await.unwrap();
        }
        let ticket = socket.emit("record", &round).unwrap();
        let settled = socket.settled(ticket);
        socket.disconnect();
        assert!(!socket.is_connected(), "it counts as disconnected at once");
        soon(client.closed()).await;
        assert_eq!(server.recorded(), (0..=round).map(|n| json!(n)).collect::<Vec<_>>());
        assert_eq!(soon(settled).await, Some(Fate::Delivered));
    }
    let stats = server.wait_until("disconnects", ROUNDS as u64);
    let reasons = stats["disconnects"].as_array().unwrap();
    assert!(reasons.iter().all(|line| line["reason"] == "client namespace disconnect"), "{reasons:?}");
    println!("figures: {transports:?}, upgrades {upgrades}: {ROUNDS} of {ROUNDS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emit_before_disconnect_arrives_over_websocket() {
    arrives(&[Transport::WebSocket], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emit_before_disconnect_arrives_over_polling() {
    arrives(&[Transport::Polling], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emit_before_disconnect_arrives_in_an_upgraded_session() {
    arrives(&[Transport::Polling, Transport::WebSocket], true).await;
}

const MANY: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_covers_all_that_was_emitted_before() {
    let mut server = NodeServer::start(Options::new().record());
    let client = Client::builder(server.url()).build().unwrap();
    let socket = client.socket("/");
    soon(socket.connected()).await.unwrap();
    let tickets: Vec<_> = (0..MANY).map(|n| socket.emit("record", &n).unwrap()).collect();
    assert_eq!(soon(socket.settled(tickets[MANY - 1])).await, Some(Fate::Delivered));
    // The server has read them all: what follows cannot lose one. Its handlers run in its next turns.
    client.close();
    server.wait_until("events.counts.record", MANY as u64);
    assert_eq!(server.recorded(), (0..MANY).map(|n| json!(n)).collect::<Vec<_>>());
    assert!(tickets.iter().all(|ticket| socket.fate(*ticket) == Some(Fate::Delivered)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pong_nothing_is_told_as_delivered() {
    let server = NodeServer::start(Options::new().record());
    let proxy = Deaf::start(server.port());
    let client = Client::builder(format!("http://127.0.0.1:{}", proxy.port))
        .transports([Transport::WebSocket])
        .reconnection(false)
        .build()
        .unwrap();
    let socket = client.socket("/");
    soon(socket.connected()).await.unwrap();
    let tickets: Vec<_> = (0..MANY).map(|n| socket.emit("record", &n).unwrap()).collect();
    let settled: Vec<_> = tickets.iter().map(|ticket| socket.settled(*ticket)).collect();
    // The server has them all, and says so; another event comes back behind the pong.
    let count: usize = soon(socket.emit_with_ack("call", &MANY)).await.unwrap();
    assert_eq!((count, server.recorded().len()), (MANY, MANY));
    proxy.until_a_pong_is_swallowed();
    assert!(tickets.iter().all(|ticket| socket.fate(*ticket) == Some(Fate::InFlight { attempt: 1 })));
    proxy.cut();
    for fate in settled {
        assert!(matches!(soon(fate).await, Some(Fate::Uncertain { attempts: 1, .. })));
    }
}

/// A proxy that lets no WebSocket pong through.
struct Deaf {
    port: u16,
    swallowed: std::sync::mpsc::Receiver<()>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Deaf {
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, swallowed) = std::sync::mpsc::channel();
        let streams = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::clone(&streams);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                open.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                let tell = tell.clone();
                // It ends with the connection.
                thread::spawn(move || {
                    let _ = swallow(far, near, &tell);
                });
            }
        });
        Self { port, swallowed, streams }
    }

    fn until_a_pong_is_swallowed(&self) {
        self.swallowed.recv_timeout(PATIENCE).unwrap();
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap().iter() {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn swallow(
    mut from: TcpStream,
    mut to: TcpStream,
    tell: &std::sync::mpsc::Sender<()>,
) -> std::io::Result<()> {
    const PONG: u8 = 0xA;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    to.write_all(&head)?;
    loop {
        // A server's frames are not masked.
        let mut frame = vec![0; 2];
        from.read_exact(&mut frame)?;
        let extended = match frame[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        frame.resize(2 + extended, 0);
        from.read_exact(&mut frame[2..])?;
        let length = match extended {
            0 => usize::from(frame[1]),
            _ => frame[2..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        let start = frame.len();
        frame.resize(start + length, 0);
        from.read_exact(&mut frame[start..])?;
        match frame[0] & 0xF {
            // The test may have ended.
            PONG => drop(tell.send(())),
            _ => to.write_all(&frame)?,
        }
    }
}
