//! What became of every event, both ways.

use serde_json::Value;

/// Names of both kinds of emits: what must not be lost, and what may.
pub(super) const KINDS: [&str; 2] = ["op", "volatile"];
/// Mistakes that are told one by one.
const SHOWN: usize = 20;

/// Of one kind of emits, by number.
#[derive(Debug, Default)]
struct Emits {
    /// How often the server's handler was called.
    runs: Vec<u8>,
    /// The index of its fate in [`Account::names`], plus one.
    fates: Vec<u8>,
    /// No handler was called with more than this.
    newest: Option<usize>,
}

/// All that both sides have said.
#[derive(Debug, Default)]
pub(super) struct Account {
    emits: [Emits; 2],
    names: Vec<String>,
    /// The number of the next event.
    next: u64,
    /// A gap was told since the last event.
    gap: bool,
    pub(super) heard: u64,
    /// Events that lie in a gap.
    pub(super) missed: u64,
    pub(super) gaps: u64,
    pub(super) joins: u64,
    pub(super) recovered: u64,
    wrong: u64,
    mistakes: Vec<String>,
}

impl Account {
    fn mistake(&mut self, text: String) {
        self.wrong += 1;
        if self.mistakes.len() < SHOWN {
            self.mistakes.push(text);
        }
    }

    /// What the client says that it has heard.
    pub(super) fn events(&mut self, line: &Value) {
        for event in line["events"].as_array().into_iter().flatten() {
            match event[0].as_str() {
                Some("heard") => self.range(&event[1], &event[2]),
                Some("gap") => (self.gap, self.gaps) = (true, self.gaps + 1),
                Some("joined") => {
                    self.joins += 1;
                    self.recovered += u64::from(event[1] == true);
                }
                Some("left") => {}
                _ => self.mistake(format!("the client heard {event}")),
            }
        }
    }

    fn range(&mut self, from: &Value, to: &Value) {
        let (Some(from), Some(to)) = (from.as_u64(), to.as_u64()) else {
            return self.mistake(format!("heard from {from} to {to}"));
        };
        if from < self.next {
            self.mistake(format!("events {from}..{to} after {}: twice, or out of order", self.next));
        }
        if from > self.next {
            if self.gap {
                self.missed += from - self.next;
            } else {
                self.mistake(format!("events {}..{from} are lost, and no gap was told", self.next));
            }
        }
        self.gap = false;
        self.heard += to - from;
        self.next = self.next.max(to);
    }

    /// Whether everything has come that the server has sent, or lies in a gap.
    pub(super) const fn is_even(&self, sent: u64) -> bool {
        self.next == sent || self.gap
    }

    /// What the client says of its emits.
    pub(super) fn fates(&mut self, line: &Value) {
        for told in line["fates"].as_array().into_iter().flatten() {
            let of = (told[0].as_str(), index(&told[1]), index(&told[2]), index(&told[3]));
            let (Some(name), Some(kind @ 0..=1), Some(from), Some(to)) = of else {
                self.mistake(format!("a fate {told}"));
                continue;
            };
            let at = self.names.iter().position(|of| of == name).unwrap_or_else(|| {
                self.names.push(name.to_owned());
                self.names.len() - 1
            });
            let fate = u8::try_from(at + 1).unwrap_or(u8::MAX);
            for n in from..to {
                let before = std::mem::replace(slot(&mut self.emits[kind].fates, n), fate);
                if before != 0 {
                    let before = self.names[usize::from(before) - 1].clone();
                    self.mistake(format!("{} {n} ended as {before}, and then as {name}", KINDS[kind]));
                }
            }
        }
    }

    /// What the server says of its handlers.
    pub(super) fn ran(&mut self, line: &Value) {
        for (kind, name) in KINDS.into_iter().enumerate() {
            for range in line["ran"][name].as_array().into_iter().flatten() {
                let (Some(from), Some(to)) = (index(&range[0]), index(&range[1])) else {
                    self.mistake(format!("handlers were called with {range}"));
                    continue;
                };
                let emits = &mut self.emits[kind];
                let newest = emits.newest.replace(to);
                for n in from..to {
                    *slot(&mut emits.runs, n) += 1;
                }
                if newest.is_some_and(|newest| from < newest) {
                    self.mistake(format!("the server ran {name} {from}..{to} after {newest:?}"));
                }
            }
        }
    }

    /// How many emits have an end.
    pub(super) fn settled(&self) -> u64 {
        self.emits.iter().flat_map(|emits| &emits.fates).filter(|fate| **fate != 0).count() as u64
    }

    /// Fates of a kind of emits by name, with how many of them the server ran.
    pub(super) fn counts(&self, kind: usize) -> Vec<(String, u64, u64)> {
        let emits = &self.emits[kind];
        let mut counts: Vec<_> = self.names.iter().map(|name| (name.clone(), 0, 0)).collect();
        for (n, fate) in emits.fates.iter().enumerate().filter(|(_, fate)| **fate != 0) {
            let (_, count, ran) = &mut counts[usize::from(*fate) - 1];
            *count += 1;
            *ran += u64::from(emits.runs.get(n).is_some_and(|runs| *runs > 0));
        }
        counts.retain(|(_, count, _)| *count > 0);
        counts
    }

