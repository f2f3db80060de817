//! Handshakes and upgrades that are cut, at every byte.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use simulator::dice::Dice;
use socketio_client_native::Transport;
use tests::{Direction, End, Fault, PATIENCE, Proxy};
use tokio::time::timeout;

use crate::servers::{Kind, Server};
use crate::subject::{Account, Subject, quick};

/// Cuts at the same time.
const ABREAST: usize = 48;

/// Of so many exchanges the longest says which offsets there are: how much is said over polling before an upgrade is a
/// matter of luck.
pub(crate) const MEASURED: usize = 16;

/// What is cut, by the transports that it begins and ends with.
const WAYS: [(&str, &[Transport]); 3] = [
    ("WebSocket handshake", &[Transport::WebSocket]),
    ("polling handshake", &[Transport::Polling]),
    ("upgrade", &[Transport::Polling, Transport::WebSocket]),
];

#[derive(Clone, Copy)]
struct Cut {
    way: usize,
    direction: Direction,
    after: u64,
    end: End,
}

/// One line of the table.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) way: &'static str,
    pub(crate) direction: &'static str,
    /// Bytes of the longest exchange.
    pub(crate) bytes: u64,
    /// How many offsets were tried.
    pub(crate) tried: usize,
    /// How many of them met a byte.
    pub(crate) cut: u64,
    /// How many of those before the exchange was over.
    pub(crate) within: usize,
    pub(crate) longest: Duration,
    pub(crate) accounts: Account,
    pub(crate) kinds: Vec<String>,
}

/// What is cut: it connects, with an emit that waits for it, and works, after an upgrade where there is one.
async fn exchange(subject: &Subject, proxy: &Proxy, way: usize) {
    // In the buffer before there is a connection.
    subject.emit();
    subject.works(false).await;
    // Or the upgrade fails, and the session goes on.
    if WAYS[way].1.len() > 1 && proxy.fired() == 0 {
        subject.upgraded().await;
    }
}

/// How many bytes go up and down in the longest of several.
async fn longest(server: &Server, way: usize) -> [u64; 2] {
    let whole = || async {
        let proxy = Proxy::start(server.port);
        let subject = Subject::start(quick(proxy.url(), WAYS[way].1), u64::MAX);
        exchange(&subject, &proxy, way).await;
        [proxy.passed(Direction::Up), proxy.passed(Direction::Down)]
    };
    let all = futures::future::join_all((0..MEASURED).map(|_| whole())).await;
    all.into_iter().fold([0; 2], |[up, down], [more_up, more_down]| [up.max(more_up), down.max(more_down)])
}

struct Met {
    cut: u64,
    /// Before the exchange was over.
    within: bool,
    took: Duration,
    account: Account,
}

async fn one(server: &Server, cut: Cut, id: u64) -> Met {
    let proxy = Proxy::start(server.port);
    proxy.set(Fault::Cut(cut.direction, cut.after, cut.end));
    let begin = std::time::Instant::now();
    let builder = quick(proxy.url(), WAYS[cut.way].1).reconnection_delay(Duration::from_millis(1));
    let subject = Subject::start(builder, id);
    exchange(&subject, &proxy, cut.way).await;
    let within = proxy.fired() > 0;
    // A shorter exchange than the longest goes on until that byte has come.
    while proxy.fired() == 0 {
        subject.works(false).await;
    }
    subject.works(false).await;
    let took = begin.elapsed();
    subject.emit();
    let account = subject.account(server, false).await;
    Met { cut: proxy.fired(), within, took, account }
}

/// Cuts `share` of all offsets (`None`: every one), for each way and direction.
pub(crate) async fn run(kind: Kind, share: Option<usize>, seed: u64) -> Vec<Sum> {
    let server = Arc::new(Server::quiet(kind).await);
    let mut dice = Dice::new(seed);
    let mut sums = Vec::new();
    let mut id = 0;
    for (way, (name, _)) in WAYS.iter().enumerate() {
        let bytes = timeout(PATIENCE, longest(&server, way)).await.unwrap();
        for (direction, bytes) in [Direction::Up, Direction::Down].into_iter().zip(bytes) {
            let offsets: Vec<u64> = match share {
                None => (0..bytes).collect(),
                Some(count) => (0..count).map(|_| dice.roll(bytes)).collect(),
            };
            let mut sum = Sum {
                way: name,
                direction: if direction == Direction::Up { "to the server" } else { "to the client" },
                bytes,
                tried: offsets.len(),
                ..Sum::default()
            };
            let cuts: Vec<_> = offsets
                .into_iter()
                .map(|after| {
                    let end = if dice.roll(2) == 0 { End::Close } else { End::Reset };
                    id += 1;
                    (Cut { way, direction, after, end }, id)
                })
                .collect();
            let mut ends = futures::stream::iter(cuts)
                .map(|(cut, id)| {
                    let server = Arc::clone(&server);
                    async move {
                        let done = tokio::spawn(async move { one(&server, cut, id).await }).await;
                        done.unwrap_or_else(|error| {
                            panic!(
                                "{name}, cut after {} bytes ({:?}, {:?}): {error}",
                                cut.after, cut.direction, cut.end
                            )
                        })
                    }
                })
                .buffer_unordered(ABREAST);
            while let Some(Met { cut, within, took, account }) = ends.next().await {
                sum.cut += cut;
                sum.within += usize::from(within);
                sum.longest = sum.longest.max(took);
                for word in &account.words {
                    if !sum.kinds.contains(word) {
                        sum.kinds.push(word.clone());
                    }
                }
                let total = &mut sum.accounts;
                total.emits += account.emits;
                total.delivered += account.delivered;
                total.uncertain += account.uncertain;
                total.lost += account.lost;
            }
            drop(ends);
            sum.kinds.sort_unstable();
            sums.push(sum);
        }
    }
    sums
}
