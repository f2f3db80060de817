//! The server's side of the random runs: what it has, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use socketio_client_core::{EmitId, TransportId};

/// What is proven to have reached the server.
#[derive(Default)]
pub(crate) struct Proof {
    /// Numbers of the plain emits of `/`.
    pub(crate) numbers: BTreeMap<EmitId, u32>,
    /// What was handed to each transport and is not proven to have come; and how much of it the ping covers.
    pub(crate) unproven: BTreeMap<TransportId, (Vec<u32>, Option<usize>)>,
    /// What the server certainly has.
    pub(crate) proven: BTreeSet<u32>,
    /// Up to here it was said that it is not known.
    pub(crate) uncertain: Option<EmitId>,
}

impl Proof {
    /// The application is told that all up to `last` has reached the server.
    pub(crate) fn delivered(&self, last: EmitId) {
        for (emit, number) in &self.numbers {
            assert!(
                *emit > last || Some(*emit) <= self.uncertain || self.proven.contains(number),
                "{number} is not known to have come"
            );
        }
    }

    /// A pong, or the answer to a POST.
    pub(crate) fn prove(&mut self, transport: TransportId, pong: bool) {
        let Some((unproven, covered)) = self.unproven.get_mut(&transport) else { return };
        let count = if pong { covered.take().unwrap_or(0) } else { unproven.len() };
        self.proven.extend(unproven.drain(..count));
    }
}

/// A server that agrees to everything.
pub(crate) fn answers(text: &str) -> Vec<String> {
    let namespace = ["/a,", "/r,"].into_iter().find(|namespace| text.contains(namespace)).unwrap_or_default();
    if text.starts_with("40") {
        return vec![format!("40{namespace}=S1")];
    }
    let Some((header, _)) = text.split_once('#') else { return vec![] };
    let id = header.trim_start_matches("42").trim_start_matches(namespace);
    if id.is_empty() { vec![] } else { vec![format!("43{namespace}{id}#1")] }
}

/// What the namespace that sends again and again may send.
pub(crate) struct Retried {
    /// Attempts after the first.
    pub(crate) limit: u32,
    /// How often each number was sent.
    times: BTreeMap<u32, u32>,
}

impl Retried {
    pub(crate) const fn new(limit: u32) -> Self {
        Self { limit, times: BTreeMap::new() }
    }

    /// An attempt never left.
    pub(crate) fn stuck(&mut self, number: u32) {
        if let Some(times) = self.times.get_mut(&number) {
            *times -= 1;
        }
        self.times.retain(|_, times| *times > 0);
    }

    /// None is sent for the first time before an older one, and none oftener than it may.
    pub(crate) fn sent(&mut self, number: u32) {
        let newest = self.times.keys().next_back().copied().unwrap_or(0);
        let times = self.times.entry(number).or_default();
        assert!(*times > 0 || number > newest, "{number} after {newest}");
        *times += 1;
        assert!(*times <= self.limit + 1, "{number} was sent {times} times");
    }
}
