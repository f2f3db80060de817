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
    match text {
        "40" => vec!["40=S1".into()],
        "40/a," => vec!["40/a,=S2".into()],
        _ => {
            let Some((header, _)) = text.split_once('#') else { return vec![] };
            let id = header.trim_start_matches("42").trim_start_matches("/a,");
            if id.is_empty() {
                return vec![];
            }
            vec![format!("{}{id}#1", if header.contains("/a") { "43/a," } else { "43" })]
        }
    }
}