    /// Holds each emit's fate to what the server did, and says what is wrong.
    pub(super) fn judge(mut self, sent: u64, emitted: [u64; 2]) -> (Self, Vec<String>) {
        if !self.is_even(sent) {
            self.mistake(format!("the server sent {sent} events, and the client heard up to {}", self.next));
        }
        for (kind, emitted) in emitted.into_iter().enumerate() {
            for n in 0..usize::try_from(emitted).unwrap_or(usize::MAX) {
                let runs = self.emits[kind].runs.get(n).copied().unwrap_or(0);
                let fate = self.emits[kind].fates.get(n).copied().unwrap_or(0);
                let fate = fate.checked_sub(1).map_or("without an end", |at| &*self.names[usize::from(at)]);
                let is_true = match fate {
                    // Nothing of it is lost.
                    "acknowledged" => runs == 1,
                    _ if kind == 0 => false,
                    "delivered" => runs == 1,
                    "uncertain" => runs <= 1,
                    "dropped" | "refused" => runs == 0,
                    _ => false,
                };
                if !is_true {
                    let text = format!("{} {n}: {fate}, run {runs} times by the server", KINDS[kind]);
                    self.mistake(text);
                }
            }
            let most = self.emits[kind].runs.len().max(self.emits[kind].fates.len()) as u64;
            if most > emitted {
                self.mistake(format!("{} {}, which was never emitted", KINDS[kind], most - 1));
            }
        }
        let mut mistakes = std::mem::take(&mut self.mistakes);
        if self.wrong > mistakes.len() as u64 {
            mistakes.push(format!("… {} in all", self.wrong));
        }
        (self, mistakes)
    }
}

fn index(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn slot(of: &mut Vec<u8>, n: usize) -> &mut u8 {
    if of.len() <= n {
        of.resize(n + 1, 0);
    }
    &mut of[n]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn account(events: Value, fates: Value, ran: Value) -> Account {
        let mut account = Account::default();
        account.events(&json!({"events": events}));
        account.fates(&json!({"fates": fates}));
        account.ran(&json!({"ran": ran}));
        account
    }

    fn wrong(account: Account, sent: u64, emitted: [u64; 2]) -> Vec<String> {
        account.judge(sent, emitted).1
    }

    #[test]
    fn what_came_once_and_in_order_or_lies_in_a_gap_is_right() {
        let events = json!([
            ["joined", false],
            ["heard", 0, 5],
            ["left", "x"],
            ["joined", true],
            ["gap", "x"],
            ["heard", 8, 9]
        ]);
        let fates = json!([
            ["acknowledged", 0, 0, 2],
            ["delivered", 1, 0, 1],
            ["uncertain", 1, 1, 3],
            ["dropped", 1, 3, 4]
        ]);
        let account = account(events, fates, json!({"op": [[0, 2]], "volatile": [[0, 2]]}));
        assert_eq!((account.heard, account.missed, account.settled()), (6, 3, 6));
        assert_eq!(account.counts(1)[1], ("uncertain".to_owned(), 2, 1));
        assert_eq!(wrong(account, 9, [2, 4]), [""; 0]);
    }

    #[test]
    fn an_event_that_is_lost_or_comes_twice_is_seen() {
        for events in [
            json!([["heard", 0, 5], ["heard", 6, 9]]),
            json!([["heard", 0, 5], ["heard", 4, 9]]),
            json!([["heard", 1, 9]]),
            json!([["heard", 0, 8]]),
            json!([["gap", "x"], ["heard", 0, 5], ["heard", 6, 9]]),
            json!([["heard", 0, 9], ["strange", "[]"]]),
        ] {
            assert_eq!(wrong(account(events.clone(), json!([]), json!({})), 9, [0, 0]).len(), 1, "{events}");
        }
    }

    #[test]
    fn a_fate_that_is_not_true_is_seen() {
        for (fates, ran) in [
            (json!([["acknowledged", 0, 0, 1]]), json!({})),
            (json!([["acknowledged", 0, 0, 1]]), json!({"op": [[0, 1], [0, 1]]})),
            (json!([["uncertain", 0, 0, 1]]), json!({"op": [[0, 1]]})),
            (json!([]), json!({"op": [[0, 1]]})),
            (json!([["acknowledged", 0, 0, 1], ["acknowledged", 0, 0, 1]]), json!({"op": [[0, 1]]})),
            (json!([["acknowledged", 0, 0, 2]]), json!({"op": [[0, 2]]})),
        ] {
            let wrong = wrong(account(json!([]), fates.clone(), ran), 0, [1, 0]);
            assert!(!wrong.is_empty(), "{fates}");
        }
        for (fate, ran) in [("delivered", json!([])), ("dropped", json!([[0, 1]])), ("held", json!([]))] {
            let account = account(json!([]), json!([[fate, 1, 0, 1]]), json!({"volatile": ran}));
            assert_eq!(wrong(account, 0, [0, 1]).len(), 1, "{fate}");
        }
    }
}
