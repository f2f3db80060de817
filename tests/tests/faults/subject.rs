//! The client under test, and all that it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use socketio_client_native::{Client, ClientBuilder, ClientEvent, EmitId, Fate, Gap, Socket, Transport};
use tests::PATIENCE;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::rows::Says;
use crate::servers::Server;

/// `reconnection_delay_max` of every client here.
pub(crate) const LONGEST: Duration = Duration::from_millis(200);

/// A client that is back soon.
pub(crate) fn quick(url: String, transports: &[Transport]) -> ClientBuilder {
    Client::builder(url)
        .transports(transports.to_vec())
        .reconnection_delay(Duration::from_millis(10))
        .reconnection_delay_max(LONGEST)
}

/// What came, and a number that changes whenever something does.
#[derive(Debug, Default)]
struct Told {
    words: Vec<String>,
    waits: Vec<Duration>,
    heard: Vec<u64>,
    /// After so many of those.
    gaps: Vec<(usize, Gap)>,
    fates: BTreeMap<EmitId, Fate>,
    /// Those that were done, and those that failed.
    upgrades: usize,
}

/// What became of everything.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Each once.
    pub(crate) words: Vec<String>,
    pub(crate) emits: usize,
    pub(crate) delivered: usize,
    pub(crate) acknowledged: usize,
    pub(crate) uncertain: usize,
    /// Said to have arrived.
    pub(crate) lost: usize,
    /// More than one run of the server's handler.
    pub(crate) twice: usize,
    pub(crate) events: usize,
    pub(crate) missed: u64,
    pub(crate) gaps: usize,
}

pub(crate) struct Subject {
    client: Client,
    socket: Socket,
    /// What it writes as.
    id: u64,
    told: Arc<Mutex<Told>>,
    changed: watch::Receiver<()>,
    tickets: Mutex<Vec<EmitId>>,
    calls: Mutex<u64>,
}

impl Subject {
    pub(crate) fn start(builder: ClientBuilder, id: u64) -> Self {
        let client = builder.auto_connect(false).build().unwrap();
        let socket = client.socket("/");
        let told = Arc::<Mutex<Told>>::default();
        let (sender, changed) = watch::channel(());
        let tell = {
            let told = Arc::clone(&told);
            move |change: &mut dyn FnMut(&mut Told)| {
                change(&mut told.lock().unwrap_or_else(PoisonError::into_inner));
                sender.send_replace(());
            }
        };
        let tell = Arc::new(tell);
        let on = Arc::clone(&tell);
        client.on_event(move |event| {
            on(&mut |told| match &event {
                ClientEvent::OpenError(error) => told.words.push(error.to_string()),
                ClientEvent::Upgrade(_) => told.upgrades += 1,
                ClientEvent::UpgradeError(cause) => {
                    told.upgrades += 1;
                    told.words.push(format!("upgrade: {cause}"));
                }
                ClientEvent::Waiting { delay, .. } => told.waits.push(*delay),
                _ => {}
            });
        });
        let on = Arc::clone(&tell);
        socket.on_disconnect(move |reason| on(&mut |told| told.words.push(reason.as_str().to_owned())));
        let on = Arc::clone(&tell);
        socket.on_gap(move |gap| on(&mut |told| told.gaps.push((told.heard.len(), gap))));
        let on = Arc::clone(&tell);
        socket.on("tick", move |message| {
            let number = message.parse().unwrap();
            on(&mut |told| told.heard.push(number));
        });
        let mut fates = socket.fates();
        tokio::spawn(async move {
            while let Some(change) = fates.next().await {
                tell(&mut |told| {
                    let before = told.fates.insert(change.emit, change.fate);
                    assert!(!before.is_some_and(Fate::is_final), "{before:?} became {:?}", change.fate);
                });
            }
        });
        socket.connect();
        Self { client, socket, id, told, changed, tickets: Mutex::default(), calls: Mutex::default() }
    }

    fn told<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn until(&self, what: &str, condition: impl Fn(&Told) -> bool) {
        let mut changed = self.changed.clone();
        let met = changed.wait_for(|()| self.told(&condition));
        let met = timeout(PATIENCE, met).await.is_ok();
        assert!(met, "waited for {what}: {:?}", self.told(|told| (told.words.clone(), told.heard.len())));
    }

    /// Waits until it was told this, since it was told so many words.
    pub(crate) async fn hears_of(&self, says: &Says, since: usize) {
        self.until(&format!("{says:?}"), |told| says.met(&told.words[since..])).await;
    }

    /// How many words it was told so far.
    pub(crate) fn words(&self) -> usize {
        self.told(|told| told.words.len())
    }

