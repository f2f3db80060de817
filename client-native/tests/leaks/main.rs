//! Whatever is dropped whenever: afterwards the runtime has no task of ours, and the process no socket.
//!
//! One test, since open files are the process's.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod server;
mod steps;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use socketio_client_native::store::MemoryStore;
use socketio_client_native::{Client, ClientBuilder, Transport};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

use steps::Steps;

type Options = fn(ClientBuilder) -> ClientBuilder;
type Case = fn(Client) -> Pin<Box<dyn Future<Output = ()>>>;

static ASKED: Notify = Notify::const_new();
/// Each is another one.
static CUTS: AtomicUsize = AtomicUsize::new(0);

const PLAIN: Options = |builder| builder;
/// Never answered.
const ASKING: Options = |builder| {
    builder.auth_with(|| {
        ASKED.notify_one();
        std::future::pending::<()>()
    })
};

/// Each public async function, and each stream.
const CASES: &[(&str, Options, Case)] = &[
    ("connected", PLAIN, |client| {
        Box::pin(async move { client.default_socket().connected().await.unwrap() })
    }),
    ("emit_with_ack", PLAIN, |client| {
        Box::pin(async move {
            assert_eq!(client.default_socket().emit_with_ack::<u8>("ask", &()).await, Ok(1));
        })
    }),
    ("flushed", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            socket.emit("a", &()).unwrap();
            socket.flushed().await.unwrap();
        })
    }),
    ("stored, then settled", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            let emit = socket.emit("a", &()).unwrap();
            assert!(socket.stored(emit).await);
            assert!(socket.settled(emit).await.is_some());
        })
    }),
    ("clear_outbox", PLAIN, |client| {
        Box::pin(async move {
            client.default_socket().emit("a", &()).unwrap();
            client.clear_outbox().await.unwrap();
        })
    }),
    ("closed", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            socket.connected().await.unwrap();
            client.close();
            client.closed().await;
        })
    }),
    ("stream", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            let mut news = socket.stream("news");
            socket.emit("ask", &()).unwrap();
            for n in 1..=2 {
                assert_eq!(news.next().await.unwrap().parse(), Ok(n));
            }
        })
    }),
    ("fates", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            let mut fates = socket.fates();
            let emit = socket.emit("a", &()).unwrap();
            while socket.fate(emit).is_some_and(|fate| !fate.is_final()) {
                assert_eq!(fates.next().await.unwrap().emit, emit);
            }
        })
    }),
    ("gap and resync", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            let (tx, mut told) = mpsc::unbounded_channel();
            let gaps = tx.clone();
            socket.on_gap(move |_| gaps.send("gap").unwrap_or(()));
            socket.resync(move |_| {
                let tx = tx.clone();
                async move {
                    tokio::task::yield_now().await;
                    tx.send("resynced").unwrap_or(());
                }
            });
            socket.connected().await.unwrap();
            socket.emit("cut", &CUTS.fetch_add(1, SeqCst)).unwrap();
            assert_eq!(told.recv().await, Some("gap"));
            assert_eq!(told.recv().await, Some("resynced"));
        })
    }),
    ("a resync that never ends", PLAIN, |client| {
        Box::pin(async move {
            let socket = client.default_socket();
            let (tx, mut begun) = mpsc::unbounded_channel();
            socket.resync(move |_| {
                tx.send(()).unwrap_or(());
                std::future::pending()
            });
            socket.connected().await.unwrap();
            socket.emit("cut", &CUTS.fetch_add(1, SeqCst)).unwrap();
            begun.recv().await.unwrap();
        })
    }),
    ("an answer that never comes", ASKING, |client| {
        Box::pin(async move {
            let _socket = client.default_socket();
            ASKED.notified().await;
        })
    }),
];

/// What the application leaves running, and what it has open.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    tasks: usize,
    files: usize,
}

impl Counts {
    fn now() -> Self {
        let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
        Self { tasks: Handle::current().metrics().num_alive_tasks(), files }
    }

    /// Waits until it is as it was.
    async fn come_back(&self, what: &str) {
        let waiting = async {
            while Self::now() != *self {
                tokio::task::yield_now().await;
            }
        };
        let back = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(back.is_ok(), "{what}: {:?}, and before the client {self:?}", Self::now());
    }
}

const TRANSPORTS: [&[Transport]; 3] =
    [&[Transport::WebSocket], &[Transport::Polling], &[Transport::Polling, Transport::WebSocket]];

fn builder(server: SocketAddr, transports: &[Transport], steps: &Arc<Steps>) -> ClientBuilder {
    Client::builder(format!("http://{server}"))
        .transports(transports.iter().copied())
        .connector(steps::connector(server, Arc::clone(steps)))
        .outbox_store(MemoryStore::new())
        .retries(Some(3))
        .reconnection_delay(Duration::from_millis(1))
}

/// Drops the future as soon as it has been polled so often. True if it was done before.
async fn polled<F: Future>(future: F, polls: usize) -> bool {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Drops the future once its connections have come so far. True if it was done before.
async fn stepped<F: Future>(future: F, steps: &Steps, last: usize) -> bool {
    let mut future = Box::pin(future);
    let mut reached = pin!(steps.reached(last));
    poll_fn(|cx| match (reached.as_mut().poll(cx), future.as_mut().poll(cx)) {
        (_, Poll::Ready(_)) => Poll::Ready(true),
        (Poll::Ready(()), Poll::Pending) => Poll::Ready(false),
        (Poll::Pending, Poll::Pending) => Poll::Pending,
    })
    .await
}

async fn each_case_is_dropped_everywhere(
    server: SocketAddr,
    transports: &[Transport],
) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    let before = Counts::now();
    for (name, options, case) in CASES {
        let builder = |steps: &Arc<Steps>| options(builder(server, transports, steps));
        for handle_outlives in [true, false] {
            for polls in 0.. {
                let client = builder(&Arc::default()).build().unwrap();
                let other = handle_outlives.then(|| client.default_socket());
                let done = polled(case(client), polls).await;
                if other.is_some() {
                    // What was dropped is noticed while the client runs.
                    tokio::task::yield_now().await;
                }
                drop(other);
                before.come_back(&format!("{name}, dropped after {polls} polls")).await;
                *counts.entry("polls").or_default() += 1;
                if done {
                    break;
                }
            }
        }
        for last in 1.. {
            let steps = Arc::default();
            let client = builder(&steps).build().unwrap();
            let done = stepped(case(client), &steps, last).await;
            before.come_back(&format!("{name}, dropped at step {last} of the connection")).await;
            *counts.entry("steps of connections").or_default() += 1;
            if done {
                break;
            }
        }
    }
    counts
}

#[test]
fn every_handle_dropped_at_every_await_point_leaves_no_task_and_no_socket() {
    let server = server::start();
    for (name, mut builder) in [
        ("one thread", tokio::runtime::Builder::new_current_thread()),
        ("two threads", tokio::runtime::Builder::new_multi_thread()),
    ] {
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        for transports in TRANSPORTS {
            let counts = runtime.block_on(each_case_is_dropped_everywhere(server, transports));
            println!("figures: {name}, {transports:?}: {} cases, dropped at {counts:?}", CASES.len());
        }
    }
}