    /// How long it was told to wait each time.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.told(|told| told.waits.clone())
    }

    /// Waits until a call is answered, and an event has come after that.
    pub(crate) async fn works(&self, ticks: bool) {
        let begin = Instant::now();
        loop {
            let number = {
                let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
                *calls += 1;
                *calls
            };
            match self.socket.emit_with_ack::<u64>("call", &number).timeout(PATIENCE).await {
                Ok(answer) => break assert_eq!(answer, number),
                Err(error) => {
                    assert!(
                        begin.elapsed() < PATIENCE,
                        "{error}, told: {:?}",
                        self.told(|told| told.words.clone())
                    );
                }
            }
        }
        if ticks {
            let before = self.told(|told| told.heard.len());
            self.until("an event", |told| told.heard.len() > before).await;
        }
    }

    /// Waits until the session has moved to a WebSocket, or is told that it does not.
    pub(crate) async fn upgraded(&self) {
        self.until("an upgrade", |told| told.upgrades > 0).await;
    }

    /// Emits the next one that is to be recorded.
    pub(crate) fn emit(&self) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = self.socket.emit("record", &((self.id, tickets.len()),)).unwrap();
        tickets.push(ticket);
    }

    /// Waits until all is settled, closes, and holds it to what the server has.
    /// `confirmed`: the server may have said that it had what it could not read.
    pub(crate) async fn account(self, server: &Server, confirmed: bool) -> Account {
        let tickets = std::mem::take(&mut *self.tickets.lock().unwrap_or_else(PoisonError::into_inner));
        let is_final = |told: &Told, ticket| told.fates.get(ticket).copied().is_some_and(Fate::is_final);
        self.until("fates", |told| tickets.iter().all(|ticket| is_final(told, ticket))).await;
        self.client.close();
        self.client.closed().await;
        let fates = self.told(|told| told.fates.clone());
        let mut account = self.told(heard);
        account.emits = tickets.len();
        let arrived = |fate: Fate| matches!(fate, Fate::Delivered | Fate::Acknowledged);
        let lacking = |runs: &BTreeMap<u64, usize>| -> Vec<u64> {
            let told = (0..).zip(&tickets).filter(|(_, ticket)| arrived(fates[*ticket]));
            told.map(|(number, _)| number).filter(|number| !runs.contains_key(number)).collect()
        };
        // Those of one body follow each other, and have no answer.
        let believed = |lacking: &[u64]| {
            let delivered = |number: &u64| fates[&tickets[*number as usize]] == Fate::Delivered;
            confirmed
                && lacking.iter().all(delivered)
                && lacking.windows(2).all(|pair| pair[1] == pair[0] + 1)
        };
        // A server may say that it has something before it runs the handler.
        let begin = Instant::now();
        let mut runs = self.runs(server);
        loop {
            let lacking = lacking(&runs);
            if lacking.is_empty() || believed(&lacking) {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{lacking:?} did not arrive, though told so");
            tokio::task::yield_now().await;
            runs = self.runs(server);
        }
        for (number, ticket) in (0..).zip(&tickets) {
            let times = runs.get(&number).copied().unwrap_or(0);
            match fates[ticket] {
                Fate::Delivered => {
                    account.delivered += times;
                    account.lost += 1 - times;
                }
                Fate::Acknowledged => account.acknowledged += 1,
                Fate::Uncertain { .. } => {
                    account.uncertain += 1;
                    assert!(times <= 1, "{number} arrived {times} times");
                }
                other => panic!("{number} ended as {other}"),
            }
            account.twice += usize::from(times > 1);
        }
        account
    }

    fn runs(&self, server: &Server) -> BTreeMap<u64, usize> {
        let mut runs = BTreeMap::new();
        let number = |value: &Value| value[1].as_u64().unwrap();
        server.recorded().iter().filter(|value| value[0] == self.id).for_each(|value| {
            *runs.entry(number(value)).or_default() += 1;
        });
        runs
    }
}

/// The same for every proxy.
fn without_port(word: &str) -> String {
    let mut text = word.to_owned();
    for host in ["127.0.0.1:", "localhost:"] {
        let mut parts = text.split(host);
        let first = parts.next().unwrap_or_default().to_owned();
        text = parts.fold(first, |text, part| {
            text + host + "…" + part.trim_start_matches(|digit: char| digit.is_ascii_digit())
        });
    }
    text
}

/// What was said and heard.
fn heard(told: &Told) -> Account {
    let mut words = Vec::new();
    for word in &told.words {
        let word = without_port(word);
        // Our own end.
        if !words.contains(&word) && word != "io client disconnect" {
            words.push(word);
        }
    }
    let in_order = told.heard.is_sorted_by(|a, b| a < b);
    assert!(in_order, "twice, or out of order: {:?}", told.heard);
    let span = told.heard.last().zip(told.heard.first()).map_or(0, |(last, first)| last - first + 1);
    let missed = span - told.heard.len() as u64;
    let gaps: Vec<_> =
        told.gaps.iter().filter_map(|(after, gap)| (!gap.recovered).then_some(*after)).collect();
    for (after, pair) in (1..).zip(told.heard.windows(2)) {
        let told_of = pair[1] == pair[0] + 1 || gaps.contains(&after);
        assert!(told_of, "missed without a word between {pair:?}: {:?}, gaps after {gaps:?}", told.heard);
    }
    Account { words, events: told.heard.len(), missed, gaps: gaps.len(), ..Account::default() }
}
